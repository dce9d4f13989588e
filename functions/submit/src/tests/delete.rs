//! Jobs that are forgotten with what they published.

use std::time::Duration;

use nommer_core::{
    error::{Code, JobError},
    job::{Event, Output, OutputFile, Report},
    ports::Backend as _,
};

use super::*;

const FOLDER: &str = "s3://out-bucket/film/";

/// An output in a file.
fn file(url: &str, etag: &str) -> Output {
    Output {
        url: url.to_owned(),
        etag: Some(etag.to_owned()),
        ..Output::default()
    }
}

/// An output in segments: two manifests, and segments in the folder of the job.
fn package() -> Output {
    let segments = (1..=3).map(|number| format!("job_1/video/720/{number:05}.m4s"));
    let mut files = OutputFile::all(segments);
    files.push(OutputFile {
        name: "media_0.m3u8".to_owned(),
        count: None,
        etag: Some("m".to_owned()),
    });
    Output {
        files,
        ..file(&format!("{FOLDER}master.m3u8"), "p")
    }
}

impl Server {
    /// A new job that an encoder holds, right before it publishes.
    async fn uploading(&self, body: &Value) -> (JobId, nommer_core::lease::LeaseToken) {
        let (status, answer) = self.create(body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        let id: JobId = answer["id"].as_str().unwrap().parse().unwrap();
        let lease = Duration::from_secs(60);
        self.change(
            &id,
            Event::Claim {
                instance: "i-1".parse().unwrap(),
                lease,
                margin: Duration::ZERO,
                slot_hour_usd: None,
            },
        )
        .await;
        let (job, _) = self.backend.store.get(&id).await.unwrap().unwrap();
        let token = job.state.lease().unwrap().token.clone();
        for event in [
            Event::Encode {
                token: token.clone(),
                report: Box::new(Report::default()),
            },
            Event::Upload {
                token: token.clone(),
                warnings: Vec::new(),
            },
            Event::Publish {
                token: token.clone(),
                lease,
            },
        ] {
            self.change(&id, event).await;
        }
        (id, token)
    }

    async fn change(&self, id: &JobId, event: Event) {
        let table = self.backend.table();
        table.apply(id, event, Timestamp::now()).await.unwrap();
    }

    /// A job that finished with these outputs, all of whose files are there, and its address.
    async fn finished(&self, body: &Value, outputs: Vec<Output>) -> String {
        let (id, token) = self.uploading(body).await;
        self.change(&id, Event::Finish { token, outputs }).await;
        let (job, _) = self.backend.store.get(&id).await.unwrap().unwrap();
        for output in job.published().iter().flatten() {
            for (uri, etag) in &output.shown {
                let etag = etag.clone().unwrap_or_default();
                self.backend.outputs.put(&uri.identity(), &etag);
            }
            for name in &output.parts {
                let part = output.folder.join(name);
                self.backend.outputs.put(&part.identity(), "part");
            }
        }
        format!("/v1/jobs/{id}")
    }

    async fn delete(&self, path: &str) -> (StatusCode, Value) {
        let path = format!("{path}?delete_outputs=true");
        self.call("DELETE", &path, "").await
    }

    fn files(&self) -> Vec<String> {
        self.backend.outputs.addresses()
    }
}

fn film() -> Value {
    json!({"source_path": "s3://in-bucket/a.mov", "dest_path": FOLDER, "preset": "hls-abr"})
}

#[tokio::test]
async fn a_job_is_forgotten_with_its_files_and_no_others() {
    let server = server();
    let path = server.finished(&film(), vec![package()]).await;
    let theirs = format!("{FOLDER}job_2/video/720/00001.m4s");
    server.backend.outputs.put(&theirs, "theirs");
    assert_eq!(server.files().len(), 6);
    let (status, answer) = server.delete(&path).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    assert_eq!(server.files(), [theirs]);
    assert_eq!(server.call("GET", &path, "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_being_asked_for_nothing_of_the_outputs_is_deleted() {
    let server = server();
    for query in ["", "?delete_outputs=false"] {
        let path = server.finished(&film(), vec![package()]).await;
        let (status, _) = server.call("DELETE", &format!("{path}{query}"), "").await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        assert_eq!(server.files().len(), 5);
    }
    let path = server.finished(&film(), vec![package()]).await;
    for wrong in ["delete_outputs=maybe", "delete_output=true"] {
        let (status, _) = server.call("DELETE", &format!("{path}?{wrong}"), "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(server.call("GET", &path, "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_file_that_somebody_replaced_keeps_everything_as_it_is() {
    let server = server();
    for name in ["master.m3u8", "media_0.m3u8"] {
        let path = server.finished(&film(), vec![package()]).await;
        let replaced = format!("{FOLDER}{name}");
        server.backend.outputs.put(&replaced, "theirs");
        let (status, answer) = server.delete(&path).await;
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (409, &json!("dest_conflict"))
        );
        assert!(answer["detail"].as_str().unwrap().contains(&replaced));
        assert!(answer["hint"].as_str().is_some(), "{answer}");
        assert_eq!(server.files().len(), 5);
        assert_eq!(server.call("GET", &path, "").await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_request_that_was_interrupted_is_finished_by_the_next() {
    let server = server();
    let path = server.finished(&film(), vec![package()]).await;
    let manifest: nommer_core::uri::MediaUri =
        serde_json::from_value(json!(format!("{FOLDER}master.m3u8"))).unwrap();
    let outputs = &server.backend.outputs;
    nommer_core::ports::Outputs::remove(outputs, &manifest, None)
        .await
        .unwrap();
    assert_eq!(server.delete(&path).await.0, StatusCode::NO_CONTENT);
    assert!(server.files().is_empty());
    assert_eq!(server.delete(&path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_job_that_has_not_ended_keeps_its_place() {
    let server = server();
    let (id, token) = server.uploading(&job()).await;
    let path = format!("/v1/jobs/{id}");
    let (status, answer) = server.delete(&path).await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (409, &json!("conflict"))
    );
    let error = JobError::new(Code::EncoderFailed, "no");
    server.change(&id, Event::Fail { token, error }).await;
    let destination = job()["dest_path"].as_str().unwrap().to_owned();
    server.backend.outputs.put(&destination, "theirs");
    assert_eq!(server.delete(&path).await.0, StatusCode::NO_CONTENT);
    assert_eq!(server.files(), [destination], "it had published nothing");
}

#[tokio::test]
async fn what_the_record_does_not_tell_is_not_guessed() {
    let server = server();
    let old = Output {
        files: Vec::new(),
        ..package()
    };
    let path = server.finished(&film(), vec![old]).await;
    let mut secret = job();
    secret["dest_path"] = json!(
        "s3://AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00@out-bucket/a.mp4"
    );
    let forgotten = file("s3://***@out-bucket/a.mp4", "e");
    let forgotten = server.finished(&secret, vec![forgotten]).await;
    for path in [path, forgotten] {
        let (status, answer) = server.delete(&path).await;
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (409, &json!("conflict"))
        );
        let hint = answer["hint"].as_str().unwrap();
        assert!(hint.contains("without `delete_outputs`"), "{answer}");
        assert_eq!(server.call("GET", &path, "").await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn outputs_beyond_reach_stay_with_their_job() {
    let server = server();
    let mut body = job();
    body["dest_path"] = json!("s3://elsewhere/a.mp4");
    let path = server
        .finished(&body, vec![file("s3://elsewhere/a.mp4", "e")])
        .await;
    let (status, answer) = server.delete(&path).await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (422, &json!("dest_forbidden"))
    );
    assert!(answer["hint"].as_str().unwrap().contains("own bucket"));
    assert_eq!(server.files().len(), 1);
}

#[tokio::test]
async fn many_jobs_are_forgotten_with_their_outputs_ten_at_a_time() {
    let server = server();
    for number in 0..12 {
        let url = format!("s3://out-bucket/{number}.mp4");
        let mut body = job();
        body["dest_path"] = json!(url);
        server.finished(&body, vec![file(&url, "e")]).await;
    }
    server
        .backend
        .outputs
        .put("s3://out-bucket/0.mp4", "theirs");
    let mut body = json!({"action": "delete", "filter": {}, "delete_outputs": true});
    let (_, first) = server.call("POST", "/v1/jobs:bulk", body.to_string()).await;
    assert_eq!(
        (&first["matched"], &first["done"]),
        (&json!(10), &json!(10))
    );
    body["filter"]["cursor"] = first["next_cursor"].clone();
    let (_, rest) = server.call("POST", "/v1/jobs:bulk", body.to_string()).await;
    assert_eq!((&rest["matched"], &rest["done"]), (&json!(2), &json!(1)));
    assert_eq!(rest["refused"][0]["code"], "dest_conflict");
    assert_eq!(server.files(), ["s3://out-bucket/0.mp4"]);
}
