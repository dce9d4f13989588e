//! A proxy before the emulator that counts what is asked of it: one line for each call, as AWS bills them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
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
    state: Arc<State>,
}

/// What it knows.
struct State {
    target: String,
    client: reqwest::Client,
    calls: Mutex<Vec<Call>>,
    /// Whether connections are cut, and how many were.
    cut: AtomicBool,
    cuts: AtomicUsize,
}

impl Counting {
    /// Starts one before this address.
    pub(crate) async fn before(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            target: target.to_owned(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            calls: Mutex::default(),
            cut: AtomicBool::new(false),
            cuts: AtomicUsize::new(0),
        });
        let routes = Router::new().fallback(pass).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, state }
    }

    /// Cuts every connection from now on, or no more.
    pub(crate) fn cut(&self, cut: bool) {
        self.state.cut.store(cut, Ordering::SeqCst);
    }

    /// How many connections were cut.
    pub(crate) fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }

    /// The calls since the last time that this was asked.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.calls.lock().unwrap())
    }

    /// The calls so far; they stay.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.calls.lock().unwrap().clone()
    }
}

async fn pass(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    request: Request,
) -> Response {
    if state.cut.load(Ordering::SeqCst) {
        state.cuts.fetch_add(1, Ordering::SeqCst);
        let broken = futures_util::stream::iter([Err::<&str, _>(std::io::Error::other("cut"))]);
        return Response::new(Body::from_stream(broken));
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap();
    let name = name(&parts.headers, parts.method.as_str(), &body);
    let asked = format!("{} {}", parts.uri, String::from_utf8_lossy(&body));
    let mut headers = parts.headers;
    headers.remove(header::HOST);
    let sent = state
        .client
        .request(parts.method, format!("{}{}", state.target, parts.uri))
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
    state.calls.lock().unwrap().push(Call {
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
