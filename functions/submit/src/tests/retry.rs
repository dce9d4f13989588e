//! Retries, dry runs, events, times, tags, and deliveries that are made again.

use nommer_core::{
    job::Event,
    notify::{Answer, DeliveryStatus},
    ports::{Backend as _, NotificationStore as _, Secrets as _},
    sealed::SealedField,
};

use super::*;

impl Server {
    async fn created(&self, body: &Value) -> String {
        let (status, answer) = self.create(body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    async fn cancel(&self, id: &str) {
        let id: JobId = id.parse().unwrap();
        let table = self.backend.table();
        table
            .apply(&id, Event::Cancel, Timestamp::now())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_job_that_ended_badly_is_tried_again_as_a_new_one() {
    let server = server();
    let mut body = job();
    body["notify_url"] = json!("https://hooks.example/done?token=s3cret");
    body["external_id"] = json!("upload-1");
    let id = server.created(&body).await;
    let (status, _) = server
        .call("POST", &format!("/v1/jobs/{id}/retry"), "")
        .await;
    assert_eq!(status, StatusCode::CONFLICT, "it has not ended");
    server.cancel(&id).await;
    let (status, again) = server
        .call("POST", &format!("/v1/jobs/{id}/retry"), "")
        .await;
    assert_eq!(status, StatusCode::CREATED, "{again}");
    assert_eq!(again["retry_of"], json!(id));
    assert_ne!(again["id"], json!(id));
    for field in ["source_path", "dest_path", "preset", "external_id"] {
        let (_, first) = server.call("GET", &format!("/v1/jobs/{id}"), "").await;
        assert_eq!(again[field], first[field], "{field}");
        assert_eq!(first["state"], "CANCELED", "an end never changes");
    }
    let new: JobId = again["id"].as_str().unwrap().parse().unwrap();
    let (stored, _) = server.backend.store.get(&new).await.unwrap().unwrap();
    let sealed = stored
        .sealed
        .notify
        .clone()
        .expect("its receiver's secret came along");
    let context = stored.sealed.context(SealedField::Notify, &new);
    let opened = server.backend.secrets.open(&sealed, &context).await;
    assert!(opened.unwrap().expose().contains("s3cret"));
}

#[tokio::test]
async fn a_job_whose_credentials_are_forgotten_is_not_tried_again() {
    let server = server();
    let mut body = job();
    body["source_path"] =
        json!("s3://AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00@in-bucket/a.mov");
    let id = server.created(&body).await;
    server.cancel(&id).await;
    let (status, answer) = server
        .call("POST", &format!("/v1/jobs/{id}/retry"), "")
        .await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (409, &json!("conflict"))
    );
    assert!(
        answer["hint"].as_str().unwrap().contains("credentials"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_retry_with_an_idempotency_key_is_made_once() {
    let server = server();
    let id = server.created(&job()).await;
    server.cancel(&id).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = Request::post(format!("/v1/jobs/{id}/retry"))
            .header("idempotency-key", "again")
            .body(Body::empty())
            .unwrap();
        let (status, answer) = read(server.send(request).await).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        ids.push(answer["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_retry_repeats_all_outputs_whatever_it_says_of_those_that_failed() {
    let server = server();
    let id = server.created(&job()).await;
    server.cancel(&id).await;
    let path = format!("/v1/jobs/{id}/retry");
    for (body, words) in [
        (json!({"only_failed_outpts": true}), "did you mean"),
        (json!({"only_failed_outputs": "yes"}), "true or false"),
        (json!(["only_failed_outputs"]), "object"),
    ] {
        let (status, answer) = server.call("POST", &path, body.to_string()).await;
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (400, &json!("invalid_spec"))
        );
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{answer}");
    }
    let body = json!({"only_failed_outputs": true}).to_string();
    let (status, again) = server.call("POST", &path, body).await;
    assert_eq!(status, StatusCode::CREATED, "{again}");
    assert_eq!(
        (&again["retry_of"], &again["dest_path"]),
        (&json!(id), &job()["dest_path"])
    );
}

#[tokio::test]
async fn an_idempotency_key_stands_for_what_a_retry_means() {
    let server = server();
    let id = server.created(&job()).await;
    server.cancel(&id).await;
    let send = async |body: &'static str| {
        let request = Request::post(format!("/v1/jobs/{id}/retry"))
            .header("idempotency-key", "again")
            .body(Body::from(body));
        read(server.send(request.unwrap()).await).await
    };
    let (status, first) = send("").await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    for same in ["{}", "{\"only_failed_outputs\": false}"] {
        let (status, again) = send(same).await;
        assert_eq!(status, StatusCode::CREATED, "{again}");
        assert_eq!(again["id"], first["id"], "{same}");
    }
    let (status, other) = send("{\"only_failed_outputs\": true}").await;
    assert_eq!(
        (status.as_u16(), &other["code"]),
        (422, &json!("idempotency_mismatch"))
    );
}

#[tokio::test]
async fn a_dry_run_checks_and_estimates_and_makes_nothing() {
    let server = server();
    let mut body = job();
    body["duration_seconds"] = json!(60);
    let (status, answer) = server
        .call("POST", "/v1/jobs?dry_run=true", body.to_string())
        .await;
    assert_eq!(
        (status, &answer["object"]),
        (StatusCode::OK, &json!("dry_run"))
    );
    assert_eq!(answer["passes"].as_array().unwrap().len(), 1);
    assert!(
        answer["estimate"]["usd"].as_f64().unwrap() > 0.0,
        "{answer}"
    );
    assert!(server.nothing_was_made());
    body["preset"] = json!("copi");
    let (status, answer) = server
        .call("POST", "/v1/jobs?dry_run=true", body.to_string())
        .await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (422, &json!("unknown_preset"))
    );
    let (status, _) = server.call("POST", "/v1/jobs?dry_run=maybe", "{}").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_job_that_was_seen_as_it_is_is_not_sent_again() {
    let server = server();
    let id = server.created(&job()).await;
    let get = async |tag: Option<String>| {
        let mut request = Request::get(format!("/v1/jobs/{id}"));
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        server.send(request.body(Body::empty()).unwrap()).await
    };
    let first = get(None).await;
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(first.status(), StatusCode::OK);
    for seen in [tag.clone(), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = get(Some(seen)).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()["etag"], tag.as_str());
    }
    server.cancel(&id).await;
    let changed = get(Some(tag.clone())).await;
    assert_eq!(changed.status(), StatusCode::OK);
    assert_ne!(changed.headers()["etag"], tag.as_str());
}

#[tokio::test]
async fn events_are_told_from_a_sequence_number_on() {
    let server = server();
    let id = server.created(&job()).await;
    server.cancel(&id).await;
    let events = async |query: &str| {
        let (status, page) = server
            .call("GET", &format!("/v1/jobs/{id}/events{query}"), "")
            .await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let states = page["data"].as_array().unwrap().iter();
        states
            .map(|event| event["state"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(events("").await, ["PENDING", "CANCELED"]);
    assert_eq!(events("?after_sequence=1").await, ["CANCELED"]);
    assert_eq!(events("?after_sequence=2").await, [""; 0]);
    let (status, _) = server
        .call(
            "GET",
            &format!("/v1/jobs/{id}/events?after_sequence=-1"),
            "",
        )
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_list_can_be_cut_by_time() {
    let server = server();
    server.created(&job()).await;
    let now = Timestamp::now();
    let hour = std::time::Duration::from_secs(3_600);
    let count = async |query: String| {
        let (status, page) = server.call("GET", &format!("/v1/jobs?{query}"), "").await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["data"].as_array().unwrap().len()
    };
    assert_eq!(count(format!("created_after={}", now - hour)).await, 1);
    assert_eq!(count(format!("created_after={}", now + hour)).await, 0);
    assert_eq!(count(format!("created_before={}", now + hour)).await, 1);
    assert_eq!(count(format!("created_before={}", now - hour)).await, 0);
    for wrong in ["created_after=yesterday", "created_before=5"] {
        let (status, answer) = server.call("GET", &format!("/v1/jobs?{wrong}"), "").await;
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (400, &json!("invalid_spec"))
        );
    }
}

#[tokio::test]
async fn a_delivery_that_was_given_up_is_made_again_under_its_own_id() {
    let server = server();
    let mut body = job();
    body["notify_url"] = json!("https://hooks.example/done");
    let id: JobId = server.created(&body).await.parse().unwrap();
    server.cancel(id.as_str()).await;
    let store = &server.backend.store;
    let read = store.notifications(&id).await.unwrap().pop().unwrap();
    let mut failed = read.clone();
    failed.attempts = 8;
    failed.status = DeliveryStatus::Failed;
    failed.next_attempt_at = None;
    failed.last_answer = Some(Answer {
        at: Timestamp::now(),
        status: Some(500),
        excerpt: "down".to_owned(),
        latency_ms: None,
        retry_after: None,
    });
    store.put_notification(&failed, &read).await.unwrap();
    let waiting = server.backend.state_queue.len();
    let delivery = failed.webhook_id();
    let path = format!("/v1/webhook-deliveries/{delivery}/redeliver");
    let (status, answer) = server.call("POST", &path, "").await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    assert_eq!(answer["id"], json!(delivery));
    let now = store.notifications(&id).await.unwrap().pop().unwrap();
    assert_eq!((now.status, now.attempts), (DeliveryStatus::Due, 0));
    assert!(now.due(Timestamp::now()));
    assert_eq!(server.backend.state_queue.len(), waiting + 1);
    for wrong in ["x", "_1", "job_1_x", &format!("{id}_99")] {
        let path = format!("/v1/webhook-deliveries/{wrong}/redeliver");
        let (status, _) = server.call("POST", &path, "").await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{wrong}");
    }
}
