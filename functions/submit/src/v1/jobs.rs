//! Jobs that there are: shown, listed, canceled.

use axum::{
    Extension, Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use nommer_core::{
    api::{JobView, Page},
    commit::Committed,
    error::Code,
    id::{BatchId, JobId},
    job::{Event, Job, StateChange, StateName},
    key::Caller,
    ports::{Backend, JobFilter, JobStore, LogStore as _, ScaleSignal, Version},
    sieve::{LOOKED_AT_MOST, Sieve},
};
use serde::Deserialize;

use super::{Ports, query};
use crate::{
    Submit,
    job::{find, find_version},
    reply::Refusal,
};

/// Jobs on a page unless the caller says otherwise, and at most.
const PAGE: u32 = 20;
const PAGE_AT_MOST: u32 = 100;

/// Records that are read at a time for what no index finds.
const LOOK: u32 = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    pub(super) state: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) batch_id: Option<String>,
    pub(super) created_after: Option<String>,
    pub(super) created_before: Option<String>,
    pub(super) preset: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) q: Option<String>,
    pub(super) limit: Option<String>,
    pub(super) cursor: Option<String>,
}

impl ListQuery {
    /// What is looked for in the records themselves.
    pub(super) fn sieve(&self) -> Result<Sieve, Refusal> {
        let word = |name: &str, text: &Option<String>| match text {
            Some(text) if text.is_empty() => Err(invalid(format!("{name} must not be empty"))),
            text => Ok(text.clone()),
        };
        Ok(Sieve {
            preset: word("preset", &self.preset)?,
            tag: word("tag", &self.tag)?,
            text: word("q", &self.q)?,
        })
    }

    /// The filter, for as many jobs as a page shows.
    pub(super) fn filter(self) -> Result<JobFilter, Refusal> {
        let state = self.state.map(|name| {
            let names = StateName::ALL.map(StateName::as_str).join(", ");
            StateName::parse(&name).ok_or_else(|| invalid(format!("state must be one of {names}")))
        });
        let cursor = self.cursor.map(|cursor| {
            let refused = |_invalid| invalid("cursor must be a next_cursor of an earlier page");
            cursor.parse::<JobId>().map_err(refused)
        });
        let batch = self.batch_id.map(|id| {
            let refused = |_invalid| invalid("batch_id must be the id of a batch");
            id.parse::<BatchId>().map_err(refused)
        });
        let before = time(self.created_before.as_deref(), "created_before")?;
        let before = [before, cursor.transpose()?].into_iter().flatten().min();
        Ok(JobFilter {
            state: state.transpose()?,
            external_id: self.external_id,
            owner: None,
            batch: batch.transpose()?,
            before,
            since: time(self.created_after.as_deref(), "created_after")?,
            limit: page_size(self.limit.as_deref())?,
        })
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::InvalidSpec, message)
}

/// The first id that a job of this time can have.
fn time(text: Option<&str>, field: &str) -> Result<Option<JobId>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let at: Timestamp = text.parse().map_err(|_invalid| {
        invalid(format!(
            "{field} must be a time such as 2026-01-31T12:00:00Z"
        ))
    })?;
    Ok(Some(JobId::first_of(at)))
}

pub(super) fn page_size(text: Option<&str>) -> Result<u32, Refusal> {
    let Some(text) = text else { return Ok(PAGE) };
    text.parse()
        .ok()
        .filter(|size| (1..=PAGE_AT_MOST).contains(size))
        .ok_or_else(|| {
            invalid(format!(
                "limit must be a whole number from 1 to {PAGE_AT_MOST}"
            ))
        })
}

pub(crate) async fn list<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    asked: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Page<JobView>>, Refusal> {
    let asked = query(asked)?;
    let sieve = asked.sieve()?;
    let filter = caller.narrowed(asked.filter()?);
    let (jobs, next_cursor) = page(&submit, filter, &sieve).await?;
    let now = Timestamp::now();
    let data = jobs.iter().map(|job| JobView::new(job, now)).collect();
    Ok(Json(Page { data, next_cursor }))
}

/// As many jobs as the filter says, and the cursor of the next page if there is one.
pub(super) async fn page<B: Backend, W>(
    submit: &Submit<B, W>,
    filter: JobFilter,
    sieve: &Sieve,
) -> Result<(Vec<Job>, Option<String>), Refusal> {
    if !sieve.is_open() {
        return sifted(submit, filter, sieve).await;
    }
    let shown = filter.limit as usize;
    let one_more = JobFilter {
        limit: filter.limit + 1,
        ..filter
    };
    let mut jobs = submit.backend.store().list(&one_more).await?;
    let more = jobs.len() > shown;
    jobs.truncate(shown);
    let last = jobs.last().filter(|_| more);
    let next_cursor = last.map(|job| job.id.to_string());
    Ok((jobs, next_cursor))
}

