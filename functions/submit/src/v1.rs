//! `/v1`: jobs as resources, errors as RFC 9457 problems.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use nommer_core::{
    api::{DeliveryView, JobView, Page},
    commit::Committed,
    error::Code,
    id::JobId,
    job::{Event, StateName},
    lease::later,
    ports::{Backend, IdempotencyKey, JobFilter, JobStore, NotificationStore, ScaleSignal},
    presets::ALL,
    spec::parse_v1,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    Submit, accept,
    body::read_json,
    job::{Accepted, find},
    reply::Refusal,
};

/// How long an idempotency key is remembered.
const KEY_LIFETIME: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// Longest idempotency key, in bytes.
const KEY_BYTES: usize = 255;

/// Jobs on a page unless the caller says otherwise, and at most.
const PAGE: u32 = 20;
const PAGE_AT_MOST: u32 = 100;

type Ports<B, W> = State<Arc<Submit<B, W>>>;

pub(crate) async fn create<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = read_json(body).await?;
    let now = Timestamp::now();
    let key = idempotency_key(&headers, &body, now)?;
    let checked = parse_v1(&body, &submit.rules)?;
    let id = JobId::from_uuid(Uuid::now_v7());
    crate::estimate::affordable(&submit, &checked.spec).await?;
    let accepted = accept(&submit, checked, key.as_ref(), id, now).await?;
    let replayed = matches!(accepted, Accepted::Replayed(_));
    let job = match accepted {
        Accepted::New(job) => *job,
        Accepted::Replayed(id) => find(&submit, id.as_str()).await?,
    };
    let mut response = (StatusCode::CREATED, Json(JobView::new(&job, now))).into_response();
    let location = HeaderValue::from_str(&format!("/v1/jobs/{}", job.id));
    response
        .headers_mut()
        .extend(location.ok().map(|value| (header::LOCATION, value)));
    if replayed {
        response
            .headers_mut()
            .insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn idempotency_key(
    headers: &HeaderMap,
    body: &Value,
    now: Timestamp,
) -> Result<Option<IdempotencyKey>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=KEY_BYTES).contains(&key.len()))
        .ok_or_else(|| {
            let message = format!(
                "the Idempotency-Key header must be 1 to {KEY_BYTES} visible ASCII characters"
            );
            Refusal::new(Code::InvalidSpec, message)
        })?;
    // Keys of a JSON object are sorted here, so the same request in another order has the same hash.
    let hash = Sha256::digest(body.to_string());
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        body_hash: STANDARD.encode(hash),
        expires_at: later(now, KEY_LIFETIME),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    state: Option<String>,
    external_id: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

pub(crate) async fn list<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page<JobView>>, Refusal> {
    let Query(query) =
        query.map_err(|rejection| Refusal::new(Code::InvalidSpec, rejection.body_text()))?;
    let limit = page_size(query.limit.as_deref())?;
    let state = query
        .state
        .map(|name| {
            let names = StateName::ALL.map(StateName::as_str).join(", ");
            StateName::parse(&name).ok_or_else(|| {
                Refusal::new(Code::InvalidSpec, format!("state must be one of {names}"))
            })
        })
        .transpose()?;
    let before = query
        .cursor
        .map(|cursor| cursor.parse::<JobId>())
        .transpose()
        .map_err(|_invalid| {
            Refusal::new(
                Code::InvalidSpec,
                "cursor must be a next_cursor of an earlier page",
            )
        })?;
    let filter = JobFilter {
        state,
        external_id: query.external_id,
        before,
        limit: limit + 1,
    };
    let mut jobs = submit.backend.store().list(&filter).await?;
    let more = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    let next_cursor = more
        .then(|| jobs.last().map(|job| job.id.to_string()))
        .flatten();
    let now = Timestamp::now();
    let data = jobs.iter().map(|job| JobView::new(job, now)).collect();
    Ok(Json(Page { data, next_cursor }))
}

fn page_size(text: Option<&str>) -> Result<u32, Refusal> {
    let Some(text) = text else { return Ok(PAGE) };
    text.parse()
        .ok()
        .filter(|size| (1..=PAGE_AT_MOST).contains(size))
        .ok_or_else(|| {
            Refusal::new(
                Code::InvalidSpec,
                format!("limit must be a whole number from 1 to {PAGE_AT_MOST}"),
            )
        })
}

pub(crate) async fn get<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Refusal> {
    find(&submit, &id)
        .await
        .map(|job| Json(JobView::new(&job, Timestamp::now())))
}

pub(crate) async fn cancel<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<JobView>), Refusal> {
    let job_id: JobId = id.parse().map_err(|_invalid| Refusal::no_such_job(&id))?;
    match submit
        .backend
        .table()
        .apply(&job_id, Event::Cancel, Timestamp::now())
        .await?
    {
        Committed::Changed { job, .. } | Committed::Ignored(job) => Ok((
            StatusCode::ACCEPTED,
            Json(JobView::new(&job, Timestamp::now())),
        )),
        Committed::Denied(reason, _) => Err(Refusal::new(Code::Conflict, reason.to_string())),
        Committed::Missing => Err(Refusal::no_such_job(&id)),
    }
}

pub(crate) async fn delete<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let job_id: JobId = id.parse().map_err(|_invalid| Refusal::no_such_job(&id))?;
    let store = submit.backend.store();
    let (job, version) = store
        .get(&job_id)
        .await?
        .ok_or_else(|| Refusal::no_such_job(&id))?;
    if !job.state.ended() {
        let message = format!("job {job_id} is {}; cancel it first", job.state.name());
        return Err(Refusal::new(Code::Conflict, message));
    }
    store.delete(&job_id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryQuery {
    job_id: String,
}

pub(crate) async fn deliveries<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    query: Result<Query<DeliveryQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page<DeliveryView>>, Refusal> {
    let Query(query) =
        query.map_err(|rejection| Refusal::new(Code::InvalidSpec, rejection.body_text()))?;
    let job = find(&submit, &query.job_id).await?;
    let notifications = submit.backend.store().notifications(&job.id).await?;
    Ok(Json(Page {
        data: notifications.into_iter().map(DeliveryView::from).collect(),
        next_cursor: None,
    }))
}

pub(crate) async fn presets() -> Json<Value> {
    let data: Vec<Value> = ALL
        .iter()
        .map(|preset| json!({"name": preset.name, "description": preset.description, "passes": (preset.passes)()}))
        .collect();
    Json(json!({"data": data, "next_cursor": null}))
}

/// Healthy means that the table answers.
pub(crate) async fn health<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
) -> Result<Json<Value>, Refusal> {
    let filter = JobFilter {
        limit: 1,
        ..JobFilter::default()
    };
    submit.backend.store().list(&filter).await?;
    Ok(Json(json!({"status": "ok"})))
}

pub(crate) async fn version() -> Json<Value> {
    Json(json!({"name": "media-nommer", "version": env!("CARGO_PKG_VERSION")}))
}
