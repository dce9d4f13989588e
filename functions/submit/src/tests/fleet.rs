//! The fleet and money over HTTP.

use nommer_core::{
    id::InstanceId,
    instance::{Instance, InstanceState},
    ports::FleetStore,
};

use super::*;

/// An instance that takes jobs, heard of just now.
async fn instance(server: &Server, name: &str) -> InstanceId {
    let id: InstanceId = name.parse().unwrap();
    let now = Timestamp::now();
    let row = Instance {
        id: id.clone(),
        state: InstanceState::Ready,
        slots: 2,
        jobs: Vec::new(),
        started_at: now,
        beat_at: now,
        drain_requested: false,
        ffmpeg_version: None,
        instance_type: Some("z9.nano".to_owned()),
        market: None,
        work: None,
    };
    server
        .backend
        .store
        .put_instance(&row, Version(0))
        .await
        .unwrap();
    id
}

async fn drains(server: &Server, id: &InstanceId) -> bool {
    let rows = server
        .backend
        .store
        .instances(Timestamp::now())
        .await
        .unwrap();
    rows.into_iter()
        .any(|(row, _)| row.id == *id && row.drain_requested)
}

#[tokio::test]
async fn a_fleet_that_never_ran_is_shown() {
    let (status, fleet) = server().call("GET", "/v1/fleet", "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&fleet["state"], &fleet["last_decision"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(fleet["month_to_date_usd"], json!(0.0));
}

#[tokio::test]
async fn an_encoder_is_drained_by_name_and_others_stay() {
    let server = server();
    let (one, other) = (
        instance(&server, "i-1").await,
        instance(&server, "i-2").await,
    );
    let (status, encoder) = server.call("POST", "/v1/encoders/i-1/drain", "").await;
    assert_eq!(
        (status, &encoder["state"]),
        (StatusCode::ACCEPTED, &json!("draining"))
    );
    assert!(drains(&server, &one).await && !drains(&server, &other).await);
    let (status, problem) = server.call("POST", "/v1/encoders/i-3/drain", "").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::NOT_FOUND, &json!("not_found"))
    );
}

#[tokio::test]
async fn a_pause_drains_all_until_it_is_resumed() {
    let server = server();
    let id = instance(&server, "i-1").await;
    let (status, fleet) = server.call("POST", "/v1/fleet/pause", "").await;
    assert_eq!(
        (status, &fleet["state"]),
        (StatusCode::ACCEPTED, &json!("paused"))
    );
    assert_eq!(fleet["paused_until"], Value::Null);
    assert!(drains(&server, &id).await);
    let (_, fleet) = server.call("POST", "/v1/fleet/resume", "").await;
    assert_eq!(fleet["state"], json!("active"));
}

#[tokio::test]
async fn a_pause_may_have_an_end_and_nonsense_is_refused() {
    let server = server();
    let (_, fleet) = server
        .call("POST", "/v1/fleet/pause", r#"{"minutes": 30}"#)
        .await;
    let until: Timestamp = fleet["paused_until"].as_str().unwrap().parse().unwrap();
    assert!(until > Timestamp::now());
    for body in [
        r#"{"minutes": 0}"#,
        r#"{"minutes": "x"}"#,
        r#"{"hours": 1}"#,
        "[]",
        "{",
    ] {
        let (status, _) = server.call("POST", "/v1/fleet/pause", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn an_instance_of_an_unknown_type_has_an_unknown_cost_rather_than_none() {
    let server = server();
    instance(&server, "i-1").await;
    let (_, encoders) = server.call("GET", "/v1/encoders", "").await;
    let encoder = &encoders["data"][0];
    assert_eq!(
        (&encoder["state"], &encoder["slots"]),
        (&json!("ready"), &json!(2))
    );
    assert_eq!(
        (&encoder["usd_per_hour"], &encoder["cost_usd"]),
        (&Value::Null, &Value::Null)
    );
}

async fn estimate(server: &Server, body: &Value) -> Value {
    let (status, estimate) = server.call("POST", "/v1/estimates", body.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{estimate}");
    estimate
}

#[tokio::test]
async fn an_estimate_follows_length_and_preset_and_says_where_it_comes_from() {
    let server = server();
    let short = estimate(
        &server,
        &json!({"preset": "web-mp4-720p", "duration_seconds": 60}),
    )
    .await;
    let long = estimate(
        &server,
        &json!({"preset": "web-mp4-720p", "duration_seconds": 600}),
    )
    .await;
    assert!(short["usd"].as_f64().unwrap() > 0.0);
    assert!(long["usd"].as_f64() > short["usd"].as_f64());
    assert!(
        long["basis"].as_str().unwrap().contains("3.6 USD an hour"),
        "{long}"
    );
}

#[tokio::test]
async fn an_unknown_price_or_length_makes_an_estimate_unknown_never_zero() {
    let server = server();
    let lengthless = estimate(&server, &json!({"preset": "copy"})).await;
    assert_eq!(
        (&lengthless["usd"], &lengthless["seconds"]),
        (&Value::Null, &Value::Null)
    );
    let submit = Submit {
        backend: Arc::clone(&server.backend),
        signal: NoSignal,
        rules: SpecRules::default(),
        settings: Settings::default(),
        access: Access::default(),
        job_events: false,
        allowances: Allowances::default(),
    };
    let priceless = Server {
        router: router(Arc::new(submit)),
        backend: server.backend,
    };
    let told = estimate(
        &priceless,
        &json!({"preset": "copy", "duration_seconds": 60}),
    )
    .await;
    assert!(
        told["usd"].is_null() && told["seconds"].as_f64().unwrap() > 0.0,
        "{told}"
    );
}

#[tokio::test]
async fn a_job_whose_estimate_is_above_its_limit_is_refused_at_submit() {
    let server = server();
    let mut body = json!({
        "source_path": "s3://in-bucket/a.mov", "dest_path": "s3://out-bucket/a.mp4", "preset": "web-mp4-720p",
        "duration_seconds": 36_000, "max_cost_usd": 0.01,
    });
    let (status, problem) = server.create(&body).await;
    assert_eq!(
        (status.as_u16(), &problem["code"]),
        (422, &json!("over_budget")),
        "{problem}"
    );
    assert!(server.nothing_was_made());
    body["max_cost_usd"] = json!(1_000);
    let (status, job) = server.create(&body).await;
    assert_eq!(
        (status, &job["cost"]["max_usd"]),
        (StatusCode::CREATED, &json!(1_000.0))
    );
    body["max_cost_usd"] = json!(-1);
    assert_eq!(server.create(&body).await.0, StatusCode::BAD_REQUEST);
}
