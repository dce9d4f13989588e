//! API keys: who is let in, what they may do, and what they see.

use axum::http::header;
use nommer_core::{
    key::{ApiKey, Grant, Scope},
    ports::KeyStore as _,
};

use super::*;

/// A server that asks for keys.
fn closed(anonymous_legacy: bool) -> Server {
    server_for(Access {
        keys_required: true,
        anonymous_legacy,
    })
}

/// A new key: the value of an `Authorization` header.
async fn key(server: &Server, seed: u8, grant: Grant) -> String {
    let (key, shown) = ApiKey::new(grant, &[seed; 40], Timestamp::UNIX_EPOCH);
    server.backend.store.put_key(&key).await.unwrap();
    format!("Bearer {}", shown.expose())
}

fn may(scopes: &[Scope]) -> Grant {
    Grant {
        scopes: scopes.iter().copied().collect(),
        ..Grant::default()
    }
}

const ALL: [Scope; 2] = [Scope::Submit, Scope::Read];

impl Server {
    async fn ask(&self, key: &str, method: &str, path: &str, body: &Value) -> Response {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut request = Request::builder().method(method).uri(path);
        if !key.is_empty() {
            request = request.header(header::AUTHORIZATION, key);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    async fn call_with(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        read(self.ask(key, method, path, body).await).await
    }

    /// Submits a job with a destination of its own, and gives its id.
    async fn job_of(&self, key: &str, name: &str) -> String {
        let (status, answer) = self.call_with(key, "POST", "/v1/jobs", &to(name)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }
}

fn to(name: &str) -> Value {
    let mut body = job();
    body["dest_path"] = json!(format!("s3://out-bucket/{name}.mp4"));
    body
}

#[tokio::test]
async fn without_a_valid_key_nothing_is_told_and_nothing_made() {
    let server = closed(false);
    let good = key(&server, 1, may(&ALL)).await;
    let mut wrong = good.clone();
    wrong.replace_range(
        wrong.len() - 1..,
        if good.ends_with('0') { "1" } else { "0" },
    );
    for sent in [
        "",
        "Bearer nonsense",
        "Basic Og==",
        "AWS4-HMAC-SHA256 x",
        &wrong,
    ] {
        for (method, path) in [
            ("POST", "/v1/jobs"),
            ("GET", "/v1/jobs"),
            ("GET", "/v1/fleet"),
            ("GET", "/v1/nothing"),
            ("POST", "/job/submit/"),
        ] {
            let response = server.ask(sent, method, path, &legacy_job()).await;
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            let (status, answer) = read(response).await;
            assert_eq!(
                (status.as_u16(), &answer["code"]),
                (401, &json!("unauthorized")),
                "{sent} {path}"
            );
        }
    }
    assert!(server.nothing_was_made());
    for path in ["/v1/health", "/v1/version"] {
        let (status, _) = server.call_with("", "GET", path, &Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_from_the_next_request_on() {
    let server = closed(false);
    let sent = key(&server, 1, may(&ALL)).await;
    server.job_of(&sent, "a").await;
    let mut stored = server.backend.store.keys().await.unwrap().pop().unwrap();
    stored.revoked_at = Some(Timestamp::now());
    server.backend.store.put_key(&stored).await.unwrap();
    let (status, _) = server
        .call_with(&sent, "GET", "/v1/jobs", &Value::Null)
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named() {
    let server = closed(false);
    let reader = key(&server, 1, may(&[Scope::Read])).await;
    let writer = key(&server, 2, may(&[Scope::Submit])).await;
    for (sent, method, path, scope) in [
        (&reader, "POST", "/v1/jobs", "submit"),
        (&reader, "POST", "/job/submit", "submit"),
        (&writer, "GET", "/v1/jobs", "read"),
        (&writer, "GET", "/v1/fleet", "admin"),
        (&reader, "POST", "/v1/fleet/pause", "admin"),
    ] {
        let (status, answer) = server.call_with(sent, method, path, &job()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
        assert_eq!(answer["code"], "forbidden");
        assert!(
            answer["detail"].as_str().unwrap().ends_with(scope),
            "{answer}"
        );
    }
    assert!(server.nothing_was_made());
    let admin = key(&server, 3, may(&[Scope::Admin])).await;
    let (status, _) = server
        .call_with(&admin, "GET", "/v1/fleet", &Value::Null)
        .await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn jobs_of_others_are_as_if_they_were_not_there() {
    let server = closed(false);
    let one = key(&server, 1, may(&ALL)).await;
    let other = key(&server, 2, may(&ALL)).await;
    let admin = key(&server, 3, may(&[Scope::Admin])).await;
    let id = server.job_of(&one, "a").await;
    let paths = [
        ("GET", format!("/v1/jobs/{id}")),
        ("GET", format!("/v1/jobs/{id}/events")),
        ("POST", format!("/v1/jobs/{id}/cancel")),
        ("POST", format!("/v1/jobs/{id}/retry")),
        ("DELETE", format!("/v1/jobs/{id}")),
        ("DELETE", format!("/v1/jobs/{id}?delete_outputs=true")),
        ("GET", format!("/v1/webhook-deliveries?job_id={id}")),
        ("POST", format!("/v1/webhook-deliveries/{id}_1/redeliver")),
    ];
    for (method, path) in &paths {
        let (status, answer) = server.call_with(&other, method, path, &Value::Null).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path} {answer}");
        let absent = path.replace(&id, "job_00000000000000000000000000000000");
        let (_, missing) = server
            .call_with(&other, method, &absent, &Value::Null)
            .await;
        let told = answer
            .to_string()
            .replace(&id, "job_00000000000000000000000000000000");
        assert_eq!(told, missing.to_string(), "the answers are the same");
    }
    let listed = async |sent: &str| {
        let (_, page) = server
            .call_with(sent, "GET", "/v1/jobs", &Value::Null)
            .await;
        page["data"].as_array().unwrap().len()
    };
    assert_eq!(
        (
            listed(&one).await,
            listed(&other).await,
            listed(&admin).await
        ),
        (1, 0, 1)
    );
    let (status, answer) = server
        .call_with(&one, "GET", &paths[0].1, &Value::Null)
        .await;
    assert_eq!(
        (status, &answer["state"]),
        (StatusCode::OK, &json!("PENDING"))
    );
    let (status, answer) = server.call_with(&other, "POST", "/v1/jobs", &to("a")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(!answer.to_string().contains(&id), "{answer}");
    let (_, answer) = server.call_with(&one, "POST", "/v1/jobs", &to("a")).await;
    assert!(answer.to_string().contains(&id), "{answer}");
}

#[tokio::test]
async fn two_keys_may_use_one_idempotency_key_for_two_jobs() {
    let server = closed(false);
    let mut ids = Vec::new();
    for (seed, name) in [(1, "a"), (2, "b"), (1, "a")] {
        let sent = key(&server, seed, may(&ALL)).await;
        let request = Request::post("/v1/jobs")
            .header(header::AUTHORIZATION, sent)
            .header("idempotency-key", "mine")
            .body(Body::from(to(name).to_string()))
            .unwrap();
        let (status, answer) = read(server.send(request).await).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        ids.push(answer["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0], ids[2]);
}

#[tokio::test]
async fn a_limited_key_is_held_to_its_places_on_both_routes() {
    let server = closed(false);
    let grant = Grant {
        sources: vec!["s3://in-bucket/".to_owned()],
        destinations: vec!["s3://out-bucket/own".to_owned()],
        ..may(&ALL)
    };
    let sent = key(&server, 1, grant).await;
    let (status, answer) = server.call_with(&sent, "POST", "/v1/jobs", &to("a")).await;
    assert_eq!(
        (status.as_u16(), &answer["errors"][0]["pointer"]),
        (403, &json!("/dest_path"))
    );
    let body = to("a");
    let dry = server.call_with(&sent, "POST", "/v1/jobs?dry_run=true", &body);
    assert_eq!(dry.await.0, StatusCode::FORBIDDEN);
    let (_, answer) = server
        .call_with(&sent, "POST", "/job/submit", &legacy_job())
        .await;
    assert_eq!(answer["success"], json!(false));
    assert!(server.nothing_was_made());
    server.job_of(&sent, "own/a").await;
}

#[tokio::test]
async fn a_key_with_as_many_jobs_as_it_may_waits_until_one_has_ended() {
    let server = closed(false);
    let grant = Grant {
        queued_jobs: Some(2),
        ..may(&ALL)
    };
    let sent = key(&server, 1, grant).await;
    let first = server.job_of(&sent, "a").await;
    server.job_of(&sent, "b").await;
    let response = server.ask(&sent, "POST", "/v1/jobs", &to("c")).await;
    assert_eq!(response.headers()["retry-after"], "10");
    let (status, answer) = read(response).await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (429, &json!("quota_exceeded"))
    );
    let cancel = format!("/v1/jobs/{first}/cancel");
    server.call_with(&sent, "POST", &cancel, &Value::Null).await;
    server.job_of(&sent, "c").await;
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let server = closed(false);
    let grant = Grant {
        requests_per_minute: Some(1),
        ..may(&ALL)
    };
    let sent = key(&server, 1, grant).await;
    let other = key(&server, 2, may(&ALL)).await;
    // A minute may end in between, so one refusal of two is enough.
    let mut refused = Vec::new();
    for _ in 0..3 {
        let response = server.ask(&sent, "GET", "/v1/jobs", &Value::Null).await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            let after = response.headers()["retry-after"].to_str().unwrap();
            refused.push(after.parse::<u64>().unwrap());
        }
    }
    assert!(
        refused.iter().any(|seconds| (1..=60).contains(seconds)),
        "{refused:?}"
    );
    let (status, _) = server
        .call_with(&other, "GET", "/v1/jobs", &Value::Null)
        .await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn the_originals_route_stays_open_where_the_operator_says_so() {
    let server = closed(true);
    let (_, answer) = server
        .call_with("", "POST", "/job/submit/", &legacy_job())
        .await;
    assert_eq!(answer["success"], json!(true), "{answer}");
    let (status, _) = server.call_with("", "POST", "/v1/jobs", &job()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn where_no_key_is_asked_for_one_that_is_brought_counts_all_the_same() {
    let server = server();
    let sent = key(&server, 1, may(&[Scope::Read])).await;
    let (status, _) = server.call_with(&sent, "POST", "/v1/jobs", &job()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = server.call_with("", "POST", "/v1/jobs", &job()).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, _) = server
        .call_with("Bearer nk_x", "GET", "/v1/jobs", &Value::Null)
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn batches_of_others_are_as_if_they_were_not_there() {
    let server = closed(false);
    let mine = key(&server, 1, may(&ALL)).await;
    let narrow = Grant {
        destinations: vec!["s3://their-bucket/".to_owned()],
        ..may(&ALL)
    };
    let other = key(&server, 2, narrow).await;
    let body = json!({"job": {"preset": "copy"}, "entries": [
        {"source_path": "s3://in-bucket/a", "dest_path": "s3://their-bucket/a.mp4"},
        {"source_path": "s3://in-bucket/b", "dest_path": "s3://out-bucket/b.mp4"},
    ]});
    let (status, batch) = server.call_with(&mine, "POST", "/v1/batches", &body).await;
    assert_eq!(status, StatusCode::CREATED, "{batch}");
    let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
    for (method, path) in [("GET", path.clone()), ("POST", format!("{path}/cancel"))] {
        let (status, _) = server.call_with(&other, method, &path, &Value::Null).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let (status, _) = server.call_with(&mine, method, &path, &Value::Null).await;
        assert!(status.is_success());
    }
    let (_, page) = server
        .call_with(&other, "GET", "/v1/batches", &Value::Null)
        .await;
    assert_eq!(page["data"], json!([]));
    let (status, problem) = server.call_with(&other, "POST", "/v1/batches", &body).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(problem["errors"][0]["pointer"], "/entries/1/dest_path");
}
