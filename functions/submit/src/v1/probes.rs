//! Probes: looks at a source. Each is a small job without a destination, done by an encoder; nothing is fetched here.

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use nommer_core::{
    api::{ProbeView, SourceView},
    error::{Code, JobError},
    id::JobId,
    job::{Event, Job},
    key::Caller,
    ports::{Backend, JobStore as _, ScaleSignal, Version},
    spec::parse_probe,
};
use serde_json::json;
use uuid::Uuid;

use super::{Ports, create::idempotency_key};
use crate::{
    NewJob, Submit, accept,
    body::read_json,
    job::{Accepted, find, find_any},
    reply::Refusal,
};

pub(crate) async fn create<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = read_json(body).await?.into_value();
    let now = Timestamp::now();
    let new = NewJob {
        checked: parse_probe(&body, &submit.rules)?,
        key: idempotency_key(&headers, &json!({"probe": body}), now)?,
        repeats: None,
        id: JobId::of_probe(Uuid::now_v7()),
    };
    let accepted = accept(&submit, &caller, new, now).await?;
    let replayed = matches!(accepted, Accepted::Replayed(_));
    let job = match accepted {
        Accepted::New(job) => *job,
        Accepted::Replayed(id) => found(&submit, &caller, id.as_str()).await?.0,
    };
    let mut response = (StatusCode::ACCEPTED, Json(ProbeView::from(&job))).into_response();
    let location = HeaderValue::from_str(&format!("/v1/probes/{}", job.id));
    let headers = response.headers_mut();
    headers.extend(location.ok().map(|value| (header::LOCATION, value)));
    if replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

pub(crate) async fn get<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<ProbeView>, Refusal> {
    let (probe, _) = found(&submit, &caller, &id).await?;
    Ok(Json(ProbeView::from(&probe)))
}

/// Forgets a probe; one that has not ended is canceled first.
pub(crate) async fn delete<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let (probe, _) = found(&submit, &caller, &id).await?;
    if !probe.state.ended() {
        let table = submit.backend.table();
        table
            .apply(&probe.id, Event::Cancel, Timestamp::now())
            .await?;
    }
    let (probe, version) = found(&submit, &caller, &id).await?;
    submit.backend.store().delete(&probe.id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a job found in its source.
pub(crate) async fn of_job<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<SourceView>, Refusal> {
    let job = find(&submit, &caller, &id).await?;
    let source = SourceView::of(&job.report).ok_or_else(|| {
        let message = format!("the source of job {} was not looked at yet", job.id);
        Refusal::from(
            JobError::new(Code::NotFound, message).with_hint("it is when the job is ENCODING"),
        )
    })?;
    Ok(Json(source))
}

async fn found<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    id: &str,
) -> Result<(Job, Version), Refusal> {
    let probe = find_any(submit, caller, id).await?;
    probe.filter(|(job, _)| job.spec.is_probe()).ok_or_else(|| {
        let id: String = id.chars().take(64).collect();
        Refusal::new(Code::NotFound, format!("there is no probe {id:?}"))
    })
}
