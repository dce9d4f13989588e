//! What each of the three formats puts on the wire.
//!
//! Only fields that hold no secret: addresses appear redacted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{EventName, Notification, NotifyFormat, SigningSecret};
use crate::{
    api::JobView,
    error::Code,
    job::{Job, Output, StateName},
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

/// What receivers are told of a job beside what became of it. No secrets: addresses are redacted.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Where its media comes from.
    pub source_path: String,
    /// Where its result goes; nowhere if it is a probe.
    pub dest_path: Option<String>,
    /// The caller's own name for it.
    pub external_id: Option<String>,
    /// The caller's free text.
    pub metadata: BTreeMap<String, String>,
    /// Why it failed, if it did.
    pub error_code: Option<Code>,
    /// What it published.
    pub outputs: Vec<Output>,
}

impl About {
    /// A job that there is.
    pub fn job(job: &Job) -> Self {
        Self {
            source_path: job.spec.source_path.redacted(),
            dest_path: job.destination().map(MediaUri::redacted),
            external_id: job.spec.external_id.clone(),
            metadata: job.spec.metadata.clone(),
            error_code: job.error().map(|error| error.code),
            outputs: job.outputs.clone(),
        }
    }

    /// A job that there is, as callers see it.
    pub fn view(job: &JobView) -> Self {
        Self {
            source_path: job.source_path.clone(),
            dest_path: Some(job.dest_path.clone()),
            external_id: job.external_id.clone(),
            metadata: job.metadata.clone(),
            error_code: job.error.as_ref().map(|error| error.code),
            outputs: job.outputs.clone(),
        }
    }

    /// A job that there is not.
    pub fn sample() -> Self {
        Self {
            source_path: "s3://in/sample.mov".to_owned(),
            dest_path: Some("s3://out/sample.mp4".to_owned()),
            external_id: None,
            metadata: BTreeMap::new(),
            error_code: Some(Code::EncoderFailed),
            outputs: vec![Output::sample()],
        }
    }
}

/// An event for the bus of a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct BusEvent {
    /// What happened.
    pub event: EventName,
    /// When.
    pub at: Timestamp,
    /// What receivers of webhooks are told, and the delivery's id.
    pub detail: Value,
}

impl Notification {
    /// The request for one attempt at `now`, signed with each of these secrets.
    pub fn message(
        &self,
        about: &About,
        format: NotifyFormat,
        secrets: &[SigningSecret],
        now: Timestamp,
    ) -> Message {
        match format {
            NotifyFormat::Get => Message {
                method: Method::Get,
                query: self.fields(),
                headers: self.headers("", secrets, now, &[("user-agent", USER_AGENT)]),
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
                    headers: self.headers(&body, secrets, now, &own),
                    body,
                }
            }
            NotifyFormat::Json => {
                let body = self.json(about).to_string();
                let own = [
                    ("user-agent", USER_AGENT),
                    ("content-type", "application/json"),
                ];
                Message {
                    method: Method::Post,
                    query: Vec::new(),
                    headers: self.headers(&body, secrets, now, &own),
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

    /// The body of the JSON format.
    pub fn json(&self, about: &About) -> Value {
        let error_code = about.error_code.filter(|_| self.state.ended());
        let mut data = json!({
            "job_id": self.job_id,
            "state": self.state,
            "sequence": self.sequence,
            "details": self.details,
            "error_code": error_code,
            "source_path": about.source_path,
            "dest_path": about.dest_path,
            "external_id": about.external_id,
            "metadata": about.metadata,
        });
        if let Some(news) = &self.news {
            data = news.told(data);
        } else if self.state == StateName::Finished {
            data["outputs"] = json!(about.outputs);
        }
        if self.sample.is_some() {
            data["test"] = json!(true);
        }
        json!({"type": self.event(), "timestamp": self.created_at, "data": data})
    }

    /// The same for an event bus.
    pub fn bus_event(&self, about: &About) -> BusEvent {
        let mut detail = self.json(about);
        detail["id"] = json!(self.webhook_id());
        BusEvent {
            event: self.event(),
            at: self.created_at,
            detail,
        }
    }

    /// The format's own headers and those of the signature.
    fn headers(
        &self,
        body: &str,
        secrets: &[SigningSecret],
        now: Timestamp,
        own: &[(&'static str, &str)],
    ) -> Vec<(&'static str, String)> {
        let id = self.webhook_id();
        let signatures = secrets.iter().map(|secret| secret.sign(&id, now, body));
        let signatures: Vec<_> = signatures.collect();
        let own = own.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let signed = [
            ("webhook-id", id),
            ("webhook-timestamp", now.as_second().to_string()),
            ("webhook-signature", signatures.join(" ")),
        ];
        own.chain(signed).collect()
    }
}
