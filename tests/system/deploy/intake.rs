//! Media on its way into a stack: brought by a signed address, and found under a watched prefix.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use super::stack::Deployment;
use crate::harness::{decodes, eventually, make_clip, output_of};

/// Sends a file as an announced upload asks for it; the status.
fn send(upload: &Value, file: &Path) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT"]);
    for (name, value) in upload["headers"].as_object().unwrap() {
        curl.arg("-H");
        curl.arg(format!("{name}: {}", value.as_str().unwrap()));
    }
    curl.arg("--data-binary")
        .arg(format!("@{}", file.display()));
    output_of(curl.arg(upload["url"].as_str().unwrap()))
}

/// What one request does not take is offered in parts, whose addresses lead to S3 and hold for their length alone, and S3 is asked to put
/// them together.
fn offers_parts(stack: &Deployment, short: &Path) {
    let body = json!({"filename": "large.mov", "bytes": 6_u64 << 30});
    let (status, upload) = stack.http("POST", "/v1/uploads", Some(&body));
    assert_eq!(status, 201, "{upload}");
    let parts = upload["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 96);
    let one = json!({"url": parts[0]["url"], "headers": {}});
    assert_eq!(send(&one, short), "403");
    let whole = tempfile::NamedTempFile::new().unwrap();
    let bytes = parts[0]["bytes"].as_u64().unwrap();
    whole.as_file().set_len(bytes).unwrap();
    assert_eq!(send(&one, whole.path()), "200");
    let (status, again) = stack.http("GET", upload["parts_path"].as_str().unwrap(), None);
    assert_eq!((status, &again["id"]), (200, &upload["id"]));
    let named = (1..=96).map(|number| json!({"number": number, "etag": "none"}));
    let body = json!({"parts": named.collect::<Vec<_>>()});
    let complete = upload["complete_path"].as_str().unwrap();
    let (status, problem) = stack.http("POST", complete, Some(&body));
    assert_eq!(
        (status, &problem["code"]),
        (400, &json!("invalid_spec")),
        "{problem}"
    );
}

/// The event by which EventBridge tells of an object.
fn created(bucket: &str, key: &str, bytes: u64) -> Value {
    let event = include_str!("../../../functions/submit/events/s3-object-created.json");
    let mut event: Value = serde_json::from_str(event).unwrap();
    event["detail"]["bucket"]["name"] = json!(bucket);
    event["detail"]["object"]["key"] = json!(key);
    event["detail"]["object"]["size"] = json!(bytes);
    event
}

/// The jobs that nobody submitted.
fn watched(stack: &Deployment) -> Vec<Value> {
    let (_, page) = stack.http("GET", "/v1/jobs", None);
    let jobs = page["data"].as_array().unwrap().clone();
    let by_itself = jobs.into_iter();
    by_itself
        .filter(|job| job["tags"] == json!(["watch"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_brought_by_a_signed_address_is_encoded_and_what_appears_is_too() {
    let stack = Deployment::new(&[
        ("WatchPrefix", "in/"),
        ("WatchDestination", "out/{stem}.mp4"),
        ("WatchPreset", "copy"),
    ])
    .await;
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mov");
    make_clip(&clip, 1, "160x90");
    let bytes = fs::metadata(&clip).unwrap().len();

    let body =
        json!({"filename": "mein film.mov", "bytes": bytes, "content_type": "video/quicktime"});
    let (status, upload) = stack.http("POST", "/v1/uploads", Some(&body));
    assert_eq!(status, 201, "{upload}");
    assert_eq!(send(&upload, &clip), "200");
    offers_parts(&stack, &clip);
    let source = upload["source_path"].as_str().unwrap();
    let key = source.strip_prefix(&stack.media("")).unwrap();
    assert!(key.starts_with("uploads/operator/upload_"), "{key}");
    assert_eq!(stack.download(key).await.unwrap(), fs::read(&clip).unwrap());
    let job =
        json!({"source_path": source, "dest_path": stack.media("uploaded.mp4"), "preset": "copy"});
    let (status, job) = stack.http("POST", "/v1/jobs", Some(&job));
    assert_eq!(status, 201, "{job}");
    let uploaded = job["id"].as_str().unwrap().to_owned();

    let (status, probe) = stack.http("POST", "/v1/probes", Some(&json!({"source_path": source})));
    assert_eq!(status, 202, "{probe}");
    let probe = format!("/v1/probes/{}", probe["id"].as_str().unwrap());

    stack.upload("in/film.mov", &clip).await;
    let bucket = stack.output("MediaBucket").to_owned();
    let strange = created(&bucket, "elsewhere/film.mov", bytes);
    stack.invoke("SubmitFunction", &strange);
    let watched = || watched(&stack);
    // S3 tells EventBridge, and that calls submit.
    let found = eventually("the job of what appeared", || {
        Some(watched()).filter(|found| !found.is_empty())
    });
    assert_eq!(found.len(), 1, "{found:#?}");
    let found = found[0]["id"].as_str().unwrap().to_owned();

    let instance = stack.launched(1).await.remove(0);
    let _encoder = stack.play(&instance).await;
    for (id, place) in [(&uploaded, "uploaded.mp4"), (&found, "out/film.mp4")] {
        let job = stack.ended(id);
        assert_eq!(job["state"], "FINISHED", "{job:#}");
        let output = folder.path().join("out.mp4");
        fs::write(&output, stack.download(place).await.unwrap()).unwrap();
        assert!(decodes(&output), "{place}");
    }
    let probe = eventually("the end of the probe", || {
        let (_, probe) = stack.http("GET", &probe, None);
        probe["finished_at"].is_string().then_some(probe)
    });
    assert_eq!(probe["state"], "FINISHED", "{probe:#}");
    assert_eq!(probe["source"]["bytes"], json!(bytes));
    // Results start nothing.
    stack.invoke("SubmitFunction", &created(&bucket, "out/film.mp4", bytes));
    assert_eq!(watched().len(), 1);
}
