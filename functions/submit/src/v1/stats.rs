//! `/v1/stats`: what the system did lately. Read from the jobs themselves; nothing is counted beside them.

use std::time::Duration;

use axum::{
    Extension, Json,
    extract::{Query, State, rejection::QueryRejection},
};
use jiff::{SignedDuration, Timestamp};
use nommer_core::{
    api::StatsView,
    error::Code,
    id::JobId,
    job::Job,
    key::Caller,
    ports::{Backend, JobFilter, JobStore, ScaleSignal, StoreError},
};
use serde::Deserialize;

use super::{Ports, query};
use crate::reply::Refusal;

/// How far back figures reach unless the caller says otherwise, and at most.
const WINDOW: Duration = Duration::from_hours(24);
const LONGEST_WINDOW: Duration = Duration::from_hours(24 * 90);
const SHORTEST_WINDOW: Duration = Duration::from_mins(1);

/// Jobs that are counted at most, the newest, and read at a time.
const COUNTED: usize = 10_000;
const LOOK: u32 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatsQuery {
    window: Option<String>,
}

pub(crate) async fn stats<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    asked: Result<Query<StatsQuery>, QueryRejection>,
) -> Result<Json<StatsView>, Refusal> {
    let (window, now) = (window(query(asked)?.window.as_deref())?, Timestamp::now());
    let begin = SignedDuration::try_from(window).ok();
    let begin = begin.and_then(|window| now.checked_sub(window).ok());
    let filter = caller.narrowed(JobFilter {
        since: begin.map(JobId::first_of),
        limit: LOOK,
        ..JobFilter::default()
    });
    let store = submit.backend.store();
    let (recent, complete) = newest(store, filter).await?;
    let mut unfinished = store.unfinished().await?;
    unfinished.retain(|job| caller.sees_those_of(job.owner.as_ref()));
    Ok(Json(StatsView {
        complete,
        ..StatsView::new(&recent, &unfinished, window, now)
    }))
}

fn window(text: Option<&str>) -> Result<Duration, Refusal> {
    let Some(text) = text else { return Ok(WINDOW) };
    let asked = text.parse::<SignedDuration>().ok();
    let asked = asked.and_then(|asked| Duration::try_from(asked).ok());
    asked
        .filter(|asked| (SHORTEST_WINDOW..=LONGEST_WINDOW).contains(asked))
        .ok_or_else(|| {
            let message = "window must be a time such as 30m, 24h or 168h, from 1m to 2160h";
            Refusal::new(Code::InvalidSpec, message)
        })
}

/// The newest jobs that the filter finds, and whether these are all.
async fn newest(
    store: &impl JobStore,
    mut filter: JobFilter,
) -> Result<(Vec<Job>, bool), StoreError> {
    let mut jobs: Vec<Job> = Vec::new();
    while jobs.len() < COUNTED {
        let page = store.list(&filter).await?;
        let last = page.len() < LOOK as usize;
        jobs.extend(page);
        if last {
            return Ok((jobs, true));
        }
        filter.before = jobs.last().map(|job| job.id.clone());
    }
    Ok((jobs, false))
}
