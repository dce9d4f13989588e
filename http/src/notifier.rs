//! Sending notifications: one request, no redirect, a short wait, and the beginning of the answer.

use nommer_core::{
    address::NetworkRules,
    notify::{ATTEMPT_TIMEOUT, Message, Method},
    ports::{Notifier, Reply},
    uri::NotifyUrl,
};
use reqwest::{Client, Response};

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
        let excerpt = excerpt(response).await;
        Ok(Reply { status, excerpt })
    }
}

impl Notifier for HttpNotifier {
    async fn post(&self, url: &NotifyUrl, message: &Message) -> Reply {
        self.try_post(url, message)
            .await
            .unwrap_or_else(|why| Reply {
                status: None,
                excerpt: why,
            })
    }
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
