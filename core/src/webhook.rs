//! Webhook endpoints: addresses that hear of many jobs, each with secrets of its own. Requests are read here and changes made; nothing is
//! sent, sealed or stored.

mod request;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use request::{EndpointRequest, parse_change, parse_event, parse_new};

use crate::{
    id::EndpointId,
    lease::later,
    notify::{EventName, Subscription, Target},
    sealed::SealedText,
    uri::NotifyUrl,
};

/// Most endpoints of one owner. Each is one more message for every change of a job.
pub const MOST_ENDPOINTS: usize = 8;

/// How long deliveries carry the signature of an old secret too, so that receivers can change theirs in peace.
pub const OLD_SECRET_LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// Most secrets that sign at once. Who rotates more often than that within a day knows why the oldest must go.
const MOST_SECRETS: usize = 3;

/// An endpoint as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    /// Its name.
    pub id: EndpointId,
    /// Where, with its secrets taken out.
    pub url: NotifyUrl,
    /// The secret part of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_url: Option<SealedText>,
    /// What it wants to hear of.
    pub events: std::collections::BTreeSet<EventName>,
    /// What it is for, in the words of whoever made it.
    pub description: String,
    /// Since when nothing is sent to it, and why; none while it is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
    /// What its deliveries are signed with, the newest first.
    pub secrets: Vec<EndpointSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Why nothing is sent to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// Why, in words.
    pub reason: String,
}

/// One signing secret of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSecret {
    /// The secret.
    pub sealed: SealedText,
    /// When it signs no more; none for the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What of an endpoint is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointField {
    /// The secret part of its address.
    Url,
    /// Its signing secrets.
    Secret,
}

impl EndpointField {
    /// The context that binds a ciphertext to one endpoint.
    pub fn context(self, id: &EndpointId) -> String {
        let field = match self {
            Self::Url => "url",
            Self::Secret => "signing",
        };
        format!("{id}/{field}")
    }
}

impl WebhookEndpoint {
    /// What jobs remember of it, if it is in use.
    pub fn subscription(&self) -> Option<Subscription> {
        self.disabled.is_none().then(|| Subscription {
            target: Target::Endpoint(self.id.clone()),
            events: self.events.clone(),
        })
    }

    /// The secrets that sign at this time, the present one first.
    pub fn signing(&self, now: Timestamp) -> impl Iterator<Item = &SealedText> {
        let live = self.secrets.iter();
        let live = live.filter(move |secret| secret.until.is_none_or(|until| now < until));
        live.map(|secret| &secret.sealed)
    }

    /// Until when an old secret signs too, if one does.
    pub fn old_secret_until(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.secrets.iter().filter_map(|secret| secret.until);
        ends.filter(|until| now < *until).max()
    }

    /// Signs with a new secret from now on, and for a while with the old one too.
    pub fn rotate(&mut self, sealed: SealedText, now: Timestamp) {
        let until = later(now, OLD_SECRET_LIFETIME);
        for secret in &mut self.secrets {
            secret.until.get_or_insert(until);
        }
        self.secrets
            .retain(|secret| secret.until.is_some_and(|until| now < until));
        let new = EndpointSecret {
            sealed,
            until: None,
        };
        self.secrets.insert(0, new);
        self.secrets.truncate(MOST_SECRETS);
        self.updated_at = now;
    }

    /// Sends nothing more to it.
    pub fn disable(&mut self, reason: &str, now: Timestamp) {
        self.disabled.get_or_insert_with(|| Disabled {
            at: now,
            reason: reason.to_owned(),
        });
        self.updated_at = now;
    }

    /// Makes the changes of a request; its address comes without its secret.
    pub fn change(
        &mut self,
        request: &EndpointRequest,
        sealed_url: Option<SealedText>,
        now: Timestamp,
    ) {
        if let Some(url) = &request.url {
            self.url = url.clone();
            self.sealed_url = sealed_url;
        }
        if let Some(events) = &request.events {
            self.events.clone_from(events);
        }
        if let Some(description) = &request.description {
            self.description.clone_from(description);
        }
        match request.enabled {
            Some(true) => self.disabled = None,
            Some(false) => self.disable("turned off", now),
            None => {}
        }
        self.updated_at = now;
    }
}

#[cfg(test)]
mod tests;
