//! Uploads: announced, named, and read by nobody else.

use nommer_core::{
    key::{ApiKey, Grant, Scope},
    ports::KeyStore as _,
};

use super::*;

/// More than one request takes.
const LARGE: u64 = 6 << 30;

/// The body that completes an upload of so many parts, as the memory side wants it.
fn completion(parts: usize) -> Value {
    let parts = (1..=parts).map(|number| json!({"number": number, "etag": number.to_string()}));
    json!({"parts": parts.collect::<Vec<_>>()})
}

impl Server {
    /// The keys of two callers who may submit, as headers.
    async fn two_keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for seed in [1, 2] {
            let grant = Grant {
                scopes: [Scope::Submit].into(),
                sources: vec!["s3://somewhere-else/".to_owned()],
                ..Grant::default()
            };
            let (key, shown) = ApiKey::new(grant, &[seed; 40], Timestamp::UNIX_EPOCH);
            self.backend.store.put_key(&key).await.unwrap();
            keys.push(format!("Bearer {}", shown.expose()));
        }
        keys
    }

    async fn ask_as(&self, key: &str, request: (&str, &str), body: &Value) -> (StatusCode, Value) {
        let (method, path) = request;
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", key);
        let request = request.body(Body::from(body.to_string())).unwrap();
        read(self.send(request).await).await
    }
}

