//! Deliveries of notifications: what became of them, and another try.

use axum::{
    Extension, Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use jiff::Timestamp;
use nommer_core::{
    api::{DeliveryView, Page},
    error::Code,
    key::Caller,
    ports::{Backend, JobQueue as _, NotificationStore as _, ScaleSignal},
};
use serde::Deserialize;

use super::{Ports, query};
use crate::{job::find, reply::Refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryQuery {
    job_id: String,
}

pub(crate) async fn list<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    asked: Result<Query<DeliveryQuery>, QueryRejection>,
) -> Result<Json<Page<DeliveryView>>, Refusal> {
    let job = find(&submit, &caller, &query(asked)?.job_id).await?;
    let notifications = submit.backend.store().notifications(&job.id).await?;
    Ok(Json(Page {
        data: notifications.into_iter().map(DeliveryView::from).collect(),
        next_cursor: None,
    }))
}

/// Delivers a notification again, from the beginning of its schedule and under its own id.
pub(crate) async fn redeliver<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<DeliveryView>), Refusal> {
    let missing = || {
        let id: String = id.chars().take(96).collect();
        Refusal::new(Code::NotFound, format!("there is no delivery {id:?}"))
    };
    let (job_id, sequence) = id.rsplit_once('_').ok_or_else(missing)?;
    let sequence: u64 = sequence.parse().map_err(|_no_number| missing())?;
    let job = find(&submit, &caller, job_id)
        .await
        .map_err(|_gone| missing())?;
    let store = submit.backend.store();
    let found = store.notifications(&job.id).await?.into_iter();
    let read = found.into_iter().find(|found| found.sequence == sequence);
    let read = read.ok_or_else(missing)?;
    let mut now = read.clone();
    now.redeliver(Timestamp::now());
    store.put_notification(&now, &read).await?;
    // Prune sends what is due in any case.
    let sent = submit
        .backend
        .state_queue()
        .send(&job.id, std::time::Duration::ZERO);
    if let Err(error) = sent.await {
        tracing::warn!(job.id = %job.id, error = ?error, "a delivery waits for prune");
    }
    Ok((StatusCode::ACCEPTED, Json(now.into())))
}
