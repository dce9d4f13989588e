//! One action on all jobs that a filter finds, a page at a time: a request ends in seconds, however many jobs there are.

use axum::{Extension, Json, body::Body, extract::State};
use jiff::Timestamp;
use nommer_core::{
    api::{BulkRefusal, BulkView},
    error::{Code, JobError},
    job::Job,
    key::Caller,
    ports::{Backend, ScaleSignal},
};
use serde::Deserialize;

use super::{
    Ports,
    create::repeat,
    delete::delete_one,
    jobs::{ListQuery, cancel_one, page},
};
use crate::{Submit, body::read_json, reply::Refusal};

/// Jobs that one request changes at most.
const PAGE: u32 = 50;

/// The same where the outputs of each are deleted: looking at them and deleting them are requests of their own.
const PAGE_WITH_OUTPUTS: u32 = 10;

/// What is done to each job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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
    /// Whether jobs that are deleted take what they published along.
    delete_outputs: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    state: Option<String>,
    external_id: Option<String>,
    batch_id: Option<String>,
    created_after: Option<String>,
    created_before: Option<String>,
    preset: Option<String>,
    tag: Option<String>,
    q: Option<String>,
    cursor: Option<String>,
}

impl From<Filter> for ListQuery {
    fn from(filter: Filter) -> Self {
        Self {
            state: filter.state,
            external_id: filter.external_id,
            batch_id: filter.batch_id,
            created_after: filter.created_after,
            created_before: filter.created_before,
            preset: filter.preset,
            tag: filter.tag,
            q: filter.q,
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
    let body = read_json(body).await?.into_value();
    let request: Request = serde_json::from_value(body)
        .map_err(|error| Refusal::new(Code::InvalidSpec, error.to_string()))?;
    let with_outputs = request.delete_outputs.unwrap_or(false);
    if with_outputs && request.action != Action::Delete {
        let message = "delete_outputs goes with the action delete alone";
        return Err(Refusal::new(Code::InvalidSpec, message));
    }
    let asked = ListQuery::from(request.filter);
    let sieve = asked.sieve()?;
    let mut filter = caller.narrowed(asked.filter()?);
    filter.limit = if with_outputs {
        PAGE_WITH_OUTPUTS
    } else {
        PAGE
    };
    let (jobs, next_cursor) = page(&submit, filter, &sieve).await?;
    let mut view = BulkView {
        matched: jobs.len(),
        done: 0,
        refused: Vec::new(),
        next_cursor,
    };
    for job in jobs {
        let id = job.id.clone();
        match act(&submit, &caller, (request.action, with_outputs), job).await {
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
    (action, with_outputs): (Action, bool),
    job: Job,
) -> Result<(), Refusal> {
    let now = Timestamp::now();
    match action {
        Action::Cancel => cancel_one(submit, &job.id, now).await.map(drop),
        // The list may lag behind; what is deleted is looked at itself.
        Action::Delete => delete_one(submit, caller, job.id.as_str(), with_outputs).await,
        Action::Retry => repeat(submit, caller, job, None, now).await.map(drop),
    }
}
