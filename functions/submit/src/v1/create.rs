//! New jobs: from a request, as a dry run, and as another try of a job that has ended.

use std::time::Duration;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use nommer_core::{
    api::{DryRun, JobView},
    error::{Code, JobError},
    id::JobId,
    job::{Job, StateName},
    key::Caller,
    lease::later,
    ports::{Backend, IdempotencyKey, ScaleSignal},
    spec::{Checked, Names, RetryRequest, expand, parse_v1},
    uri::MediaUri,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Ports, presets, query};
use crate::{
    NewJob, Submit, accept,
    body::{Parsed, read_json, read_optional_json},
    estimate,
    job::{Accepted, check_addresses, find},
    reply::Refusal,
};

/// How long an idempotency key is remembered.
const KEY_LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// Longest idempotency key, in bytes.
const KEY_BYTES: usize = 255;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateQuery {
    #[serde(default)]
    dry_run: bool,
}

pub(crate) async fn create<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    asked: Result<Query<CreateQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let dry_run = query(asked)?.dry_run;
    let mut body = read_json(body).await?;
    let now = Timestamp::now();
    let key = idempotency_key(&headers, &body, now)?;
    let id = JobId::from_uuid(Uuid::now_v7());
    let checked = prepared(&submit, &mut body, &id, now).await?;
    drop(body);
    if dry_run {
        check_addresses(&submit, &caller, &checked.spec)?;
        let estimate = estimate::of_spec(&submit, &checked.spec).await?;
        return Ok(Json(DryRun::new(&checked.spec, estimate)).into_response());
    }
    let new = NewJob {
        checked,
        key,
        repeats: None,
        id,
    };
    let accepted = accept(&submit, &caller, new, now).await?;
    answer(&submit, &caller, accepted, now).await
}

/// A request with its preset and its words filled in, checked.
pub(crate) async fn prepared<B: Backend, W>(
    submit: &Submit<B, W>,
    body: &mut Value,
    id: &JobId,
    now: Timestamp,
) -> Result<Checked, Refusal> {
    let names = Names {
        id: id.to_string(),
        now,
    };
    let named = presets::fill_in(submit, body).await?;
    expand(body, &names)?;
    let checked = named.remembered(parse_v1(body, &submit.rules)?);
    estimate::affordable(submit, &checked.spec).await?;
    Ok(checked)
}

/// Submits a job that ended badly once more, as a new job: ends never change. Outputs are made together, and become visible when
/// all are made: all are made again.
pub(crate) async fn retry<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = read_optional_json(body).await?.map(Parsed::into_value);
    let asked = body.as_ref().map(RetryRequest::parse).transpose()?;
    let now = Timestamp::now();
    let ended = find(&submit, &caller, &id).await?;
    // Without a body, the request means what it always did.
    let mut meaning = json!({"retry_of": ended.id});
    if asked.unwrap_or_default().only_failed_outputs {
        meaning["only_failed_outputs"] = json!(true);
    }
    let key = idempotency_key(&headers, &meaning, now)?;
    let accepted = repeat(&submit, &caller, ended, key, now).await?;
    answer(&submit, &caller, accepted, now).await
}

/// Makes a job like one that ended badly.
pub(super) async fn repeat<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    caller: &Caller,
    ended: Job,
    key: Option<IdempotencyKey>,
    now: Timestamp,
) -> Result<Accepted, Refusal> {
    check_repeatable(&ended)?;
    let new = NewJob {
        checked: Checked {
            spec: ended.spec.clone(),
            source: None,
            destination: None,
            notify: None,
        },
        key,
        repeats: Some(Box::new(ended)),
        id: JobId::from_uuid(Uuid::now_v7()),
    };
    accept(submit, caller, new, now).await
}

fn check_repeatable(job: &Job) -> Result<(), Refusal> {
    let (id, state) = (&job.id, job.state.name());
    if !job.state.ended() || state == StateName::Finished {
        let message = format!("job {id} is {state}; only what ended badly is tried again");
        return Err(Refusal::new(Code::Conflict, message));
    }
    let secret = job.destination().is_some_and(MediaUri::has_secret);
    if job.spec.source_path.has_secret() || secret {
        let message =
            format!("the credentials in the addresses of job {id} were forgotten when it ended");
        return Err(JobError::new(Code::Conflict, message)
            .with_hint("submit it again, with its credentials")
            .into());
    }
    Ok(())
}

async fn answer<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    caller: &Caller,
    accepted: Accepted,
    now: Timestamp,
) -> Result<Response, Refusal> {
    let replayed = matches!(accepted, Accepted::Replayed(_));
    let job = match accepted {
        Accepted::New(job) => *job,
        Accepted::Replayed(id) => find(submit, caller, id.as_str()).await?,
    };
    let mut response = (StatusCode::CREATED, Json(JobView::new(&job, now))).into_response();
    let location = HeaderValue::from_str(&format!("/v1/jobs/{}", job.id));
    let headers = response.headers_mut();
    headers.extend(location.ok().map(|value| (header::LOCATION, value)));
    if replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

pub(super) fn idempotency_key(
    headers: &HeaderMap,
    body: &Value,
    now: Timestamp,
) -> Result<Option<IdempotencyKey>, Refusal> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(value) = keys.next() else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|_| keys.next().is_none())
        .filter(|key| (1..=KEY_BYTES).contains(&key.len()))
        .filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| {
            let message = format!(
                "the Idempotency-Key header must be one, of 1 to {KEY_BYTES} visible ASCII characters"
            );
            Refusal::new(Code::InvalidSpec, message)
        })?;
    // Keys of a JSON object are sorted here, so the same request in another order has the same hash.
    let text = serde_json::to_vec(body).expect("a value is JSON");
    let hash = Sha256::digest(text);
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        body_hash: STANDARD.encode(hash),
        expires_at: later(now, KEY_LIFETIME),
    }))
}
