//! What users get wrong: each gives a clear error with a stable code, costs one attempt, and leaves nothing behind.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::harness::{System, file_url, make_clip, output_of};

fn encode(pairs: &Value) -> Value {
    json!({"nommer": "ffmpeg", "options": [{"outfile_options": pairs, "move_atom_to_front": true}]})
}

/// Submits a job that must fail; its code and message.
fn failure(
    system: &System,
    source: &str,
    destination: &str,
    job_options: &Value,
) -> (String, String) {
    let body = json!({
        "source_path": file_url(&system.path(source)),
        "dest_path": file_url(&system.path(destination)),
        "job_options": job_options,
    });
    let job = system.ended(&system.submit(&body));
    assert_eq!(job["state"], "ERROR", "{job:#}");
    assert_eq!(
        job["attempts"],
        json!(1),
        "what cannot succeed is not tried again"
    );
    let text = |key: &str| job["error"][key].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

#[test]
fn unusable_sources_end_in_error_with_their_code() {
    let system = System::start();
    make_clip(&system.path("good.mp4"), 1, "320x180");
    let good = fs::read(system.path("good.mp4")).unwrap();
    fs::write(system.path("empty.mp4"), b"").unwrap();
    fs::write(
        system.path("text.mp4"),
        b"this is not a video, whatever its name says",
    )
    .unwrap();
    fs::write(
        system.path("list.mp4"),
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    )
    .unwrap();
    fs::write(system.path("cut.mp4"), &good[..good.len() / 4]).unwrap();
    let tone = ["-v", "error", "-f", "lavfi", "-i", "sine=duration=1"];
    output_of(
        Command::new("ffmpeg")
            .args(tone)
            .arg(system.path("tone.wav")),
    );

    let x264 = encode(&json!([["c:v", "libx264"], ["f", "mp4"]]));
    let cases = [
        ("missing.mp4", "source_not_found", "missing.mp4"),
        ("empty.mp4", "source_unreadable", "empty"),
        ("text.mp4", "source_unreadable", "not media"),
        ("list.mp4", "source_unreadable", "not media"),
        ("cut.mp4", "source_unreadable", "moov"),
        ("tone.wav", "source_unreadable", "no video stream"),
    ];
    for (source, code, words) in cases {
        let (found, message) = failure(&system, source, "out.mp4", &x264);
        assert_eq!(found, code, "{source}: {message}");
        assert!(message.contains(words), "{source}: {message}");
    }
    assert!(!system.path("out.mp4").exists());
    system.assert_clean();
}

#[test]
fn a_codec_that_does_not_fit_the_container_tells_what_ffmpeg_said() {
    let system = System::start();
    make_clip(&system.path("in.mp4"), 1, "320x180");
    let (code, message) = failure(
        &system,
        "in.mp4",
        "out.webm",
        &encode(&json!([["c:v", "libx264"], ["f", "webm"]])),
    );
    assert_eq!(code, "unsupported_codec", "{message}");
    assert!(
        message.contains("WebM") || message.contains("webm"),
        "{message}"
    );
    system.assert_clean();
}

#[test]
fn a_folder_that_cannot_be_written_is_dest_forbidden() {
    let system = System::start();
    make_clip(&system.path("in.mp4"), 1, "320x180");
    // A file where a folder would have to be: not even root can write below it.
    fs::write(system.path("file"), b"").unwrap();
    let (code, message) = failure(
        &system,
        "in.mp4",
        "file/out.mp4",
        &encode(&json!([["c", "copy"], ["f", "mp4"]])),
    );
    assert_eq!(code, "dest_forbidden", "{message}");
    system.assert_clean();
}

#[test]
fn addresses_outside_the_allowed_folders_and_unknown_schemes_are_refused_at_submit() {
    let system = System::start();
    let out = file_url(&system.path("out.mp4"));
    let (key, database) = (
        file_url(&system.data().join("secret.key")),
        file_url(&system.data().join("nommer.db")),
    );
    for (source, destination) in [
        ("file:///etc/passwd", out.as_str()),
        ("file:///etc/../etc/hostname", &out),
        ("ftp://example.com/a.mp4", &out),
        ("gopher://x", &out),
        ("in.mp4", &out),
        ("s3://in-bucket/a.mp4", "file:///etc/cron.d/x"),
        (&key, &out),
        ("s3://in-bucket/a.mp4", &database),
        ("s3://in-bucket/a.mp4", "http://example.com/out.mp4"),
    ] {
        let body = json!({"source_path": source, "dest_path": destination, "preset": "copy"});
        let (status, problem) = system.http("POST", "/v1/jobs", Some(&body));
        assert!(
            (400..500).contains(&status),
            "{source} {destination}: {problem}"
        );
        assert!(problem["errors"][0]["pointer"].is_string(), "{problem}");
    }
}

#[test]
fn options_that_reach_for_files_are_refused_at_submit() {
    let system = System::start();
    for pairs in [
        json!([["i", "/etc/passwd"]]),
        json!([["vf", "movie=/etc/passwd"]]),
        json!([["filter_complex_script", "/etc/passwd"]]),
        json!([["-attach", "/etc/passwd"]]),
        json!([["x264-params", "stats=/tmp/x"]]),
    ] {
        let body = json!({"source_path": "s3://in-bucket/a.mp4", "dest_path": "s3://out-bucket/a.mp4", "job_options": encode(&pairs)});
        let (status, problem) = system.http("POST", "/v1/jobs", Some(&body));
        assert!((400..500).contains(&status), "{pairs}: {problem}");
        let code = problem["code"].as_str().unwrap();
        assert!(
            ["option_not_allowed", "unsupported_filter", "invalid_spec"].contains(&code),
            "{pairs}: {problem}"
        );
    }
}

#[test]
fn a_machine_without_ffmpeg_says_so() {
    let system = System::start_with(&[("NOMMER_FFMPEG__PATH", "/nowhere/ffmpeg")]);
    fs::write(system.path("in.mp4"), b"x").unwrap();
    let body = json!({
        "source_path": file_url(&system.path("in.mp4")), "dest_path": file_url(&system.path("out.mp4")), "preset": "copy",
    });
    let job = system.ended(&system.submit(&body));
    assert_eq!(job["error"]["code"], "encoder_missing", "{job:#}");
    assert!(
        job["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("install ffmpeg")
    );
}

#[test]
fn a_disk_that_is_too_small_is_told_with_numbers_before_any_work() {
    let root = output_of(Command::new("id").arg("-u")).trim() == "0";
    if !root {
        // A small disk can be made by root alone; CI is.
        return;
    }
    let system = System::start_on_small_disk(80, &[]);
    let noise = [
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "anoisesrc=duration=90:sample_rate=96000",
        "-ac",
        "2",
    ];
    output_of(
        Command::new("ffmpeg")
            .args(noise)
            .arg(system.path("long.wav")),
    );
    let copy = encode(&json!([["c", "copy"], ["f", "wav"]]));
    let (code, message) = failure(&system, "long.wav", "out.wav", &copy);
    assert_eq!(code, "out_of_disk", "{message}");
    assert!(message.contains("MiB are free"), "{message}");
    assert!(!system.path("out.wav").exists());
    system.assert_clean();
}
