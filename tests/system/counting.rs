//! A proxy before the emulator that counts what is asked of it: one line for each call, as AWS bills them.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use tokio::net::TcpListener;

/// Largest body that passes.
const LARGEST: usize = 64 << 20;

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Service and action: `DynamoDB GetItem`, `S3 GET`.
    pub(crate) name: String,
    /// What was asked.
    pub(crate) asked: String,
    /// What was answered, where it is text.
    pub(crate) answered: String,
}

/// The proxy. Ends with the runtime of its test.
#[derive(Clone)]
pub(crate) struct Counting {
    /// Where it answers.
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

type Shared = (String, reqwest::Client, Arc<Mutex<Vec<Call>>>);

impl Counting {
    /// Starts one before this address.
    pub(crate) async fn before(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let shared: Shared = (target.to_owned(), client, Arc::clone(&calls));
        let routes = Router::new().fallback(pass).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, calls }
    }

    /// The calls since the last time that this was asked.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// The calls so far; they stay.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

async fn pass(State((target, client, calls)): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap();
    let name = name(&parts.headers, parts.method.as_str(), &body);
    let asked = format!("{} {}", parts.uri, String::from_utf8_lossy(&body));
    let mut headers = parts.headers;
    headers.remove(header::HOST);
    let sent = client
        .request(parts.method, format!("{target}{}", parts.uri))
        .headers(headers)
        .body(body)
        .send()
        .await;
    let Ok(answer) = sent else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove(header::TRANSFER_ENCODING);
    let length = headers.get(header::CONTENT_LENGTH).cloned();
    let body = answer.bytes().await.unwrap_or_default();
    calls.lock().unwrap().push(Call {
        name,
        asked,
        answered: String::from_utf8_lossy(&body[..body.len().min(4_096)]).into_owned(),
    });
    let mut response = (status, body).into_response();
    // The length of what `HEAD` does not send is the object's.
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    *response.headers_mut() = headers;
    response
}

/// Service and action. Every service but S3 names its action in a header or in the body.
fn name(headers: &HeaderMap, method: &str, body: &Bytes) -> String {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    if let Some((service, action)) = target.and_then(|target| target.split_once('.')) {
        let service = match service.split('_').next().unwrap_or_default() {
            "AmazonSQS" => "SQS",
            "TrentService" => "KMS",
            "AWSEvents" => "EventBridge",
            name => name,
        };
        return format!("{service} {action}");
    }
    let text = String::from_utf8_lossy(body);
    match text.strip_prefix("Action=") {
        Some(rest) => rest.split('&').next().unwrap_or_default().to_owned(),
        None => format!("S3 {method}"),
    }
}

/// Whether it is a look into a queue that finds nothing.
pub(crate) fn is_idle_poll(call: &Call) -> bool {
    let answer: Option<Value> = serde_json::from_str(&call.answered).ok();
    let none = |answer: &Value| answer["Messages"].as_array().is_none_or(Vec::is_empty);
    call.name == "SQS ReceiveMessage" && answer.as_ref().is_none_or(none)
}

/// Whether it is an instance's heartbeat.
pub(crate) fn is_heartbeat(call: &Call) -> bool {
    call.name == "DynamoDB PutItem" && call.asked.contains("\"INSTANCES\"")
}
