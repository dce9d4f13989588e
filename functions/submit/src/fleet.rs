//! `/v1/fleet` and `/v1/encoders`: what the fleet does and why; pause, resume, drain. Whoever is asked to drain finishes what it has.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::Timestamp;
use nommer_core::{
    api::{EncoderView, FleetView, GONE_SHOWN, Page},
    commit::{amend_fleet, request_drain, request_drain_of_all},
    error::Code,
    fleet::FleetRecord,
    id::InstanceId,
    instance::{Instance, InstanceState},
    lease::later,
    ports::{Backend, FleetStore, ScaleSignal, StoreError},
};
use serde_json::Value;

use crate::{Submit, body::read_optional_json, reply::Refusal};

/// The longest pause that can be set in minutes: a year. A longer one is one without an end.
const LONGEST_PAUSE: u64 = 366 * 24 * 60;

type Ports<B, W> = State<Arc<Submit<B, W>>>;

pub(crate) async fn show<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
) -> Result<Json<FleetView>, Refusal> {
    let (record, _) = submit.backend.store().fleet().await?;
    view(&submit, &record, Timestamp::now()).await.map(Json)
}

pub(crate) async fn encoders<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
) -> Result<Json<Page<EncoderView>>, Refusal> {
    let now = Timestamp::now();
    let (record, _) = submit.backend.store().fleet().await?;
    let rows = rows(&submit, now).await?;
    Ok(Json(Page {
        data: EncoderView::all(&record, &rows, &submit.settings, now),
        next_cursor: None,
    }))
}

pub(crate) async fn pause<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    body: Body,
) -> Result<(StatusCode, Json<FleetView>), Refusal> {
    let now = Timestamp::now();
    let until = pause_end(read_optional_json(body).await?.as_deref(), now)?;
    let store = submit.backend.store();
    let record = amend_fleet(store, |record| record.pause(Some(until), now)).await?;
    // An encoder that cannot be asked now is asked by the next run of scale.
    if let Err(error) = request_drain_of_all(store, now).await {
        tracing::warn!(error = ?error, "not every encoder was asked to drain yet");
    }
    tracing::info!(%until, "the fleet is paused");
    let view = view(&submit, &record, now).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

pub(crate) async fn resume<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
) -> Result<(StatusCode, Json<FleetView>), Refusal> {
    let now = Timestamp::now();
    let go_on = |record: &mut FleetRecord| {
        record.pause(None, now);
        record.standstill.end(now);
    };
    let record = amend_fleet(submit.backend.store(), go_on).await?;
    if let Err(error) = submit.signal.wake().await {
        tracing::warn!(error = ?error, "scale was not woken; its next tick comes anyway");
    }
    tracing::info!("the fleet goes on");
    let view = view(&submit, &record, now).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

pub(crate) async fn drain<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<EncoderView>), Refusal> {
    let now = Timestamp::now();
    let missing = || {
        let id: String = id.chars().take(64).collect();
        Refusal::new(Code::NotFound, format!("there is no encoder {id:?}"))
    };
    let instance: InstanceId = id.parse().map_err(|_invalid| missing())?;
    let row = request_drain(submit.backend.store(), &instance, now)
        .await?
        .ok_or_else(missing)?;
    if row.state == InstanceState::Gone {
        let message = format!("encoder {instance} has ended already");
        return Err(Refusal::new(Code::Conflict, message));
    }
    let view = EncoderView::of(&row, &submit.settings, now);
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// When a pause ends: after `minutes`, or when somebody resumes.
fn pause_end(body: Option<&Value>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let refuse = |message: String| Err(Refusal::new(Code::InvalidSpec, message));
    let Some(body) = body else {
        return Ok(Timestamp::MAX);
    };
    let Some(fields) = body.as_object() else {
        return refuse("the body must be a JSON object, or empty".to_owned());
    };
    if let Some(unknown) = fields.keys().find(|key| *key != "minutes") {
        return refuse(format!("there is no field {unknown:?}; fields are minutes"));
    }
    match fields.get("minutes") {
        None | Some(Value::Null) => Ok(Timestamp::MAX),
        Some(value) => match value
            .as_u64()
            .filter(|minutes| (1..=LONGEST_PAUSE).contains(minutes))
        {
            Some(minutes) => Ok(later(now, Duration::from_mins(minutes))),
            None => refuse(format!(
                "minutes must be a whole number from 1 to {LONGEST_PAUSE}; leave it out to pause until you resume"
            )),
        },
    }
}

/// The rows of instances that live, and of those that ended a little while ago.
async fn rows<B: Backend, W>(
    submit: &Submit<B, W>,
    now: Timestamp,
) -> Result<Vec<Instance>, StoreError> {
    let gone_since = now.checked_sub(GONE_SHOWN).unwrap_or(Timestamp::MIN);
    let rows = submit.backend.store().instances(gone_since).await?;
    Ok(rows.into_iter().map(|(row, _)| row).collect())
}

async fn view<B: Backend, W>(
    submit: &Submit<B, W>,
    record: &FleetRecord,
    now: Timestamp,
) -> Result<FleetView, Refusal> {
    let rows = rows(submit, now).await?;
    Ok(FleetView::new(record, &rows, &submit.settings, now))
}
