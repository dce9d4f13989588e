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
    log::last_lines,
    ports::{Backend, LogStore as _, ScaleSignal},
};
use serde::Deserialize;

use super::{Ports, query};
use crate::{job::find, reply::Refusal};

/// Most lines that may be asked for.
const MOST_LINES: usize = 10_000;

/// Most passes of a job: FFmpeg runs of its own words, or those of outputs.
const MOST_PASSES: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    tail: Option<String>,
    pass: Option<String>,
}

pub(crate) async fn log<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    asked: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let asked = query(asked)?;
    let lines = number("tail", asked.tail, MOST_LINES)?.unwrap_or(MOST_LINES);
    let pass = number("pass", asked.pass, MOST_PASSES)?;
    let job = find(&submit, &caller, &id).await?;
    let log = submit.backend.store().log(&job.id).await?;
    let log = log.ok_or_else(|| {
        let message = format!("there is no log of job {}: FFmpeg has not run yet", job.id);
        Refusal::new(Code::NotFound, message)
    })?;
    let text = match pass {
        None => log.text.as_str(),
        Some(pass) => log.of_pass(pass).ok_or_else(|| {
            let message = format!("nothing of pass {pass} is in the log of job {}", job.id);
            Refusal::new(Code::NotFound, message)
        })?,
    };
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, last_lines(text, lines).to_owned()).into_response())
}

/// A number of the query, from 1.
fn number(name: &str, text: Option<String>, most: usize) -> Result<Option<usize>, Refusal> {
    let read = text.map(|text| {
        let number = text.parse().ok();
        let number = number.filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| {
            let message = format!("{name} must be a whole number from 1 to {most}");
            Refusal::new(Code::InvalidSpec, message)
        })
    });
    read.transpose()
}
