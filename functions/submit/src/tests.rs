//! The HTTP surface, called in process over the memory side.

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
    response::Response,
};
use jiff::Timestamp;
use nommer_core::{
    id::JobId,
    memory::{Memory, NoSignal},
    ports::{JobStore, Version},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;

mod batches;
mod bulk;
mod delete;
mod endpoints;
mod fleet;
mod keys;
mod lists;
mod logs;
mod probes;
mod retry;
mod uploads;
mod watch;

struct Server {
    router: Router,
    backend: Arc<Memory>,
}

fn settings() -> Settings {
    let mut settings = Settings::local();
    settings.prices.usd_per_hour = [("local".to_owned(), 3.6)].into();
    settings
}

fn server() -> Server {
    server_for(Access::default())
}

/// A server that lets these in.
fn server_for(access: Access) -> Server {
    let backend = Arc::new(Memory::new(Timestamp::UNIX_EPOCH));
    let submit = Submit {
        backend: Arc::clone(&backend),
        signal: NoSignal,
        rules: SpecRules::default(),
        settings: settings(),
        access,
        job_events: false,
        allowances: Allowances::default(),
    };
    Server {
        router: router(Arc::new(submit)),
        backend,
    }
}

impl Server {
    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn call(&self, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(body.into())
            .unwrap();
        read(self.send(request).await).await
    }

    async fn legacy(&self, body: &Value) -> Value {
        let (status, answer) = self.call("POST", "/job/submit", body.to_string()).await;
        assert_eq!(status, StatusCode::OK);
        answer
    }

    async fn create(&self, body: &Value) -> (StatusCode, Value) {
        self.call("POST", "/v1/jobs", body.to_string()).await
    }

    fn nothing_was_made(&self) -> bool {
        self.backend.job_queue.is_empty()
    }
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

fn legacy_job() -> Value {
    json!({
        "source_path": "s3://in-bucket/a.mov",
        "dest_path": "s3://out-bucket/a.mp4",
        "notify_url": null,
        "job_options": {
            "nommer": "media_nommer.ec2nommerd.nommers.ffmpeg.FFmpegNommer",
            "options": [{"outfile_options": [["vcodec", "libx264"], ["f", "mp4"]]}],
        },
    })
}

fn job() -> Value {
    json!({"source_path": "s3://in-bucket/a.mov", "dest_path": "s3://out-bucket/a.mp4", "preset": "copy"})
}

#[tokio::test]
async fn the_original_clients_request_makes_a_job_with_and_without_a_slash() {
    let server = server();
    for (path, dest) in [
        ("/job/submit", "s3://out-bucket/1.mp4"),
        ("/job/submit/", "s3://out-bucket/2.mp4"),
    ] {
        let mut body = legacy_job();
        body["dest_path"] = json!(dest);
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body.to_string()))
            .unwrap();
        let (status, answer) = read(server.send(request).await).await;
        assert_eq!(
            (status, &answer["success"]),
            (StatusCode::OK, &json!(true)),
            "{answer}"
        );
        let id: JobId = answer["job_id"].as_str().unwrap().parse().unwrap();
        let (job, version) = server.backend.store.get(&id).await.unwrap().unwrap();
        assert_eq!((job.spec.passes.len(), version), (1, Version(1)));
    }
    assert_eq!(server.backend.job_queue.len(), 2);
}

#[tokio::test]
async fn the_originals_messages_come_in_its_order() {
    let server = server();
    let cases = [
        (
            json!({}),
            "Missing/invalid required key+val: ['source_path']",
        ),
        (
            json!({"source_path": "", "dest_path": 1}),
            "Missing/invalid required key+val: ['source_path']",
        ),
        (
            json!({"source_path": "s3://b/k"}),
            "Missing/invalid required key+val: ['dest_path']",
        ),
        (
            json!({"source_path": "s3://b/k", "dest_path": "s3://b/l"}),
            "Missing/invalid required key+val: ['job_options']",
        ),
        (
            json!({"source_path": "s3://b/k", "dest_path": "s3://b/l", "job_options": {"nommer": "ffmpeg", "options": []}}),
            "Missing/invalid required key+val: ['job_options'][options]",
        ),
        (
            json!({"source_path": "s3://b/k", "dest_path": "s3://b/l", "job_options": {"options": [{}]}}),
            "Missing/invalid required key+val: ['job_options'][nommer]",
        ),
    ];
    for (body, message) in cases {
        let answer = server.legacy(&body).await;
        assert_eq!(answer["success"], json!(false));
        assert_eq!(answer["error_code"], json!("BADINPUT"));
        assert_eq!(answer["message"], json!(message), "{body}");
    }
    assert!(server.nothing_was_made());
}

