//! One action on all jobs that a filter finds, a page at a time: a request ends in seconds, however many jobs there are.

use axum::{Extension, Json, body::Body, extract::State};
use jiff::Timestamp;
use nommer_core::{
    api::{BulkRefusal, BulkView},
    commit::Committed,
    error::{Code, JobError},
    job::{Event, Job},
    key::Caller,
    ports::{Backend, JobStore, ScaleSignal},
};
use serde::Deserialize;

use super::{Ports, create::repeat, jobs::ListQuery};
use crate::{Submit, body::read_json, job::find_version, reply::Refusal};

/// Jobs that one request changes at most.
const PAGE: usize = 50;

/// What is done to each job.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Cancel,
    Delete,
    Retry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    action: Action,
    /// Without one all jobs are meant, and that has to be said: `{}`.
    filter: Filter,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    state: Option<String>,
    external_id: Option<String>,
    created_after: Option<String>,
    created_before: Option<String>,
    cursor: Option<String>,
}

impl From<Filter> for ListQuery {
    fn from(filter: Filter) -> Self {
        Self {
            state: filter.state,
            external_id: filter.external_id,
            created_after: filter.created_after,
            created_before: filter.created_before,
            limit: None,
            cursor: filter.cursor,
        }
    }
}

pub(crate) async fn bulk<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Json<BulkView>, Refusal> {
    let body = read_json(body).await?;
    let request: Request = serde_json::from_value(body)
        .map_err(|error| Refusal::new(Code::InvalidSpec, error.to_string()))?;
    let mut filter = caller.narrowed(ListQuery::from(request.filter).filter()?);
    filter.limit = u32::try_from(PAGE + 1).unwrap_or(u32::MAX);
    let mut jobs = submit.backend.store().list(&filter).await?;
    let more = jobs.len() > PAGE;
    jobs.truncate(PAGE);
    let mut view = BulkView {
        matched: jobs.len(),
        done: 0,
        refused: Vec::new(),
        next_cursor: jobs.last().filter(|_| more).map(|job| job.id.to_string()),
    };
    for job in jobs {
        let id = job.id.clone();
        match act(&submit, &caller, request.action, job).await {
            Ok(()) => view.done += 1,
            Err(refusal) => {
                let JobError { code, message, .. } = refusal.into_error();
                view.refused.push(BulkRefusal {
                    id,
                    code,
                    detail: message,
                });
            }
        }
    }
    Ok(Json(view))
}

async fn act<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    caller: &Caller,
    action: Action,
    job: Job,
) -> Result<(), Refusal> {
    let now = Timestamp::now();
    match action {
        Action::Cancel => {
            let table = submit.backend.table();
            match table.apply(&job.id, Event::Cancel, now).await? {
                Committed::Changed { .. } | Committed::Ignored(_) => Ok(()),
                Committed::Denied(reason, _) => {
                    Err(Refusal::new(Code::Conflict, reason.to_string()))
                }
                Committed::Missing => Err(Refusal::no_such_job(job.id.as_str())),
            }
        }
        Action::Delete => {
            // The list may lag behind; what is deleted is looked at itself.
            let (job, version) = find_version(submit, caller, job.id.as_str()).await?;
            super::jobs::check_ended(&job)?;
            Ok(submit.backend.store().delete(&job.id, version).await?)
        }
        Action::Retry => repeat(submit, caller, job, None, now).await.map(drop),
    }
}
