//! What each of the three formats puts on the wire.
//!
//! Only fields that hold no secret: addresses appear redacted.

use jiff::Timestamp;
use serde_json::json;

use super::{Notification, NotifyFormat, SigningSecret};
use crate::{
    job::{Job, StateName},
    uri::MediaUri,
};

/// The `User-Agent` of the original's notifications, kept for receivers that look for it.
const FORM_USER_AGENT: &str = "media-nommer feederd";

/// The `User-Agent` of the formats that the original did not have.
const USER_AGENT: &str = "media-nommer";

/// An HTTP request to be sent to the notify URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// GET or POST.
    pub method: Method,
    /// Pairs to be added to the URL's query.
    pub query: Vec<(&'static str, String)>,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for GET.
    pub body: String,
}

/// The methods that notifications use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

impl Notification {
    /// The request for one attempt at `now`.
    pub fn message(
        &self,
        job: &Job,
        format: NotifyFormat,
        secret: &SigningSecret,
        now: Timestamp,
    ) -> Message {
        match format {
            NotifyFormat::Get => Message {
                method: Method::Get,
                query: self.fields(),
                headers: self.headers("", secret, now, &[("user-agent", USER_AGENT)]),
                body: String::new(),
            },
            NotifyFormat::Form => {
                let body = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(self.fields())
                    .finish();
                let own = [
                    ("user-agent", FORM_USER_AGENT),
                    ("content-type", "application/x-www-form-urlencoded"),
                ];
                Message {
                    method: Method::Post,
                    query: Vec::new(),
                    headers: self.headers(&body, secret, now, &own),
                    body,
                }
            }
            NotifyFormat::Json => {
                let body = self.json(job).to_string();
                let own = [
                    ("user-agent", USER_AGENT),
                    ("content-type", "application/json"),
                ];
                Message {
                    method: Method::Post,
                    query: Vec::new(),
                    headers: self.headers(&body, secret, now, &own),
                    body,
                }
            }
        }
    }

    /// The original's three fields.
    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("unique_id", self.job_id.to_string()),
            ("job_state", self.state.to_string()),
            ("job_state_details", self.details.clone()),
        ]
    }

    fn json(&self, job: &Job) -> serde_json::Value {
        let error = job.error().filter(|_| self.state.ended());
        json!({
            "type": event_type(self.state),
            "timestamp": self.created_at,
            "data": {
                "job_id": self.job_id,
                "state": self.state,
                "sequence": self.sequence,
                "details": self.details,
                "error_code": error.map(|error| error.code),
                "source_path": job.spec.source_path.redacted(),
                "dest_path": job.destination().map(MediaUri::redacted),
                "external_id": job.spec.external_id,
                "metadata": job.spec.metadata,
            },
        })
    }

    /// The format's own headers and those of the signature.
    fn headers(
        &self,
        body: &str,
        secret: &SigningSecret,
        now: Timestamp,
        own: &[(&'static str, &str)],
    ) -> Vec<(&'static str, String)> {
        let id = self.webhook_id();
        let signature = secret.sign(&id, now, body);
        let own = own.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let signed = [
            ("webhook-id", id),
            ("webhook-timestamp", now.as_second().to_string()),
            ("webhook-signature", signature),
        ];
        own.chain(signed).collect()
    }
}

/// The event name of the JSON format.
fn event_type(state: StateName) -> &'static str {
    match state {
        StateName::Pending => "job.retrying",
        StateName::Downloading => "job.started",
        StateName::Encoding => "job.encoding",
        StateName::Uploading => "job.uploading",
        StateName::Finished => "job.finished",
        StateName::Error => "job.failed",
        StateName::Abandoned => "job.abandoned",
        StateName::Canceled => "job.canceled",
    }
}