#[tokio::test]
async fn the_originals_route_ignores_unknown_keys_and_refuses_an_unknown_nommer() {
    let server = server();
    let mut body = legacy_job();
    body["unique_id"] = json!("mine");
    body["job_options"]["colour"] = json!("blue");
    assert_eq!(server.legacy(&body).await["success"], json!(true));
    body["job_options"]["nommer"] = json!("os.system");
    let answer = server.legacy(&body).await;
    assert_eq!(
        (&answer["success"], &answer["code"]),
        (&json!(false), &json!("unknown_nommer"))
    );
}

#[tokio::test]
async fn the_originals_route_answers_other_methods_as_it_did() {
    let server = server();
    let request = Request::get("/job/submit").body(Body::empty()).unwrap();
    let response = server.send(request).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["allow"], "POST");
}

#[tokio::test]
async fn broken_bodies_are_refused_and_the_server_goes_on() {
    let server = server();
    let deep = "[".repeat(100_000);
    let huge = format!("{{\"x\":\"{}\"}}", "A".repeat(10 << 20));
    let bodies: [(&[u8], u16); 7] = [
        (b"", 400),
        (b"not json", 400),
        (b"\xff\xfe", 400),
        (deep.as_bytes(), 400),
        (huge.as_bytes(), 413),
        (
            br#"{"source_path":"s3://a/b","source_path":"s3://c/d"}"#,
            400,
        ),
        (b"[1,2]", 400),
    ];
    for (body, expected) in bodies {
        let (status, answer) = server.call("POST", "/v1/jobs", body.to_vec()).await;
        assert_eq!(status.as_u16(), expected, "{answer}");
        assert_eq!(answer["status"], json!(expected));
        let (status, answer) = server.call("POST", "/job/submit", body.to_vec()).await;
        assert_eq!(
            (status, &answer["success"]),
            (StatusCode::OK, &json!(false))
        );
    }
    assert!(server.nothing_was_made());
    assert_eq!(server.create(&job()).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_created_job_can_be_read_listed_canceled_and_deleted() {
    let server = server();
    let (status, created) = server.create(&job()).await;
    assert_eq!(
        (status, &created["state"]),
        (StatusCode::CREATED, &json!("PENDING")),
        "{created}"
    );
    let path = format!("/v1/jobs/{}", created["id"].as_str().unwrap());

    assert_eq!(
        server.call("GET", &path, "").await,
        (StatusCode::OK, created.clone())
    );
    let (_, page) = server.call("GET", "/v1/jobs?state=PENDING", "").await;
    assert_eq!(page["data"], json!([created]));
    assert_eq!(page["next_cursor"], Value::Null);

    let (status, refused) = server.call("DELETE", &path, "").await;
    assert_eq!(
        (status, &refused["code"]),
        (StatusCode::CONFLICT, &json!("conflict"))
    );
    for _ in 0..2 {
        let (status, canceled) = server.call("POST", &format!("{path}/cancel"), "").await;
        assert_eq!(
            (status, &canceled["state"]),
            (StatusCode::ACCEPTED, &json!("CANCELED"))
        );
    }
    assert_eq!(
        server.call("DELETE", &path, "").await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(server.call("GET", &path, "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_live_destination_is_taken_until_its_job_ends() {
    let server = server();
    let (_, first) = server.create(&job()).await;
    let (status, second) = server.create(&job()).await;
    assert_eq!(
        (status, &second["code"]),
        (StatusCode::CONFLICT, &json!("dest_conflict"))
    );
    let id = first["id"].as_str().unwrap();
    assert!(second["detail"].as_str().unwrap().contains(id));
    server
        .call("POST", &format!("/v1/jobs/{id}/cancel"), "")
        .await;
    assert_eq!(server.create(&job()).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn an_idempotency_key_gives_the_same_job_and_refuses_another_body() {
    let server = server();
    let send = |body: Value| {
        let request = Request::post("/v1/jobs")
            .header("idempotency-key", "k1")
            .body(Body::from(body.to_string()));
        server.send(request.unwrap())
    };
    let first = send(job()).await;
    assert_eq!(
        first.headers()["location"]
            .to_str()
            .unwrap()
            .split('/')
            .count(),
        4
    );
    let (_, first) = read(first).await;
    let second = send(job()).await;
    assert_eq!(second.headers()["idempotency-replayed"], "true");
    assert_eq!(read(second).await, (StatusCode::CREATED, first));
    let mut other = job();
    other["dest_path"] = json!("s3://out-bucket/b.mp4");
    let (status, refused) = read(send(other).await).await;
    assert_eq!(
        (status.as_u16(), &refused["code"]),
        (422, &json!("idempotency_mismatch"))
    );
    assert_eq!(server.backend.job_queue.len(), 1);
}

#[tokio::test]
async fn a_wrong_field_is_named_with_what_would_be_right() {
    let server = server();
    let with = |key: &str, value: Value| {
        let mut body = job();
        body[key] = value;
        body
    };
    let cases = [
        (
            with("souce_path", json!("x")),
            "/souce_path",
            "invalid_spec",
            "source_path",
        ),
        (
            with("preset", json!("web-mp4-72Op")),
            "/preset",
            "unknown_preset",
            "web-mp4-720p",
        ),
        (
            with("max_attempts", json!(0)),
            "/max_attempts",
            "invalid_spec",
            "1 to 10",
        ),
        (
            with("metadata", json!({"k": 1})),
            "/metadata/k",
            "invalid_spec",
            "metadata",
        ),
        (
            with("notify_format", json!("xml")),
            "/notify_format",
            "invalid_spec",
            "form",
        ),
        (
            with("source_path", json!({"$ne": null})),
            "/source_path",
            "invalid_spec",
            "text",
        ),
    ];
    for (body, pointer, code, words) in cases {
        let (status, problem) = server.create(&body).await;
        assert!(status.is_client_error(), "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], json!(pointer));
        assert_eq!(problem["code"], json!(code));
        assert!(
            problem["detail"].as_str().unwrap().contains(words),
            "{problem}"
        );
    }
    assert!(server.nothing_was_made());
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let server = server();
    for number in 0..5 {
        let mut body = job();
        body["dest_path"] = json!(format!("s3://out-bucket/{number}.mp4"));
        server.create(&body).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/jobs?limit=2".to_owned();
    loop {
        let (_, page) = server.call("GET", &path, "").await;
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/jobs?limit=2&cursor={cursor}");
    }
    assert_eq!(seen.len(), 5);
    assert!(
        seen.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first: {seen:?}"
    );
    for wrong in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=../x",
        "state=DONE",
        "colour=blue",
    ] {
        assert_eq!(
            server.call("GET", &format!("/v1/jobs?{wrong}"), "").await.0,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let server = server();
    for (method, path, code) in [
        ("GET", "/nope", "not_found"),
        ("PUT", "/v1/jobs", "method_not_allowed"),
        ("GET", "/v1/jobs/..%2Fetc", "not_found"),
        ("POST", "/v1/jobs/job_0/cancel", "not_found"),
    ] {
        let (_, problem) = server.call(method, path, "").await;
        assert_eq!(problem["code"], json!(code), "{method} {path}");
    }
    assert_eq!(
        server.call("GET", "/v1/health", "").await,
        (StatusCode::OK, json!({"status": "ok"}))
    );
}
