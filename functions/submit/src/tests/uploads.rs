//! Uploads: announced, named, and read by nobody else.

use nommer_core::{
    key::{ApiKey, Grant, Scope},
    ports::KeyStore as _,
};

use super::*;

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
            json!({"filename": "a.mov", "bytes": 6_u64 << 30}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "/bytes",
        ),
    ] {
        let (found, problem) = server.call("POST", "/v1/uploads", body.to_string()).await;
        assert_eq!(found, status, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        if pointer == "/bytes" {
            assert!(problem["hint"].as_str().unwrap().contains("aws s3 cp"));
        }
    }
}

#[tokio::test]
async fn uploads_of_a_key_are_for_it_alone() {
    let server = server();
    let mut keys = Vec::new();
    for seed in [1, 2] {
        let grant = Grant {
            scopes: [Scope::Submit].into(),
            sources: vec!["s3://somewhere-else/".to_owned()],
            ..Grant::default()
        };
        let (key, shown) = ApiKey::new(grant, &[seed; 40], Timestamp::UNIX_EPOCH);
        server.backend.store.put_key(&key).await.unwrap();
        keys.push(format!("Bearer {}", shown.expose()));
    }
    let ask = async |key: &str, path: &str, body: &Value| {
        let request = Request::builder().method("POST").uri(path);
        let request = request.header("authorization", key);
        let request = request.body(Body::from(body.to_string())).unwrap();
        read(server.send(request).await).await
    };
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
