//! Probes: recorded and queued like jobs, shown apart from them.

use nommer_core::job::{Event, Report};

use super::*;

async fn asked(server: &Server) -> String {
    let body = json!({"source_path": "s3://ID:SECRET@in-bucket/a.mov"});
    let (status, probe) = server.call("POST", "/v1/probes", body.to_string()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{probe}");
    assert_eq!(
        (&probe["object"], &probe["state"]),
        (&json!("probe"), &json!("PENDING"))
    );
    assert!(!probe.to_string().contains("SECRET"));
    probe["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_probe_is_queued_and_found_under_its_own_address_alone() {
    let server = server();
    let id = asked(&server).await;
    assert!(!server.nothing_was_made());
    let (status, probe) = server.call("GET", &format!("/v1/probes/{id}"), "").await;
    assert_eq!((status, &probe["id"]), (StatusCode::OK, &json!(id)));
    let (_, jobs) = server.call("GET", "/v1/jobs", "").await;
    assert_eq!(jobs["data"], json!([]));
    for (method, path) in [
        ("GET", format!("/v1/jobs/{id}")),
        ("GET", format!("/v1/jobs/{id}/probe")),
        ("POST", format!("/v1/jobs/{id}/cancel")),
        ("POST", format!("/v1/jobs/{id}/retry")),
        ("DELETE", format!("/v1/jobs/{id}")),
    ] {
        let (status, _) = server.call(method, &path, "").await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let (_, made) = server.create(&job()).await;
    let path = format!("/v1/probes/{}", made["id"].as_str().unwrap());
    assert_eq!(
        server.call("GET", &path, "").await.0,
        StatusCode::NOT_FOUND,
        "a job is no probe"
    );
}

#[tokio::test]
async fn what_an_encoder_finds_is_shown() {
    let server = server();
    let id: JobId = asked(&server).await.parse().unwrap();
    let store = &server.backend.store;
    let (mut probe, version) = store.get(&id).await.unwrap().unwrap();
    let claim = Event::Claim {
        instance: "i-1".parse().unwrap(),
        lease: std::time::Duration::from_secs(60),
        margin: std::time::Duration::ZERO,
        slot_hour_usd: None,
    };
    probe.apply(claim, Timestamp::now());
    let report = Report {
        source_format: Some("mov,mp4".to_owned()),
        source_seconds: Some(2.5),
        source_streams: vec![nommer_core::probe::Stream::default()],
        ..Report::default()
    };
    let found = Event::Encode {
        token: probe.state.lease().unwrap().token.clone(),
        report: Box::new(report),
    };
    probe.apply(found, Timestamp::now());
    store.put(&probe, version, &[]).await.unwrap();
    let path = format!("/v1/probes/{id}");
    let (_, shown) = server.call("GET", &path, "").await;
    assert_eq!(
        (
            &shown["state"],
            &shown["source"]["seconds"],
            &shown["source"]["format"]
        ),
        (&json!("FINISHED"), &json!(2.5), &json!("mov,mp4")),
        "{shown}"
    );
    assert_eq!(
        server.call("DELETE", &path, "").await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(server.call("GET", &path, "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_probe_that_is_not_wanted_any_more_is_forgotten_at_any_time() {
    let server = server();
    let path = format!("/v1/probes/{}", asked(&server).await);
    let (status, _) = server.call("DELETE", &path, "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, problem) = server.call("DELETE", &path, "").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
}

#[tokio::test]
async fn a_probe_of_nothing_and_of_more_than_a_source_is_refused() {
    let server = server();
    for (body, pointer) in [
        (json!({}), "/source_path"),
        (json!({"source_path": "file:///etc/passwd"}), "/source_path"),
        (
            json!({"source_path": "s3://in-bucket/a", "preset": "copy"}),
            "/preset",
        ),
    ] {
        let (status, problem) = server.call("POST", "/v1/probes", body.to_string()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert!(server.nothing_was_made());
}
