//! Lists by what no index finds, and figures.

use super::*;

impl Server {
    /// So many jobs, every tenth of them special.
    async fn some_special(&self, count: usize) {
        for number in 0..count {
            let mut body = job();
            body["dest_path"] = json!(format!("s3://out-bucket/{number}.mp4"));
            if number % 10 == 0 {
                body["preset"] = json!("web-mp4-480p@2");
                body["tags"] = json!(["special"]);
                body["metadata"] = json!({"film": format!("The Whale {number}")});
            }
            let (status, answer) = self.create(&body).await;
            assert_eq!(status, StatusCode::CREATED, "{answer}");
        }
    }

    async fn list(&self, query: &str) -> Value {
        let (status, page) = self.call("GET", &format!("/v1/jobs?{query}"), "").await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page
    }
}

#[tokio::test]
async fn jobs_are_found_by_preset_tag_and_text_a_page_at_a_time() {
    let server = server();
    server.some_special(450).await;
    for query in ["preset=web-mp4-480p", "tag=special", "q=the%20WHALE"] {
        let (mut found, mut cursor, mut pages) = (0, String::new(), 0);
        loop {
            let page = server.list(&format!("{query}&limit=20{cursor}")).await;
            found += page["data"].as_array().unwrap().len();
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((found, pages), (45, 3), "{query}");
    }
    let one = server.list("q=whale%20440&tag=special").await;
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    assert_eq!(one["next_cursor"], Value::Null);
    let (status, answer) = server.call("GET", "/v1/jobs?tag=", "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
}

#[tokio::test]
async fn one_request_comes_past_a_bounded_number_of_jobs() {
    let server = server();
    server.some_special(2_010).await;
    let page = server.list("q=nothing-has-this").await;
    assert_eq!(page["data"], json!([]));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = server
        .list(&format!("q=nothing-has-this&cursor={cursor}"))
        .await;
    assert_eq!(
        (&rest["data"], &rest["next_cursor"]),
        (&json!([]), &Value::Null)
    );
}

#[tokio::test]
async fn a_job_of_low_priority_waits_in_the_bulk_queue() {
    let server = server();
    let mut body = job();
    body["priority"] = json!(-1);
    let (status, answer) = server.create(&body).await;
    assert_eq!(
        (status, &answer["priority"]),
        (StatusCode::CREATED, &json!(-1))
    );
    let backend = &server.backend;
    assert_eq!((backend.job_queue.len(), backend.bulk_queue.len()), (0, 1));
    for wrong in [json!(51), json!(-51), json!(1.5), json!("high")] {
        body["priority"] = wrong;
        let (status, answer) = server.create(&body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert_eq!(answer["errors"][0]["pointer"], "/priority");
    }
}

#[tokio::test]
async fn figures_tell_what_was_submitted_and_what_waits() {
    let server = server();
    server.some_special(3).await;
    let (status, stats) = server.call("GET", "/v1/stats?window=1h", "").await;
    assert_eq!(status, StatusCode::OK, "{stats}");
    assert_eq!(
        (&stats["submitted"], &stats["waiting"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(
        (&stats["complete"], &stats["window_seconds"]),
        (&json!(true), &json!(3600))
    );
    for wrong in ["1", "0h", "1y", "-1h", "5s", "100000h", "%F0"] {
        let path = format!("/v1/stats?window={wrong}");
        let (status, answer) = server.call("GET", &path, "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {answer}");
    }
}
