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
    id::EndpointId,
    key::Caller,
    notify::{DeliveryId, DeliveryStatus, Notification, Target},
    ports::{Backend, NotificationStore as _, ScaleSignal},
    webhook::WebhookEndpoint,
};
use serde::Deserialize;

use super::{Ports, endpoints, query};
use crate::{
    Submit,
    job::{find, tell},
    reply::Refusal,
};

/// Deliveries of a page, unless the caller wants fewer or more; and the most.
const LIMIT: u32 = 20;
const MOST: u32 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryQuery {
    job_id: Option<String>,
    endpoint_id: Option<String>,
    status: Option<DeliveryStatus>,
    limit: Option<u32>,
    cursor: Option<String>,
}

pub(crate) async fn list<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    asked: Result<Query<DeliveryQuery>, QueryRejection>,
) -> Result<Json<Page<DeliveryView>>, Refusal> {
    let asked = query(asked)?;
    let mut page = match (&asked.job_id, &asked.endpoint_id) {
        (Some(job), _) => of_job(&submit, &caller, job).await?,
        (None, Some(endpoint)) => to_endpoint(&submit, &caller, endpoint, &asked).await?,
        (None, None) => {
            let message = "name a job with job_id, or an endpoint with endpoint_id";
            return Err(Refusal::new(Code::InvalidSpec, message));
        }
    };
    page.data.retain(|one| {
        let to = one.endpoint_id.as_ref().map(EndpointId::as_str);
        let endpoint = asked.endpoint_id.as_deref();
        asked.status.is_none_or(|status| one.inner.status == status)
            && endpoint.is_none_or(|endpoint| to == Some(endpoint))
    });
    Ok(Json(page))
}

/// All of one job.
async fn of_job<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    id: &str,
) -> Result<Page<DeliveryView>, Refusal> {
    let job = find(submit, caller, id).await?;
    let mut found = submit.backend.store().notifications(&job.id).await?;
    // What the operator's receivers answer is not for those who only see their own jobs.
    if caller.confined_to().is_some() {
        let (own, _) = endpoints::own(submit, caller).await?;
        found.retain(|one| is_told(&one.target, &own));
    }
    Ok(Page {
        data: found.into_iter().map(DeliveryView::from).collect(),
        next_cursor: None,
    })
}

/// Whether one who looks after these endpoints may know what became of a delivery to this target.
fn is_told(target: &Target, own: &[WebhookEndpoint]) -> bool {
    match target {
        Target::NotifyUrl => true,
        Target::EventBus => false,
        Target::Endpoint(id) => own.iter().any(|one| one.id == *id),
    }
}

/// A page of those to one endpoint, the newest first.
async fn to_endpoint<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    id: &str,
    asked: &DeliveryQuery,
) -> Result<Page<DeliveryView>, Refusal> {
    let limit = asked.limit.unwrap_or(LIMIT);
    if !(1..=MOST).contains(&limit) {
        let message = format!("limit must be a whole number from 1 to {MOST}");
        return Err(Refusal::new(Code::InvalidSpec, message));
    }
    let endpoint = endpoints::find(submit, caller, id).await?;
    let before = asked.cursor.as_deref();
    let store = submit.backend.store();
    let found = store.notifications_to(&endpoint.id, before, limit).await?;
    let full = u32::try_from(found.len()).unwrap_or(u32::MAX) == limit;
    let next_cursor = found.last().filter(|_| full).map(Notification::place);
    Ok(Page {
        data: found.into_iter().map(DeliveryView::from).collect(),
        next_cursor,
    })
}

/// Delivers a notification again, from the beginning of its schedule and under its own id.
pub(crate) async fn redeliver<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<DeliveryView>), Refusal> {
    let missing = || {
        let id: String = id.chars().take(128).collect();
        Refusal::new(Code::NotFound, format!("there is no delivery {id:?}"))
    };
    let wanted: DeliveryId = id.parse().map_err(|_no_id| missing())?;
    match &wanted.target {
        Target::Endpoint(endpoint) => {
            let found = endpoints::find(&submit, &caller, endpoint.as_str()).await;
            endpoints::in_use(&found.map_err(|_unseen| missing())?)?;
        }
        Target::EventBus if caller.confined_to().is_some() => return Err(missing()),
        Target::EventBus | Target::NotifyUrl => {
            let job = find(&submit, &caller, wanted.job_id.as_str()).await;
            job.map_err(|_gone| missing())?;
        }
    }
    let store = submit.backend.store();
    let found = store.notifications(&wanted.job_id).await?.into_iter();
    let read = found
        .into_iter()
        .find(|found| found.sequence == wanted.sequence && found.target == wanted.target);
    let read = read.ok_or_else(missing)?;
    let mut now = read.clone();
    now.redeliver(Timestamp::now());
    store.put_notification(&now, &read).await?;
    tell(&submit, &now.job_id).await;
    Ok((StatusCode::ACCEPTED, Json(now.into())))
}
