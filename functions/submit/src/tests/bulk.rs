//! One action on many jobs.

use super::*;

impl Server {
    async fn jobs(&self, count: usize) {
        for number in 0..count {
            let mut body = job();
            body["dest_path"] = json!(format!("s3://out-bucket/{number}.mp4"));
            body["external_id"] = json!(if number % 2 == 0 { "even" } else { "odd" });
            let (status, answer) = self.create(&body).await;
            assert_eq!(status, StatusCode::CREATED, "{answer}");
        }
    }

    async fn bulk(&self, action: &str, filter: Value) -> Value {
        let body = json!({"action": action, "filter": filter}).to_string();
        let (status, answer) = self.call("POST", "/v1/jobs:bulk", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn count(&self, query: &str) -> usize {
        let (_, page) = self
            .call("GET", &format!("/v1/jobs?limit=100&{query}"), "")
            .await;
        page["data"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn all_jobs_that_a_filter_finds_are_canceled_a_page_at_a_time() {
    let server = server();
    server.jobs(60).await;
    let odd = server.bulk("cancel", json!({"external_id": "odd"})).await;
    assert_eq!((&odd["matched"], &odd["done"]), (&json!(30), &json!(30)));
    assert_eq!(odd["next_cursor"], Value::Null);
    assert_eq!(server.count("state=CANCELED").await, 30);
    let first = server.bulk("cancel", json!({})).await;
    assert_eq!(first["matched"], 50);
    let rest = server
        .bulk("cancel", json!({"cursor": first["next_cursor"]}))
        .await;
    assert_eq!(
        (&rest["matched"], &rest["next_cursor"]),
        (&json!(10), &Value::Null)
    );
    assert_eq!(server.count("state=CANCELED").await, 60);
}

#[tokio::test]
async fn what_cannot_be_done_is_told_job_by_job() {
    let server = server();
    server.jobs(3).await;
    server.bulk("cancel", json!({"external_id": "odd"})).await;
    let deleted = server.bulk("delete", json!({})).await;
    assert_eq!(
        (&deleted["matched"], &deleted["done"]),
        (&json!(3), &json!(1))
    );
    let refused = deleted["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0]["code"], "conflict");
    assert_eq!(server.count("").await, 2);
}

#[tokio::test]
async fn what_ended_badly_is_tried_again_once_although_the_request_is_repeated() {
    let server = server();
    server.jobs(4).await;
    server.bulk("cancel", json!({})).await;
    let again = server.bulk("retry", json!({"state": "CANCELED"})).await;
    assert_eq!(again["done"], 4);
    // The answer was lost, so the caller asks once more: the new jobs hold the destinations.
    let repeated = server.bulk("retry", json!({"state": "CANCELED"})).await;
    assert_eq!(
        (
            &repeated["done"],
            repeated["refused"].as_array().unwrap().len()
        ),
        (&json!(0), 4)
    );
    assert_eq!(repeated["refused"][0]["code"], "dest_conflict");
    assert_eq!(server.count("state=PENDING").await, 4);
}

#[tokio::test]
async fn nothing_is_done_for_a_request_that_is_not_understood() {
    let server = server();
    server.jobs(2).await;
    for body in [
        json!({"action": "cancel"}),
        json!({"action": "explode", "filter": {}}),
        json!({"action": "cancel", "filter": {"stat": "PENDING"}}),
        json!({"action": "cancel", "filter": {"state": "DONE"}}),
        json!({"action": "cancel", "filter": {"created_after": "today"}}),
        json!({"action": "cancel", "filter": {}, "force": true}),
        json!({"action": "cancel", "filter": {}, "delete_outputs": true}),
        json!([]),
    ] {
        let (status, answer) = server.call("POST", "/v1/jobs:bulk", body.to_string()).await;
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (400, &json!("invalid_spec")),
            "{body}"
        );
    }
    assert_eq!(server.count("state=PENDING").await, 2);
}
