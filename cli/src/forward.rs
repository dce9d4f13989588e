//! Sends events to an address of the developer's, signed as the system signs them. What is sent is told once.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use nommer_core::{
    notify::{About, Notification, NotifyFormat, SigningSecret},
    secret::Secret,
};
use reqwest::{Client as Http, Url, redirect::Policy};
use serde::Serialize;

use crate::{failure::Failure, output::Output};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of an answer is shown, in characters.
const EXCERPT: usize = 1_024;

/// The variable that holds a secret of one's own.
const VARIABLE: &str = "NOMMER_LISTEN_SECRET";

/// Where to, and signed with what.
#[derive(Debug)]
pub(crate) struct Forwarder {
    http: Http,
    url: Url,
    secret: SigningSecret,
}

/// What came of one delivery.
#[derive(Debug, Serialize)]
pub(crate) struct Forwarded {
    id: String,
    event: &'static str,
    job_id: String,
    /// The HTTP status; none if there was no answer.
    status: Option<u16>,
    latency_ms: u128,
    /// What was answered, or why nothing was.
    answer: String,
}

impl Forwarder {
    pub(crate) fn new(url: &str) -> Result<Self, Failure> {
        let whole = if url.contains("://") {
            url.to_owned()
        } else {
            format!("http://{url}")
        };
        let wrong = || Failure::usage(format!("{url:?} is no web address"));
        let url = Url::parse(&whole).map_err(|_invalid| wrong())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        let http = Http::builder().no_proxy().redirect(Policy::none());
        Ok(Self {
            http: http
                .timeout(PATIENCE)
                .build()
                .context("prepare the HTTP client")?,
            url,
            secret: secret()?,
        })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// What receivers check signatures with. For the screen of whoever develops one.
    pub(crate) fn secret(&self) -> &str {
        self.secret.expose()
    }

    /// Sends one event.
    pub(crate) async fn send(&self, event: &Notification, about: &About) -> Forwarded {
        let secrets = std::slice::from_ref(&self.secret);
        let message = event.message(about, NotifyFormat::Json, secrets, Timestamp::now());
        let mut request = self.http.post(self.url.clone()).body(message.body);
        for (name, value) in message.headers {
            request = request.header(name, value);
        }
        let begun = Instant::now();
        let (status, answer) = match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                (Some(status), response.text().await.unwrap_or_default())
            }
            Err(error) => {
                let error = anyhow::Error::from(error.without_url());
                (None, format!("{error:#}"))
            }
        };
        Forwarded {
            id: event.webhook_id(),
            event: event.event().as_str(),
            job_id: event.job_id.to_string(),
            status,
            latency_ms: begun.elapsed().as_millis(),
            answer: answer.chars().take(EXCERPT).collect(),
        }
    }
}

impl Forwarded {
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.status, Some(200..=299))
    }

    /// `job.finished  job_0123  HTTP 200 in 12 ms  thanks`
    pub(crate) fn print(&self, output: Output) -> Result<(), Failure> {
        if output.json {
            return Ok(output.json(self)?);
        }
        let status = self.status.map_or_else(
            || "no answer".to_owned(),
            |status| format!("HTTP {status} in {} ms", self.latency_ms),
        );
        let words = crate::webhooks::first_line(&self.answer);
        let line = format!("{:13}  {}  {status}  {words}", self.event, self.job_id);
        output.data(line.trim_end());
        Ok(())
    }
}

/// That of the environment, or a new one.
fn secret() -> Result<SigningSecret, Failure> {
    let own = std::env::var(VARIABLE).ok();
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        let read = SigningSecret::parse(Secret::new(own));
        return read.map_err(|error| Failure::usage(format!("{VARIABLE}: {error}")));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(anyhow::Error::from)?;
    Ok(SigningSecret::from_bytes(bytes))
}
