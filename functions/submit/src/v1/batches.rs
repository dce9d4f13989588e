//! Batches: many jobs in one request, each checked as if it came alone; shown, listed, canceled.

use std::collections::HashMap;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use nommer_core::{
    api::{BatchView, Page},
    batch::{Batch, Entry},
    commit::{advance, cancel_batch},
    error::{Code, JobError},
    id::BatchId,
    key::Caller,
    ports::{
        Backend, BatchStore as _, CreatedBatch, IdempotencyKey, PresetStore as _, ScaleSignal,
    },
    spec::{BatchRequest, Checked, Names, SpecError, expand, parse_v1},
    uri::MediaUri,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Ports,
    create::idempotency_key,
    jobs::page_size,
    presets::{Stored, fill_in_from},
    query,
};
use crate::{
    Submit,
    body::read_json,
    estimate,
    job::{check_addresses, own_name, sealed, subscriptions},
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
    let key = idempotency_key(&headers, &body, now)?;
    let key = key.map(|key| IdempotencyKey {
        key: own_name(&caller, &key.key),
        ..key
    });
    let request = BatchRequest::read(&body)?;
    let id = BatchId::from_uuid(Uuid::now_v7());
    let entries = entries(&submit, &caller, &request, (&id, now)).await?;
    let mut batch = Batch::new(id, &request, caller.owner().cloned(), now);
    batch.subscriptions = subscriptions(&submit, &caller).await?;
    let created = submit.backend.store();
    let created = created.create_batch(&batch, &entries, key.as_ref());
    let (id, replayed) = match created.await? {
        CreatedBatch::New => (batch.id.clone(), false),
        CreatedBatch::Existing {
            id,
            same_body: true,
        } => (id, true),
        CreatedBatch::Existing {
            same_body: false, ..
        } => {
            let message = "the idempotency key was used before with another body";
            return Err(JobError::new(Code::IdempotencyMismatch, message)
                .with_hint("use a new key for a new request")
                .into());
        }
    };
    let batch = begun(&submit, batch, &id, now).await;
    tracing::info!(batch.id = %id, replayed, "batch submitted");
    let mut response = (StatusCode::CREATED, Json(BatchView::new(&batch))).into_response();
    let location = HeaderValue::from_str(&format!("/v1/batches/{id}"));
    let headers = response.headers_mut();
    headers.extend(location.ok().map(|value| (header::LOCATION, value)));
    if replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Begins the first jobs. The batch is safe already: prune does what fails here.
async fn begun<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    batch: Batch,
    id: &BatchId,
    now: Timestamp,
) -> Batch {
    let moved = advance(&*submit.backend, id, now).await;
    if let Err(error) = submit.signal.wake().await {
        tracing::warn!(batch.id = %id, error = ?error, "scale was not woken; its next tick comes anyway");
    }
    match moved {
        Ok(moved) => moved.unwrap_or(batch),
        Err(error) => {
            tracing::warn!(batch.id = %id, error = ?error, "a batch was recorded but not begun yet");
            batch
        }
    }
}

/// What each job will be made of. The first entry that cannot be one is refused, and with it all.
async fn entries<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    request: &BatchRequest,
    (id, now): (&BatchId, Timestamp),
) -> Result<Vec<Entry>, Refusal> {
    let stored = submit.backend.store().presets().await?;
    let mut destinations: HashMap<String, usize> = HashMap::new();
    let mut entries = Vec::new();
    for (number, body) in request.bodies().enumerate() {
        let placed = |refused: SpecError| request.placed(number, refused);
        let job_id = id.job(u32::try_from(number).unwrap_or(u32::MAX));
        let names = Names {
            id: job_id.to_string(),
            now,
        };
        let checked = checked(submit, &stored, body, (request.retries, &names)).map_err(placed)?;
        check_addresses(submit, caller, &checked.spec).map_err(placed)?;
        let destination = checked.spec.dest_path.as_ref().map(MediaUri::identity);
        if let Some(other) = destination.and_then(|place| destinations.insert(place, number)) {
            let message = format!("dest_path is the destination of entry {other} too");
            let refused = SpecError::new("/dest_path", Code::InvalidSpec, message);
            return Err(placed(refused).into());
        }
        estimate::affordable(submit, &checked.spec).await?;
        let sealed = sealed(submit.backend.secrets(), &checked, &job_id).await?;
        entries.push(Entry {
            spec: checked.spec,
            sealed,
        });
    }
    Ok(entries)
}

/// One job's request, read as if it came alone.
fn checked<B: Backend, W>(
    submit: &Submit<B, W>,
    stored: &[Stored],
    mut body: Value,
    (retries, names): (u32, &Names),
) -> Result<Checked, SpecError> {
    let named = fill_in_from(stored, &mut body)?;
    expand(&mut body, names)?;
    if let Value::Object(fields) = &mut body {
        let attempts = || json!(retries + 1);
        fields.entry("max_attempts").or_insert_with(attempts);
    }
    Ok(named.remembered(parse_v1(&body, &submit.rules)?))
}

pub(crate) async fn get<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<BatchView>, Refusal> {
    let batch = find(&submit, &caller, &id).await?;
    Ok(Json(BatchView::new(&batch)))
}

/// The batch with the id that stands in an address, if there is one that the caller sees.
async fn find<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    id: &str,
) -> Result<Batch, Refusal> {
    let missing = || {
        // Whatever was asked for is cut short, so that an answer cannot be made huge.
        let id: String = id.chars().take(64).collect();
        Refusal::new(Code::NotFound, format!("there is no batch {id:?}"))
    };
    let parsed: BatchId = id.parse().map_err(|_invalid| missing())?;
    let found = submit.backend.store().batch(&parsed).await?;
    let found = found.map(|(batch, _)| batch);
    found
        .filter(|batch| caller.sees_batch(batch))
        .ok_or_else(missing)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

pub(crate) async fn list<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    asked: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Page<BatchView>>, Refusal> {
    let asked = query(asked)?;
    let shown = page_size(asked.limit.as_deref())?;
    let cursor = asked.cursor.map(|cursor| cursor.parse::<BatchId>());
    let before = cursor.transpose().map_err(|_invalid| {
        let message = "cursor must be a next_cursor of an earlier page";
        Refusal::new(Code::InvalidSpec, message)
    })?;
    let store = submit.backend.store();
    let owner = caller.confined_to();
    let mut found = store.batches(owner, before.as_ref(), shown + 1).await?;
    let more = found.len() > shown as usize;
    found.truncate(shown as usize);
    let last = found.last().filter(|_| more);
    Ok(Json(Page {
        next_cursor: last.map(|batch| batch.id.to_string()),
        data: found.iter().map(BatchView::new).collect(),
    }))
}

/// Wants no more of a batch. Jobs of it that are about to be published end well all the same.
pub(crate) async fn cancel<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<BatchView>), Refusal> {
    let batch = find(&submit, &caller, &id).await?;
    if batch.ended_at.is_some() && batch.cancel_asked_at.is_none() {
        let message = format!("batch {} has ended already", batch.id);
        return Err(Refusal::new(Code::Conflict, message));
    }
    let canceled = cancel_batch(&*submit.backend, &batch.id, Timestamp::now()).await?;
    let view = BatchView::new(&canceled.unwrap_or(batch));
    Ok((StatusCode::ACCEPTED, Json(view)))
}
