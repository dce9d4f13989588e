//! `/v1/batches`: each entry is checked as a job is, what is refused is named where it was written, and keys see their own alone.

use nommer_core::ports::BatchStore as _;

use super::*;

fn body() -> Value {
    json!({
        "name": "films",
        "job": {"preset": "copy", "dest_path": "s3://out-bucket/{stem}.mp4"},
        "entries": [
            {"source_path": "s3://in-bucket/a.mov"},
            {"source_path": "s3://in-bucket/b.mov", "max_attempts": 1},
            {"source_path": "s3://in-bucket/c.mov", "dest_path": "s3://out-bucket/{id}.webm", "outputs": [{"container": "webm"}]},
        ],
        "target_queue": 2,
        "retries": 4,
    })
}

async fn create(server: &Server, body: &Value) -> (StatusCode, Value) {
    server.call("POST", "/v1/batches", body.to_string()).await
}

async fn job_of(server: &Server, batch: &Value, entry: u32) -> Value {
    let id = batch["id"].as_str().unwrap();
    let id: nommer_core::id::BatchId = id.parse().unwrap();
    let path = format!("/v1/jobs/{}", id.job(entry));
    server.call("GET", &path, "").await.1
}

#[tokio::test]
async fn a_batch_begins_as_many_jobs_as_it_may() {
    let server = server();
    let (status, batch) = create(&server, &body()).await;
    assert_eq!(status, StatusCode::CREATED, "{batch:#}");
    let counts =
        json!({"entries": 3, "waiting": 1, "live": 2, "finished": 0, "failed": 0, "canceled": 0});
    assert_eq!(
        (&batch["counts"], &batch["state"]),
        (&counts, &json!("RUNNING"))
    );
    let id = batch["id"].as_str().unwrap();
    let (_, listed) = server
        .call("GET", &format!("/v1/jobs?batch_id={id}"), "")
        .await;
    let sources: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["source_path"])
        .collect();
    assert_eq!(sources, ["s3://in-bucket/b.mov", "s3://in-bucket/a.mov"]);
    let first = job_of(&server, &batch, 0).await;
    assert_eq!(
        (&first["batch_id"], &first["dest_path"]),
        (&batch["id"], &json!("s3://out-bucket/a.mp4"))
    );
    let (_, shown) = server.call("GET", &format!("/v1/batches/{id}"), "").await;
    assert_eq!(shown, batch);
    let (_, page) = server.call("GET", "/v1/batches?limit=1", "").await;
    assert_eq!(page, json!({"data": [batch], "next_cursor": null}));
}

#[tokio::test]
async fn retries_are_attempts_of_the_job_unless_it_says_itself() {
    let server = server();
    let (_, batch) = create(&server, &body()).await;
    let id: nommer_core::id::BatchId = batch["id"].as_str().unwrap().parse().unwrap();
    let mut attempts = Vec::new();
    for number in 0..3 {
        let entry = server.backend.store.batch_entry(&id, number).await.unwrap();
        let spec = entry.unwrap().spec;
        attempts.push((spec.max_attempts, spec.preset, spec.outputs.len()));
    }
    let copy = Some("copy".to_owned());
    assert_eq!(attempts, [(5, copy.clone(), 0), (1, copy, 0), (5, None, 1)]);
}

#[tokio::test]
async fn what_is_wrong_with_a_job_is_named_where_it_was_written_and_nothing_is_made() {
    let server = server();
    let entry = |number: usize, field: &str, value: Value| {
        let mut body = body();
        body["entries"][number][field] = value;
        body
    };
    let mut shared = body();
    shared["job"]["preset"] = json!("cpoy");
    for (body, pointer) in [
        (
            entry(1, "source_path", json!("ftp://x/y")),
            "/entries/1/source_path",
        ),
        (
            entry(2, "outputs", json!([{"container": "avi"}])),
            "/entries/2/outputs/0/container",
        ),
        (entry(0, "sauce_path", json!(1)), "/entries/0/sauce_path"),
        (
            entry(1, "dest_path", json!("s3://out-bucket/a.mp4")),
            "/entries/1/dest_path",
        ),
        (
            entry(1, "dest_path", json!("s3://out-bucket/{day}.mp4")),
            "/entries/1/dest_path",
        ),
        (
            entry(0, "source_path", Value::Null),
            "/entries/0/source_path",
        ),
        (shared, "/job/preset"),
        (json!({"entries": [7]}), "/entries/0"),
    ] {
        let (status, problem) = create(&server, &body).await;
        assert!(status.is_client_error(), "{problem:#}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem:#}");
    }
    assert!(server.nothing_was_made());
    let batches = server.backend.store.unfinished_batches().await.unwrap();
    assert_eq!(batches, []);
}

#[tokio::test]
async fn a_batch_that_is_submitted_twice_under_one_key_is_made_once() {
    let server = server();
    let send = async |body: Value| {
        let request = Request::post("/v1/batches").header("idempotency-key", "films");
        let response = server
            .send(request.body(body.to_string().into()).unwrap())
            .await;
        let replayed = response.headers().contains_key("idempotency-replayed");
        (replayed, read(response).await)
    };
    let (first, (_, batch)) = send(body()).await;
    let (second, (status, again)) = send(body()).await;
    assert_eq!((first, second, status), (false, true, StatusCode::CREATED));
    assert_eq!(again["id"], batch["id"]);
    let mut other = body();
    other["retries"] = json!(0);
    let (_, (status, problem)) = send(other).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem:#}");
    assert_eq!(server.backend.job_queue.len(), 2);
}

#[tokio::test]
async fn credentials_are_sealed_and_nowhere_shown() {
    let server = server();
    let mut asked = body();
    asked["entries"][2]["source_path"] = json!("s3://KEY:HUSH@in-bucket/c.mov");
    let (status, batch) = create(&server, &asked).await;
    assert_eq!(status, StatusCode::CREATED, "{batch:#}");
    let id: nommer_core::id::BatchId = batch["id"].as_str().unwrap().parse().unwrap();
    let entry = server
        .backend
        .store
        .batch_entry(&id, 2)
        .await
        .unwrap()
        .unwrap();
    assert!(entry.sealed.source.is_some());
    let spec = serde_json::to_string(&entry.spec).unwrap();
    assert!(!spec.contains("HUSH") && !batch.to_string().contains("HUSH"));
}

#[tokio::test]
async fn a_canceled_batch_says_so_and_one_that_ended_cannot_be_canceled() {
    let server = server();
    let (_, batch) = create(&server, &body()).await;
    let path = format!("/v1/batches/{}/cancel", batch["id"].as_str().unwrap());
    for _again in 0..2 {
        let (status, canceled) = server.call("POST", &path, "").await;
        assert_eq!(
            (status, &canceled["state"]),
            (StatusCode::ACCEPTED, &json!("CANCELED"))
        );
        assert_eq!(canceled["counts"]["canceled"], 3);
    }
    assert_eq!(job_of(&server, &batch, 0).await["state"], "CANCELED");
    let missing = server.call("GET", "/v1/batches/batch_none", "").await;
    assert_eq!(missing.0, StatusCode::NOT_FOUND);
    let odd = server.call("GET", "/v1/batches?cursor=..%2F", "").await;
    assert_eq!(odd.0, StatusCode::BAD_REQUEST);
}
