//! Webhook endpoints: whose they are, what they hear of, what is told of them, and what never is.

use axum::http::header;
use nommer_core::{
    key::{ApiKey, Grant, Scope},
    notify::{About, DeliveryStatus, EventName, Notification, SigningSecret, Target},
    ports::{EndpointStore as _, KeyStore as _, NotificationStore as _, Secrets as _},
    secret::Secret,
    webhook::EndpointField,
};

use super::*;

const PATH: &str = "/v1/webhook-endpoints";

/// A new key: the value of an `Authorization` header.
async fn key(server: &Server, seed: u8, scopes: &[Scope]) -> String {
    let grant = Grant {
        scopes: scopes.iter().copied().collect(),
        ..Grant::default()
    };
    let (key, shown) = ApiKey::new(grant, &[seed; 40], Timestamp::UNIX_EPOCH);
    server.backend.store.put_key(&key).await.unwrap();
    format!("Bearer {}", shown.expose())
}

impl Server {
    /// A request of the operator's, if the key is empty.
    async fn as_key(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if !key.is_empty() {
            request = request.header(header::AUTHORIZATION, key);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        read(self.send(request.body(body).unwrap()).await).await
    }

    /// Makes an endpoint, and gives its id and its secret.
    async fn endpoint(&self, key: &str, body: &Value) -> (String, String) {
        let (status, made) = self.as_key(key, "POST", PATH, body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// Submits a job and gives what is due because of it.
    async fn told(&self, key: &str, name: &str) -> Vec<Notification> {
        let mut body = job();
        body["dest_path"] = json!(format!("s3://out-bucket/{name}.mp4"));
        let (status, made) = self.as_key(key, "POST", "/v1/jobs", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let id = made["id"].as_str().unwrap().parse().unwrap();
        self.backend.store.notifications(&id).await.unwrap()
    }
}

fn hook() -> Value {
    json!({"url": "https://hooks.example.com/done"})
}

fn targets(told: &[Notification]) -> Vec<String> {
    told.iter().map(|one| one.target.to_string()).collect()
}

#[tokio::test]
async fn an_endpoint_is_made_shown_changed_and_forgotten() {
    let server = server();
    let body = json!({"url": "https://hooks.example.com/done?token=hush", "events": ["job.failed", "job.created"], "description": "ours"});
    let (id, secret) = server.endpoint("", &body).await;
    SigningSecret::parse(Secret::new(secret.clone())).unwrap();
    let one = format!("{PATH}/{id}");
    let (_, shown) = server.call("GET", &one, "").await;
    let (_, listed) = server.call("GET", PATH, "").await;
    assert_eq!(listed["data"], json!([shown]));
    assert_eq!(shown["object"], "webhook_endpoint");
    assert_eq!(shown["events"], json!(["job.created", "job.failed"]));
    assert_eq!(
        (&shown["enabled"], &shown["disabled_at"]),
        (&json!(true), &Value::Null)
    );
    let told = format!("{shown}{listed}");
    let bare = secret.strip_prefix("whsec_").unwrap();
    assert!(!told.contains(bare) && !told.contains("hush"), "{told}");

    let change = json!({"enabled": false, "events": ["job.finished"]});
    let (status, changed) = server.call("PATCH", &one, change.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&changed["enabled"], &changed["disabled_reason"]),
        (&json!(false), &json!("turned off"))
    );
    assert_eq!(changed["url"], shown["url"]);
    assert_eq!(
        server.call("DELETE", &one, "").await.0,
        StatusCode::NO_CONTENT
    );
    for (method, path) in [("GET", &one), ("DELETE", &one), ("PATCH", &one)] {
        let (status, problem) = server.call(method, path, "{}").await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method}: {problem}");
    }
}

#[tokio::test]
async fn a_job_is_told_to_the_endpoints_that_were_in_use_when_it_was_submitted() {
    let server = server();
    let (first, _) = server.endpoint("", &hook()).await;
    let later = json!({"url": "https://hooks.example.com/end", "events": ["job.canceled"]});
    let (second, _) = server.endpoint("", &later).await;
    let (third, _) = server
        .endpoint(
            "",
            &json!({"url": "https://hooks.example.com/off", "enabled": false}),
        )
        .await;
    let told = server.told("", "a").await;
    assert_eq!(targets(&told), std::slice::from_ref(&first));
    assert_eq!(told[0].event(), EventName::Created);
    assert_eq!(
        server.backend.state_queue.len(),
        1,
        "state-change has a hint"
    );

    let id = told[0].job_id.clone();
    server
        .call("POST", &format!("/v1/jobs/{id}/cancel"), "")
        .await;
    let told = server.backend.store.notifications(&id).await.unwrap();
    assert_eq!(targets(&told), [first.clone(), first, second.clone()]);
    assert_ne!(third, second);
}

#[tokio::test]
async fn a_stack_puts_every_job_on_its_event_bus() {
    let backend = Arc::new(Memory::new(Timestamp::UNIX_EPOCH));
    let submit = Submit {
        backend: Arc::clone(&backend),
        signal: NoSignal,
        rules: SpecRules::default(),
        settings: settings(),
        access: Access::default(),
        job_events: true,
        allowances: Allowances::default(),
    };
    let server = Server {
        router: router(Arc::new(submit)),
        backend,
    };
    assert_eq!(targets(&server.told("", "a").await), ["event_bus"]);
}

#[tokio::test]
async fn a_keys_endpoint_hears_of_its_own_jobs_and_the_operators_of_all() {
    let server = server();
    let both = [Scope::Submit, Scope::Read];
    let one = key(&server, 1, &both).await;
    let other = key(&server, 2, &both).await;
    let admin = key(&server, 3, &[Scope::Admin]).await;
    let (of_one, _) = server.endpoint(&one, &hook()).await;
    let (of_admin, _) = server.endpoint(&admin, &hook()).await;

    assert_eq!(
        targets(&server.told(&one, "a").await),
        [of_one.clone(), of_admin.clone()]
    );
    for (caller, name) in [(&other, "b"), (&admin, "c"), (&String::new(), "d")] {
        assert_eq!(
            targets(&server.told(caller, name).await),
            std::slice::from_ref(&of_admin)
        );
    }
    // The operator and admins look after the same ones; keys after theirs.
    for (caller, expected) in [
        (&one, json!([of_one])),
        (&other, json!([])),
        (&admin, json!([of_admin])),
        (&String::new(), json!([of_admin])),
    ] {
        let (_, listed) = server.as_key(caller, "GET", PATH, &Value::Null).await;
        let ids: Vec<_> = listed["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].clone())
            .collect();
        assert_eq!(json!(ids), expected);
    }
    for (method, rest) in [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/rotate"),
        ("POST", "/test"),
    ] {
        let path = format!("{PATH}/{of_one}{rest}");
        let body = if method == "GET" {
            Value::Null
        } else {
            json!({})
        };
        let (status, answer) = server.as_key(&other, method, &path, &body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}: {answer}");
    }
    let path = format!("/v1/webhook-deliveries?endpoint_id={of_one}");
    let (status, _) = server.as_key(&other, "GET", &path, &Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_key_learns_nothing_of_deliveries_to_the_operator() {
    let server = server();
    let tenant = key(&server, 1, &[Scope::Submit, Scope::Read]).await;
    let (operators, _) = server.endpoint("", &hook()).await;
    let (own, _) = server.endpoint(&tenant, &hook()).await;
    let told = server.told(&tenant, "a").await;
    let path = format!("/v1/webhook-deliveries?job_id={}", told[0].job_id);
    for (caller, expected) in [
        (tenant.as_str(), vec![own.clone()]),
        ("", vec![operators.clone(), own.clone()]),
    ] {
        let (_, page) = server.as_key(caller, "GET", &path, &Value::Null).await;
        let seen: Vec<_> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["endpoint_id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(seen, expected);
    }
    let to_operator = told
        .iter()
        .find(|one| one.target.to_string() == operators)
        .unwrap();
    let path = format!(
        "/v1/webhook-deliveries/{}/redeliver",
        to_operator.webhook_id()
    );
    let (status, _) = server.as_key(&tenant, "POST", &path, &Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = server.as_key("", "POST", &path, &Value::Null).await;
    assert_eq!(status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn scopes_part_those_who_look_from_those_who_change() {
    let server = server();
    let reader = key(&server, 1, &[Scope::Read]).await;
    let writer = key(&server, 2, &[Scope::Submit]).await;
    for (caller, method, expected) in [
        (&reader, "GET", StatusCode::OK),
        (&reader, "POST", StatusCode::FORBIDDEN),
        (&writer, "GET", StatusCode::FORBIDDEN),
        (&writer, "POST", StatusCode::CREATED),
    ] {
        let body = if method == "GET" { Value::Null } else { hook() };
        let (status, answer) = server.as_key(caller, method, PATH, &body).await;
        assert_eq!(status, expected, "{answer}");
    }
}

#[tokio::test]
async fn there_are_eight_endpoints_and_no_more() {
    let server = server();
    for _ in 0..8 {
        server.endpoint("", &hook()).await;
    }
    let (status, problem) = server.call("POST", PATH, hook().to_string()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        problem["hint"].as_str().unwrap().contains("delete one"),
        "{problem}"
    );
    let tenant = key(&server, 1, &[Scope::Submit]).await;
    server.endpoint(&tenant, &hook()).await;
}

#[tokio::test]
async fn a_rotated_secret_is_told_once_and_the_old_one_goes_on_for_a_day() {
    let server = server();
    let (id, first) = server.endpoint("", &hook()).await;
    let (status, rotated) = server
        .call("POST", &format!("{PATH}/{id}/rotate"), "")
        .await;
    assert_eq!(status, StatusCode::OK);
    let second = rotated["secret"].as_str().unwrap();
    assert_ne!(second, first);
    assert!(rotated["old_secret_until"].is_string());
    let stored = server
        .backend
        .store
        .endpoints(None)
        .await
        .unwrap()
        .0
        .remove(0);
    let context = EndpointField::Secret.context(&stored.id);
    let mut opened = Vec::new();
    for sealed in stored.signing(Timestamp::now()) {
        let plain = server.backend.secrets.open(sealed, &context).await.unwrap();
        opened.push(plain.expose().to_owned());
    }
    assert_eq!(opened, [second, &first]);
    let (_, shown) = server.call("GET", &format!("{PATH}/{id}"), "").await;
    assert_eq!(shown["secret"], Value::Null);
}

#[tokio::test]
async fn a_sample_is_due_at_once_and_marked_as_one() {
    let server = server();
    let (id, _) = server.endpoint("", &hook()).await;
    let path = format!("{PATH}/{id}/test");
    let (status, made) = server
        .call("POST", &path, r#"{"event": "job.failed"}"#)
        .await;
    assert_eq!(status, StatusCode::ACCEPTED, "{made}");
    assert_eq!(made["event"], "job.failed");
    let name = made["notification"]["job_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let due = server.backend.store.notifications(&name).await.unwrap();
    assert_eq!(due[0].json(&About::sample())["data"]["test"], true);
    assert_eq!(server.backend.state_queue.len(), 1);
    let (status, made) = server.call("POST", &path, "").await;
    assert_eq!(
        (status, &made["event"]),
        (StatusCode::ACCEPTED, &json!("job.finished"))
    );
    let (status, problem) = server.call("POST", &path, r#"{"event": "job.done"}"#).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (StatusCode::BAD_REQUEST, &json!("/event"))
    );
    server
        .call("PATCH", &format!("{PATH}/{id}"), r#"{"enabled": false}"#)
        .await;
    let (status, problem) = server.call("POST", &path, "").await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
}

#[tokio::test]
async fn deliveries_are_listed_by_endpoint_by_job_and_by_status() {
    let server = server();
    let (id, _) = server.endpoint("", &hook()).await;
    let (other, _) = server.endpoint("", &hook()).await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(server.told("", name).await.remove(0).job_id);
    }
    let store = &server.backend.store;
    let read = store.notifications(&ids[1]).await.unwrap();
    let read = read
        .iter()
        .find(|one| one.target.to_string() == id)
        .unwrap();
    let mut failed = read.clone();
    failed.give_up("gone", Timestamp::now());
    store.put_notification(&failed, read).await.unwrap();
    let list = async |query: &str| {
        let (status, page) = server
            .call("GET", &format!("/v1/webhook-deliveries?{query}"), "")
            .await;
        assert_eq!(status, StatusCode::OK, "{query}: {page}");
        page
    };
    let all = list(&format!("endpoint_id={id}")).await;
    assert_eq!(
        (all["data"].as_array().unwrap().len(), &all["next_cursor"]),
        (3, &Value::Null)
    );
    let first = list(&format!("endpoint_id={id}&limit=2")).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = list(&format!("endpoint_id={id}&limit=2&cursor={cursor}")).await;
    let (mut pages, rest) = (
        first["data"].as_array().unwrap().clone(),
        rest["data"].as_array().unwrap(),
    );
    pages.extend(rest.iter().cloned());
    assert_eq!(json!(pages), all["data"]);
    let failed = list(&format!("endpoint_id={id}&status=failed")).await;
    assert_eq!(failed["data"][0]["notification"]["job_id"], json!(ids[1]));
    assert_eq!(failed["data"].as_array().unwrap().len(), 1);
    let of_job = list(&format!("job_id={}&endpoint_id={other}", ids[0])).await;
    assert_eq!(of_job["data"][0]["endpoint_id"], json!(other));
    assert_eq!(of_job["data"].as_array().unwrap().len(), 1);
    for query in [
        "",
        "?status=due",
        "?endpoint_id=we_1&limit=0",
        "?endpoint_id=x&status=odd",
        "?odd=1",
    ] {
        let (status, _) = server
            .call("GET", &format!("/v1/webhook-deliveries{query}"), "")
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn what_a_disabled_endpoint_missed_is_delivered_again_once_it_is_enabled() {
    let server = server();
    let (id, _) = server.endpoint("", &hook()).await;
    let told = server.told("", "a").await.remove(0);
    let mut given_up = told.clone();
    given_up.give_up("the endpoint is disabled", Timestamp::now());
    server
        .backend
        .store
        .put_notification(&given_up, &told)
        .await
        .unwrap();
    let one = format!("{PATH}/{id}");
    server.call("PATCH", &one, r#"{"enabled": false}"#).await;
    let again = format!("/v1/webhook-deliveries/{}/redeliver", told.webhook_id());
    let (status, problem) = server.call("POST", &again, "").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        problem["hint"].as_str().unwrap().contains("enable"),
        "{problem}"
    );
    server.call("PATCH", &one, r#"{"enabled": true}"#).await;
    let (status, _) = server.call("POST", &again, "").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let due = server
        .backend
        .store
        .notifications(&told.job_id)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        (due.status, due.target),
        (DeliveryStatus::Due, Target::Endpoint(id.parse().unwrap()))
    );
}

#[tokio::test]
async fn only_endpoints_of_the_operator_hear_of_the_fleet() {
    let server = server();
    let mut body = hook();
    body["events"] = json!(["job.finished", "fleet.scaled"]);
    let confined = key(&server, 1, &[Scope::Submit]).await;
    let (status, problem) = server.as_key(&confined, "POST", PATH, &body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/events");
    assert!(
        problem["detail"].as_str().unwrap().contains("fleet.scaled"),
        "{problem}"
    );
    let admin = key(&server, 2, &[Scope::Admin]).await;
    server.endpoint(&admin, &body).await;
    server.endpoint("", &body).await;
}
