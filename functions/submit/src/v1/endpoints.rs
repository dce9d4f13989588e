//! Webhook endpoints: made, shown, changed, given new secrets, tried out. A secret is told once and sealed; nothing here can open it again.

mod table;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use nommer_core::{
    api::{DeliveryView, EndpointView, Page},
    error::{Code, JobError},
    id::{EndpointId, JobId},
    key::Caller,
    notify::{Notification, Sample, SigningSecret, Target},
    ports::{Backend, NotificationStore as _, ScaleSignal, Secrets as _, StoreError},
    sealed::SealedText,
    secret::Secret,
    webhook::{
        EndpointField, EndpointRequest, EndpointSecret, MOST_ENDPOINTS, WebhookEndpoint,
        parse_change, parse_event, parse_new,
    },
};
use serde_json::json;
use uuid::Uuid;

use super::Ports;
use crate::{
    Submit,
    body::{Parsed, read_json, read_optional_json},
    job::{seal, tell},
    reply::Refusal,
};
use table::{change, missing, write};
pub(super) use table::{find, own};

pub(crate) async fn list<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Page<EndpointView>>, Refusal> {
    let (all, _) = own(&submit, &caller).await?;
    let now = Timestamp::now();
    let newest_first = all.iter().rev();
    Ok(Json(Page {
        data: newest_first
            .map(|one| EndpointView::new(one, now))
            .collect(),
        next_cursor: None,
    }))
}

pub(crate) async fn get<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<EndpointView>, Refusal> {
    let endpoint = find(&submit, &caller, &id).await?;
    Ok(Json(EndpointView::new(&endpoint, Timestamp::now())))
}

pub(crate) async fn create<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Refusal> {
    let request = parse_new(&read_json(body).await?.into_value(), &submit.rules.network)?;
    request.check_for(caller.confined_to())?;
    let (now, id) = (Timestamp::now(), EndpointId::from_uuid(Uuid::now_v7()));
    let (secret, sealed) = new_secret(&submit, &id).await?;
    let sealed_url = sealed_url(&submit, &request, &id).await?;
    let endpoint = new_endpoint(&id, &request, sealed, sealed_url, now)?;
    write(&submit, &caller, |all| {
        if all.len() >= MOST_ENDPOINTS {
            let message = format!("there are {MOST_ENDPOINTS} endpoints, as many as there may be");
            let full = JobError::new(Code::Conflict, message);
            return Err(full
                .with_hint("delete one that is not needed any more")
                .into());
        }
        all.push(endpoint.clone());
        Ok(())
    })
    .await?;
    tracing::info!(endpoint.id = %id, "webhook endpoint made");
    let view = EndpointView::new(&endpoint, now).with_secret(&secret);
    let mut response = (StatusCode::CREATED, Json(view)).into_response();
    let location = HeaderValue::from_str(&format!("/v1/webhook-endpoints/{id}")).ok();
    let headers = response.headers_mut();
    headers.extend(location.map(|value| (header::LOCATION, value)));
    Ok(response)
}

fn new_endpoint(
    id: &EndpointId,
    request: &EndpointRequest,
    secret: SealedText,
    sealed_url: Option<SealedText>,
    now: Timestamp,
) -> Result<WebhookEndpoint, Refusal> {
    let missing = || Refusal::new(Code::InvalidSpec, "url is missing");
    let mut endpoint = WebhookEndpoint {
        id: id.clone(),
        url: request.url.clone().ok_or_else(missing)?,
        sealed_url: None,
        events: nommer_core::notify::EventName::by_default(),
        description: String::new(),
        disabled: None,
        secrets: vec![EndpointSecret {
            sealed: secret,
            until: None,
        }],
        created_at: now,
        updated_at: now,
    };
    endpoint.change(request, sealed_url, now);
    Ok(endpoint)
}

pub(crate) async fn update<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<EndpointView>, Refusal> {
    let request = parse_change(&read_json(body).await?.into_value(), &submit.rules.network)?;
    request.check_for(caller.confined_to())?;
    let now = Timestamp::now();
    let endpoint = find(&submit, &caller, &id).await?;
    let sealed_url = sealed_url(&submit, &request, &endpoint.id).await?;
    let changed = change(&submit, &caller, &endpoint.id, |endpoint| {
        endpoint.change(&request, sealed_url.clone(), now);
    });
    Ok(Json(EndpointView::new(&changed.await?, now)))
}

pub(crate) async fn delete<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    write(&submit, &caller, |all| {
        let place = all.iter().position(|one| one.id.as_str() == id);
        all.remove(place.ok_or_else(|| missing(&id))?);
        Ok(())
    })
    .await?;
    tracing::info!(endpoint.id = id, "webhook endpoint deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Gives the endpoint a new secret; the old one signs too for a day.
pub(crate) async fn rotate<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<EndpointView>, Refusal> {
    let now = Timestamp::now();
    let endpoint = find(&submit, &caller, &id).await?;
    let (secret, sealed) = new_secret(&submit, &endpoint.id).await?;
    let rotated = change(&submit, &caller, &endpoint.id, |endpoint| {
        endpoint.rotate(sealed.clone(), now);
    });
    let view = EndpointView::new(&rotated.await?, now);
    Ok(Json(view.with_secret(&secret)))
}

/// Sends a sample to the endpoint, signed as all else is.
pub(crate) async fn test<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<DeliveryView>), Refusal> {
    let body = read_optional_json(body).await?;
    let body = body.map_or_else(|| json!({}), Parsed::into_value);
    let event = parse_event(&body)?;
    let endpoint = find(&submit, &caller, &id).await?;
    in_use(&endpoint)?;
    let owner = caller.confined_to().cloned();
    let name = JobId::of_sample(Uuid::now_v7());
    let sample = Notification::sample(
        event,
        Target::Endpoint(endpoint.id),
        Sample { owner },
        name,
        Timestamp::now(),
    );
    submit.backend.store().add_notification(&sample).await?;
    tell(&submit, &sample.job_id).await;
    Ok((StatusCode::ACCEPTED, Json(sample.into())))
}

/// Refuses to send something to an endpoint that hears nothing.
pub(super) fn in_use(endpoint: &WebhookEndpoint) -> Result<(), Refusal> {
    let Some(disabled) = &endpoint.disabled else {
        return Ok(());
    };
    let message = format!("endpoint {} is disabled: {}", endpoint.id, disabled.reason);
    Err(JobError::new(Code::Conflict, message)
        .with_hint("enable it first: PATCH it with {\"enabled\": true}")
        .into())
}

/// A fresh signing secret, in the clear for the one answer that tells it, and sealed.
async fn new_secret<B: Backend, W>(
    submit: &Submit<B, W>,
    id: &EndpointId,
) -> Result<(SigningSecret, SealedText), Refusal> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::unavailable("draw a signing secret", error))?;
    let secret = SigningSecret::from_bytes(bytes);
    let plain = Secret::new(secret.expose());
    let context = EndpointField::Secret.context(id);
    let sealed = submit.backend.secrets().seal(&plain, &context).await?;
    Ok((secret, sealed))
}

async fn sealed_url<B: Backend, W>(
    submit: &Submit<B, W>,
    request: &EndpointRequest,
    id: &EndpointId,
) -> Result<Option<SealedText>, StoreError> {
    let context = EndpointField::Url.context(id);
    seal(
        submit.backend.secrets(),
        request.url_secret.as_ref(),
        &context,
    )
    .await
}
