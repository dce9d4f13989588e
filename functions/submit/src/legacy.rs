//! The original's route: `POST /job/submit`, with or without a slash at the end.
//!
//! Always answers 200, because the original's client takes anything else for a broken connection; `success` tells the outcome.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use nommer_core::{
    error::JobError,
    id::JobId,
    key::Caller,
    ports::{Backend, ScaleSignal},
    spec::parse_legacy,
};
use serde_json::json;
use uuid::Uuid;

use crate::{NewJob, Submit, accept, body::read_json, reply::Refusal};

/// The one error code that the original's documentation names.
const ERROR_CODE: &str = "BADINPUT";

pub(crate) async fn submit<B: Backend, W: ScaleSignal>(
    State(submit): State<Arc<Submit<B, W>>>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Response {
    let answer = match try_submit(&submit, &caller, body).await {
        Ok(id) => json!({"success": true, "job_id": id}),
        Err(error) => {
            let message = match error.hint {
                Some(hint) if !error.message.starts_with("Missing/invalid") => {
                    format!("{} ({hint})", error.message)
                }
                _ => error.message,
            };
            json!({"success": false, "error_code": ERROR_CODE, "code": error.code, "message": message})
        }
    };
    Json(answer).into_response()
}

async fn try_submit<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    caller: &Caller,
    body: Body,
) -> Result<JobId, JobError> {
    let body = read_json(body).await?;
    let checked = parse_legacy(&body, &submit.rules).map_err(|refused| refused.error)?;
    drop(body);
    let id = JobId::from_uuid(Uuid::now_v7());
    let new = NewJob {
        checked,
        key: None,
        repeats: None,
        id,
    };
    let accepted = accept(submit, caller, new, Timestamp::now()).await;
    Ok(accepted.map_err(Refusal::into_error)?.id().clone())
}

pub(crate) async fn wrong_method() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response()
}
