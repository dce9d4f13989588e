//! What FFmpeg said: with the job, and by itself.

use nommer_core::log::JobLog;

use super::*;

/// A job whose last attempt made this log.
async fn logged(server: &Server, text: &str) -> String {
    let (_, made) = server.create(&job()).await;
    let id: JobId = made["id"].as_str().unwrap().parse().unwrap();
    let (mut job, version) = server.backend.store.get(&id).await.unwrap().unwrap();
    job.log = Some(JobLog {
        attempt: 1,
        at: Timestamp::UNIX_EPOCH,
        text: text.to_owned(),
    });
    server.backend.store.put(&job, version, &[]).await.unwrap();
    format!("/v1/jobs/{id}")
}

async fn text(server: &Server, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = server.send(request).await;
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_job_is_shown_with_the_end_of_its_log_if_that_is_asked_for() {
    let server = server();
    let lines: Vec<String> = (0..30).map(|line| format!("line {line}\n")).collect();
    let path = logged(&server, &lines.concat()).await;
    for words in ["log_tail", "events,log_tail"] {
        let (status, shown) = server
            .call("GET", &format!("{path}?expand={words}"), "")
            .await;
        assert_eq!(status, StatusCode::OK, "{shown}");
        let tail = shown["log_tail"].as_str().unwrap();
        assert!(
            tail.starts_with("line 10\n") && tail.ends_with("line 29\n"),
            "{tail}"
        );
        assert!(shown["events"].is_array());
    }
    for query in ["", "?expand=", "?expand=events"] {
        let (status, shown) = server.call("GET", &format!("{path}{query}"), "").await;
        assert_eq!(
            (status, shown.get("log_tail")),
            (StatusCode::OK, None),
            "{query}"
        );
    }
    for query in ["?expand=log", "?expanded=events"] {
        let (status, problem) = server.call("GET", &format!("{path}{query}"), "").await;
        let code = problem["code"].as_str();
        assert_eq!(
            (status, code),
            (StatusCode::BAD_REQUEST, Some("invalid_spec")),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn one_pass_of_a_log_is_given_alone() {
    let server = server();
    let path = logged(&server, "== pass 1\na\n== pass 2\nb\nc\n").await;
    for (query, expected) in [
        ("?pass=1", "== pass 1\na\n"),
        ("?pass=2", "== pass 2\nb\nc\n"),
        ("?pass=2&tail=1", "c\n"),
    ] {
        let given = text(&server, &format!("{path}/log{query}")).await;
        assert_eq!(given, (StatusCode::OK, expected.to_owned()), "{query}");
    }
    for (query, status) in [
        ("?pass=3", StatusCode::NOT_FOUND),
        ("?pass=0", StatusCode::BAD_REQUEST),
        ("?pass=65", StatusCode::BAD_REQUEST),
        ("?pass=x", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(
            text(&server, &format!("{path}/log{query}")).await.0,
            status,
            "{query}"
        );
    }
}