#[tokio::test]
async fn an_upload_is_announced_and_its_address_can_be_a_source() {
    let server = server();
    let body = json!({"filename": "a b.mov", "bytes": 5, "content_type": "video/quicktime"});
    let (status, upload) = server.call("POST", "/v1/uploads", body.to_string()).await;
    assert_eq!(status, StatusCode::CREATED, "{upload}");
    let (id, source) = (
        upload["id"].as_str().unwrap(),
        upload["source_path"].as_str().unwrap(),
    );
    assert_eq!(source, format!("s3://memory/uploads/operator/{id}/a b.mov"));
    assert_eq!(upload["method"], "PUT");
    let mut job = job();
    job["source_path"] = json!(source);
    assert_eq!(server.create(&job).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn an_upload_that_cannot_be_is_refused_with_its_field() {
    let server = server();
    for (body, status, pointer) in [
        (json!({"bytes": 5}), StatusCode::BAD_REQUEST, "/filename"),
        (
            json!({"filename": "../a.mov", "bytes": 5}),
            StatusCode::BAD_REQUEST,
            "/filename",
        ),
        (
            json!({"filename": "a.mov", "bytes": 5, "type": "x"}),
            StatusCode::BAD_REQUEST,
            "/type",
        ),
        (
            json!({"filename": "a.mov", "bytes": 101_u64 << 30}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "/bytes",
        ),
    ] {
        let (found, problem) = server.call("POST", "/v1/uploads", body.to_string()).await;
        assert_eq!(found, status, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        if pointer == "/bytes" {
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("limits.source_bytes"), "{detail}");
        }
    }
}

#[tokio::test]
async fn uploads_of_a_key_are_for_it_alone() {
    let server = server();
    let keys = server.two_keys().await;
    let ask =
        async |key: &str, path: &str, body: &Value| server.ask_as(key, ("POST", path), body).await;
    let announced = json!({"filename": "a.mov", "bytes": 5});
    let (status, upload) = ask(&keys[0], "/v1/uploads", &announced).await;
    assert_eq!(status, StatusCode::CREATED, "{upload}");
    let mut job = job();
    job["source_path"] = upload["source_path"].clone();
    let (status, problem) = ask(&keys[1], "/v1/jobs", &job).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
    let probe = json!({"source_path": upload["source_path"]});
    assert_eq!(
        ask(&keys[1], "/v1/probes", &probe).await.0,
        StatusCode::FORBIDDEN
    );
    assert_eq!(ask(&keys[0], "/v1/jobs", &job).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn what_one_request_takes_is_answered_as_ever() {
    let server = server();
    let body = json!({"filename": "a.mov", "bytes": 5_u64 << 30});
    let (status, upload) = server.call("POST", "/v1/uploads", body.to_string()).await;
    assert_eq!(status, StatusCode::CREATED, "{upload}");
    let fields: Vec<_> = upload.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "expires_at",
            "headers",
            "id",
            "method",
            "object",
            "source_path",
            "url"
        ]
    );
    assert!(upload["url"].is_string());
}

#[tokio::test]
async fn what_is_larger_is_brought_in_parts_and_completed_twice_with_the_same_answer() {
    let server = server();
    let body = json!({"filename": "a b.mov", "bytes": LARGE, "content_type": "video/quicktime"});
    let (status, upload) = server.call("POST", "/v1/uploads", body.to_string()).await;
    assert_eq!(status, StatusCode::CREATED, "{upload}");
    assert!(upload["url"].is_null());
    let parts = upload["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 96);
    assert_eq!(parts[0]["number"], 1);
    let bytes = parts.iter().map(|part| part["bytes"].as_u64().unwrap());
    assert_eq!(bytes.sum::<u64>(), LARGE);
    let path = upload["parts_path"].as_str().unwrap();
    let (status, again) = server.call("GET", path, "").await;
    assert_eq!(status, StatusCode::OK, "{again}");
    for field in ["id", "parts", "complete_path", "source_path"] {
        assert_eq!(again[field], upload[field], "{field}");
    }

    let path = upload["complete_path"].as_str().unwrap();
    for _ in 0..2 {
        let answer = server.call("POST", path, completion(96).to_string()).await;
        let expected = json!({
            "object": "upload",
            "id": upload["id"],
            "source_path": upload["source_path"],
            "bytes": LARGE,
        });
        assert_eq!(answer, (StatusCode::OK, expected));
    }
}

#[tokio::test]
async fn a_part_that_did_not_come_is_named() {
    let server = server();
    let body = json!({"filename": "a.mov", "bytes": LARGE});
    let (_, upload) = server.call("POST", "/v1/uploads", body.to_string()).await;
    let path = upload["complete_path"].as_str().unwrap();
    let mut other = completion(96);
    other["parts"][4]["etag"] = json!("other");
    for (body, pointer) in [
        (other, "/parts/4/etag"),
        (completion(95), "/parts"),
        (completion(97), "/parts"),
        (json!({}), "/parts"),
    ] {
        let (status, problem) = server.call("POST", path, body.to_string()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        assert_eq!(problem["code"], "invalid_spec");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
}

#[tokio::test]
async fn nobody_completes_or_extends_an_upload_of_another() {
    let server = server();
    let keys = server.two_keys().await;
    let announced = json!({"filename": "a.mov", "bytes": LARGE});
    let announce = ("POST", "/v1/uploads");
    let (status, upload) = server.ask_as(&keys[0], announce, &announced).await;
    assert_eq!(status, StatusCode::CREATED, "{upload}");
    let complete = upload["complete_path"].as_str().unwrap();
    let body = completion(96);
    let (status, problem) = server.ask_as(&keys[1], ("POST", complete), &body).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
    assert_eq!(problem["code"], "not_found");
    // The addresses that another gets lead into that one's own folder.
    let path = upload["parts_path"].as_str().unwrap();
    let (_, parts) = server.ask_as(&keys[1], ("GET", path), &json!({})).await;
    assert_ne!(parts["parts"][0]["url"], upload["parts"][0]["url"]);
    assert_ne!(parts["source_path"], upload["source_path"]);
    let (status, done) = server.ask_as(&keys[0], ("POST", complete), &body).await;
    assert_eq!(status, StatusCode::OK, "{done}");
}

#[tokio::test]
async fn an_upload_that_nobody_announced_is_not_found() {
    let server = server();
    let body = json!({"filename": "a.mov", "bytes": LARGE});
    let (_, upload) = server.call("POST", "/v1/uploads", body.to_string()).await;
    let complete = upload["complete_path"].as_str().unwrap();
    let (path, ticket) = complete.split_once('?').unwrap();
    for path in [
        path.to_owned(),
        format!("{path}?ticket="),
        format!("{path}?ticket=xyz"),
        format!("/v1/uploads/upload_1/complete?{ticket}"),
        format!("/v1/uploads/..%2Fkey_1/complete?{ticket}"),
    ] {
        let (status, problem) = server.call("POST", &path, completion(96).to_string()).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path} {problem}");
        assert!(problem["hint"].is_string(), "{problem}");
    }
}
