//! The system as it is deployed: the template itself, created on emulators, with the real programs of the functions; and real encoder
//! processes in the place of the instances that scale launches. Nothing here is told to the programs but what the template tells them.

mod calls;
mod client;
mod command;
mod events;
mod imds;
mod intake;
mod kill;
mod session;
mod stack;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    examples::{example, make_sources},
    harness::{boxes, eventually, make_clip, probe, stream},
    notifications::Receiver,
};
use stack::Deployment;

/// A job as the original's client sends it.
fn legacy_job(source: &str, destination: &str, notify: &str) -> Value {
    let mut body = crate::harness::documented_job(Path::new("/in"), Path::new("/out"));
    body["source_path"] = json!(source);
    body["dest_path"] = json!(destination);
    body["notify_url"] = json!(notify);
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_through_the_deployed_stack_and_the_fleet_goes_away() {
    let stack = Deployment::new(&[]).await;
    let receiver = Receiver::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("in.mp4");
    make_clip(&clip, 2, "320x180");
    let source = stack.upload("in.mp4", &clip).await;
    let destination = stack.media("out/video.mp4");

    let (status, answer) = stack.http(
        "POST",
        "/job/submit/",
        Some(&legacy_job(&source, &destination, &receiver.url)),
    );
    assert_eq!(
        (status, &answer["success"]),
        (200, &json!(true)),
        "{answer}"
    );
    let id = answer["job_id"].as_str().unwrap().to_owned();

    // The submit's own event wakes scale, long before the schedule would.
    let instance = stack.launched(1).await.remove(0);
    let mut encoder = stack.play(&instance).await;
    let job = stack.ended(&id);
    assert_eq!(job["state"], "FINISHED", "{job:#}");
    let output = folder.path().join("out.mp4");
    fs::write(&output, stack.download("out/video.mp4").await.unwrap()).unwrap();
    assert_eq!(stream(&probe(&output), "video")["codec_name"], "h264");
    let kinds = boxes(&output);
    let place = |kind: &str| kinds.iter().position(|found| found == kind);
    assert!(place("moov") < place("mdat"), "{kinds:?}");
    let told = receiver.wait_for(1);
    let line = format!("GET /done?unique_id={id}&job_state=FINISHED&job_state_details= HTTP/1.1");
    assert_eq!(told[0].line, line);

    assert!(encoder.wait().success(), "an idle encoder ends well");
    stack.power_off(&instance).await;
    stack.invoke("ScaleFunction", &json!({}));
    assert_eq!(stack.machines().await, Vec::<String>::new());
    stack.assert_no_unfinished_uploads().await;
}

/// An adaptive stream and two files, as in the documentation.
#[tokio::test(flavor = "multi_thread")]
async fn examples_of_the_documentation_run_through_the_deployed_stack() {
    let stack = Deployment::new(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    make_sources(folder.path());
    for name in ["a.mov", "a.en.srt", "logo.png"] {
        stack
            .upload(&format!("in/{name}"), &folder.path().join(name))
            .await;
    }
    let mut ids = Vec::new();
    for name in ["3-adaptive-stream", "5-two-files"] {
        let mut body = example(name, &stack.media("in/"), &stack.media("out/"));
        body["storage"] = json!({"cache_control": "max-age=60"});
        let (status, job) = stack.http("POST", "/v1/jobs", Some(&body));
        assert_eq!(status, 201, "{job:#}");
        ids.push(job["id"].as_str().unwrap().to_owned());
    }
    let instance = stack.launched(1).await.remove(0);
    let _encoder = stack.play(&instance).await;
    for id in &ids {
        let job = stack.ended(id);
        assert_eq!(job["state"], "FINISHED", "{job:#}");
    }
    let master = stack.download("out/v42/master.m3u8").await.unwrap();
    let playlist = stack.download("out/v42/media_0.m3u8").await.unwrap();
    assert!(String::from_utf8_lossy(&master).contains("TYPE=SUBTITLES"));
    let playlist = String::from_utf8_lossy(&playlist).into_owned();
    for part in playlist.lines().filter(|line| !line.starts_with('#')) {
        assert!(
            stack.download(&format!("out/v42/{part}")).await.is_some(),
            "{part}"
        );
    }
    for name in [
        "out/v42/captions/en.vtt",
        "out/v42/poster.jpg",
        "out/talk/hd.mp4",
        "out/talk/av1.mp4",
    ] {
        assert!(stack.download(name).await.is_some(), "{name}");
    }
    stack.assert_no_unfinished_uploads().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_cannot_succeed_ends_in_an_error_that_says_why() {
    let stack = Deployment::new(&[]).await;
    let receiver = Receiver::start(&[]);
    let source = stack.media("nothing-here.mp4");
    let body = legacy_job(&source, &stack.media("out.mp4"), &receiver.url);
    let (_, answer) = stack.http("POST", "/job/submit", Some(&body));
    let id = answer["job_id"].as_str().unwrap().to_owned();
    let instance = stack.launched(1).await.remove(0);
    let _encoder = stack.play(&instance).await;
    let job = stack.ended(&id);
    assert_eq!(job["state"], "ERROR", "{job:#}");
    assert_eq!(job["error"]["code"], "source_not_found", "{job:#}");
    let told = receiver.wait_for(1);
    assert!(told[0].line.contains("job_state=ERROR"), "{}", told[0].line);
    assert_eq!(stack.download("out.mp4").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_outlives_its_encoder() {
    // The emulator may stand still for ten seconds while another test deploys: that costs no second attempt.
    let stack = Deployment::new(&[("EncoderLease", "20s")]).await;
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("in.mp4");
    make_clip(&clip, 30, "640x360");
    let source = stack.upload("in.mp4", &clip).await;
    let mut body = legacy_job(&source, &stack.media("out.mp4"), "");
    body["notify_url"] = Value::Null;
    body["job_options"]["options"] = json!([{"outfile_options": [
        ["vcodec", "libx264"], ["preset", "veryslow"], ["f", "mp4"]], "move_atom_to_front": true}]);
    let (_, answer) = stack.http("POST", "/job/submit", Some(&body));
    let id = answer["job_id"].as_str().unwrap().to_owned();
    let first = stack.launched(1).await.remove(0);
    let mut encoder = stack.play(&first).await;
    eventually("the job to be encoded", || {
        (stack.job(&id)["state"] == "ENCODING").then_some(())
    });
    encoder.kill();
    stack.power_off(&first).await;

    // Prune finds the lease lapsed, scale a job without an encoder.
    eventually("the job to be taken back", || {
        stack.invoke("PruneFunction", &json!({}));
        (stack.job(&id)["state"] == "PENDING").then_some(())
    });
    let second = eventually("another instance", || {
        stack.invoke("ScaleFunction", &json!({}));
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(stack.machines()))
            .into_iter()
            .find(|found| *found != first)
    });
    let _second = stack.play(&second).await;
    let job = stack.ended(&id);
    assert_eq!(job["state"], "FINISHED", "{job:#}");
    assert_eq!(job["attempts"], 2, "{job:#}");
    stack.assert_no_unfinished_uploads().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_taken_away_gives_its_job_back_within_seconds_and_uncounted() {
    let stack = Deployment::new(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("in.mp4");
    make_clip(&clip, 30, "640x360");
    let source = stack.upload("in.mp4", &clip).await;
    let slow =
        json!([{"outfile_options": [["vcodec", "libx264"], ["preset", "veryslow"], ["f", "mp4"]]}]);
    let job = json!({"source_path": source, "dest_path": stack.media("out.mp4"), "job_options": {"options": slow}});
    let (status, answer) = stack.http("POST", "/v1/jobs", Some(&job));
    assert_eq!(status, 201, "{answer}");
    let id = answer["id"].as_str().unwrap().to_owned();
    let instance = stack.launched(1).await.remove(0);
    let mut encoder = stack.play(&instance).await;
    eventually("the job to be encoded", || {
        (stack.job(&id)["state"] == "ENCODING").then_some(())
    });
    encoder.give_notice();
    let given = Instant::now();
    let job = eventually("the job to be given back", || {
        let job = stack.job(&id);
        (job["state"] == "PENDING").then_some(job)
    });
    // EC2 leaves two minutes.
    assert!(
        given.elapsed() < Duration::from_secs(60),
        "{:?}",
        given.elapsed()
    );
    assert_eq!(job["attempts"], 0, "{job:#}");
    assert!(
        job["events"].to_string().contains("gave the job back"),
        "{job:#}"
    );
    assert!(encoder.wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_allowed_in_is_refused() {
    let stack = Deployment::new(&[
        ("AllowAnonymousLegacy", "false"),
        ("ApiAuthorization", "AWS_IAM"),
    ])
    .await;
    let body = legacy_job(
        "s3://in-bucket/a.mov",
        "s3://out-bucket/a.mp4",
        "http://x.example/",
    );
    for (method, path) in [
        ("POST", "/job/submit/"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs"),
    ] {
        let (status, answer) = stack.http(method, path, Some(&body));
        assert_eq!(status, 403, "{method} {path}: {answer}");
    }
    assert_eq!(stack.machines().await, Vec::<String>::new());
}
