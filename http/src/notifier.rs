//! Sending notifications: one request, no redirect, a short wait, and the beginning of the answer.

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    address::NetworkRules,
    notify::{ATTEMPT_TIMEOUT, Message, Method},
    ports::{Notifier, Reply},
    uri::NotifyUrl,
};
use reqwest::{
    Client, Response,
    header::{HeaderMap, RETRY_AFTER},
};

use crate::guard;

/// How much of an answer is kept, in bytes.
const EXCERPT_BYTES: usize = 1_024;

/// Sends notifications over HTTP.
#[derive(Clone, Debug)]
pub struct HttpNotifier {
    client: Client,
    rules: NetworkRules,
}

impl HttpNotifier {
    /// A notifier that reaches what the rules allow.
    pub fn new(rules: NetworkRules) -> Result<Self, reqwest::Error> {
        let client = guard::client(&rules).timeout(ATTEMPT_TIMEOUT).build()?;
        Ok(Self { client, rules })
    }

    async fn try_post(&self, url: &NotifyUrl, message: &Message) -> Result<Reply, String> {
        let mut url = url.expose_url();
        guard::vet(&url, &self.rules)?;
        if !message.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&message.query);
        }
        let mut request = match message.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url).body(message.body.clone()),
        };
        for (name, value) in &message.headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.map_err(guard::explain)?;
        let status = Some(response.status().as_u16());
        let retry_after = retry_after(response.headers(), Timestamp::now());
        let excerpt = excerpt(response).await;
        Ok(Reply {
            status,
            excerpt,
            retry_after,
        })
    }
}

impl Notifier for HttpNotifier {
    async fn post(&self, url: &NotifyUrl, message: &Message) -> Reply {
        self.try_post(url, message)
            .await
            .unwrap_or_else(|why| Reply {
                excerpt: why,
                ..Reply::default()
            })
    }
}

/// What the receiver asks for: seconds, or a time (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    at.duration_since(now).try_into().ok()
}

/// The first bytes of the body, as far as they arrive.
async fn excerpt(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < EXCERPT_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(EXCERPT_BYTES);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_may_ask_for_seconds_or_for_a_time() {
        let now: Timestamp = "1994-11-06T08:00:00Z".parse().unwrap();
        let asked = |text: &str| {
            let headers = [(RETRY_AFTER, text.parse().unwrap())].into_iter().collect();
            retry_after(&headers, now).map(|asked| asked.as_secs())
        };
        assert_eq!(asked("3600"), Some(3_600));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(49 * 60 + 37));
        for nonsense in ["", "-1", "soon", "Sun, 06 Nov 1994 07:00:00 GMT", "1e9"] {
            assert_eq!(asked(nonsense), None, "{nonsense:?}");
        }
    }
}
