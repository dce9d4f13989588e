//! What `/v1` shows of webhook endpoints and of deliveries. Additive changes only.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::EndpointId,
    notify::{EventName, Notification, SigningSecret},
    webhook::WebhookEndpoint,
};

/// A webhook endpoint as its owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointView {
    /// Always `webhook_endpoint`.
    pub object: String,
    /// Its name.
    pub id: EndpointId,
    /// Where, without the secret part.
    pub url: String,
    /// What it hears of.
    pub events: BTreeSet<EventName>,
    /// What it is for.
    pub description: String,
    /// Whether anything is sent to it.
    pub enabled: bool,
    /// Since when nothing is sent to it.
    pub disabled_at: Option<Timestamp>,
    /// Why nothing is sent to it.
    pub disabled_reason: Option<String>,
    /// Until when deliveries carry the signature of the old secret too, after a rotation.
    pub old_secret_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What its deliveries are signed with. Told once, when it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub secret: Option<String>,
}

impl EndpointView {
    /// The endpoint as it is at `now`.
    pub fn new(endpoint: &WebhookEndpoint, now: Timestamp) -> Self {
        let disabled = endpoint.disabled.as_ref();
        Self {
            object: "webhook_endpoint".to_owned(),
            id: endpoint.id.clone(),
            url: endpoint.url.redacted(),
            events: endpoint.events.clone(),
            description: endpoint.description.clone(),
            enabled: disabled.is_none(),
            disabled_at: disabled.map(|disabled| disabled.at),
            disabled_reason: disabled.map(|disabled| disabled.reason.clone()),
            old_secret_until: endpoint.old_secret_until(now),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
            secret: None,
        }
    }

    /// The same with its new secret, for the one answer that tells it.
    #[must_use]
    pub fn with_secret(self, secret: &SigningSecret) -> Self {
        Self {
            secret: Some(secret.expose().to_owned()),
            ..self
        }
    }
}

/// A notification with its id, as the delivery log shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryView {
    /// The `webhook-id` of every attempt.
    pub id: String,
    /// What happened.
    pub event: EventName,
    /// The endpoint that it goes to; absent for the job's own `notify_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub endpoint_id: Option<EndpointId>,
    /// What was or is to be delivered, and what came of it.
    #[serde(rename = "notification")]
    pub inner: Notification,
}

impl From<Notification> for DeliveryView {
    fn from(notification: Notification) -> Self {
        Self {
            id: notification.webhook_id(),
            event: notification.event(),
            endpoint_id: notification.target.endpoint().cloned(),
            inner: notification,
        }
    }
}
