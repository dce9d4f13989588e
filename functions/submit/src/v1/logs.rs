//! What FFmpeg said of a job, as plain text.

use axum::{
    Extension,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use nommer_core::{
    error::Code,
    key::Caller,
    ports::{Backend, LogStore as _, ScaleSignal},
};
use serde::Deserialize;

use super::{Ports, query};
use crate::{job::find, reply::Refusal};

/// Most lines that may be asked for.
const MOST_LINES: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    tail: Option<String>,
}

pub(crate) async fn log<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    asked: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let lines = query(asked)?.tail.map(|text| {
        let lines = text.parse().ok();
        let lines = lines.filter(|lines| (1..=MOST_LINES).contains(lines));
        lines.ok_or_else(|| {
            let message = format!("tail must be a whole number from 1 to {MOST_LINES}");
            Refusal::new(Code::InvalidSpec, message)
        })
    });
    let lines = lines.transpose()?.unwrap_or(MOST_LINES);
    let job = find(&submit, &caller, &id).await?;
    let log = submit.backend.store().log(&job.id).await?;
    let log = log.ok_or_else(|| {
        let message = format!("there is no log of job {}: FFmpeg has not run yet", job.id);
        Refusal::new(Code::NotFound, message)
    })?;
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, log.tail(lines).to_owned()).into_response())
}