/// The same of those that pass the sieve. What a request comes past is bounded: a page may hold fewer jobs than it could, even none.
async fn sifted<B: Backend, W>(
    submit: &Submit<B, W>,
    filter: JobFilter,
    sieve: &Sieve,
) -> Result<(Vec<Job>, Option<String>), Refusal> {
    let (shown, mut looked_at, mut found) = (filter.limit as usize, 0, Vec::new());
    let mut rest = JobFilter {
        limit: LOOK,
        ..filter
    };
    loop {
        let jobs = submit.backend.store().list(&rest).await?;
        let last = jobs.len() < LOOK as usize;
        for job in jobs {
            looked_at += 1;
            rest.before = Some(job.id.clone());
            if sieve.passes(&job) {
                found.push(job);
            }
            if found.len() == shown || looked_at == LOOKED_AT_MOST {
                return Ok((found, rest.before.map(|id| id.to_string())));
            }
        }
        if last {
            return Ok((found, None));
        }
    }
}

/// Lines of FFmpeg's words that a job is shown with on request.
const LOG_TAIL: usize = 20;

/// What a job can be shown with. Its events are there in any case.
const EXPANSIONS: [&str; 2] = ["events", "log_tail"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowQuery {
    expand: Option<String>,
}

impl ShowQuery {
    /// Whether the end of the log is asked for.
    fn with_log(&self) -> Result<bool, Refusal> {
        let words = self.expand.as_deref().unwrap_or_default();
        let mut words = words.split(',').filter(|word| !word.is_empty());
        if let Some(word) = words.clone().find(|word| !EXPANSIONS.contains(word)) {
            let word: String = word.chars().take(64).collect();
            let known = EXPANSIONS.join(", ");
            return Err(invalid(format!("expand knows {known}, and not {word:?}")));
        }
        Ok(words.any(|word| word == "log_tail"))
    }
}

/// Shows a job, or answers 304 to a caller who has seen it as it is stored. What grows with the time alone, its cost, does not count.
pub(crate) async fn get<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    asked: Result<Query<ShowQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let with_log = query(asked)?.with_log()?;
    let (job, Version(version)) = find_version(&submit, &caller, &id).await?;
    let tag = format!("W/\"{version}\"");
    let seen = headers.get(header::IF_NONE_MATCH);
    let seen = seen
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| {
            tags.split(',')
                .any(|one| matches!(one.trim(), "*") || one.trim() == tag)
        });
    let mut response = if seen {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut view = JobView::new(&job, Timestamp::now());
        if with_log {
            let log = submit.backend.store().log(&job.id).await?;
            view.log_tail = log.map(|log| log.tail(LOG_TAIL).to_owned());
        }
        Json(view).into_response()
    };
    let tag = HeaderValue::from_str(&tag);
    response
        .headers_mut()
        .extend(tag.ok().map(|tag| (header::ETAG, tag)));
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    #[serde(default)]
    after_sequence: u64,
}

/// The state changes of a job that it still knows, oldest first.
pub(crate) async fn events<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    asked: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Json<Page<StateChange>>, Refusal> {
    let after = query(asked)?.after_sequence;
    let mut data = find(&submit, &caller, &id).await?.history;
    data.retain(|change| change.sequence > after);
    Ok(Json(Page {
        data,
        next_cursor: None,
    }))
}

pub(crate) async fn cancel<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<JobView>), Refusal> {
    let job = find(&submit, &caller, &id).await?;
    let now = Timestamp::now();
    let job = cancel_one(&submit, &job.id, now).await?;
    Ok((StatusCode::ACCEPTED, Json(JobView::new(&job, now))))
}

/// Cancels a job, if it has not ended otherwise.
pub(super) async fn cancel_one<B: Backend, W>(
    submit: &Submit<B, W>,
    id: &JobId,
    now: Timestamp,
) -> Result<Job, Refusal> {
    match submit.backend.table().apply(id, Event::Cancel, now).await? {
        Committed::Changed { job, .. } | Committed::Ignored(job) => Ok(*job),
        Committed::Denied(reason, _) => Err(Refusal::new(Code::Conflict, reason.to_string())),
        Committed::Missing => Err(Refusal::no_such_job(id.as_str())),
    }
}
