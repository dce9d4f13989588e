use serde_json::json;

use super::*;
use crate::{
    probe::{Stream, StreamKind},
    testing,
};

fn video(pix_fmt: &str) -> Probe {
    let stream = |kind| Stream {
        kind,
        pix_fmt: Some(pix_fmt.to_owned()),
        ..Stream::default()
    };
    Probe {
        duration: None,
        streams: vec![stream(StreamKind::Video), stream(StreamKind::Audio)],
        ..Probe::default()
    }
}

fn with_options(dest_path: &str, passes: &serde_json::Value) -> JobSpec {
    testing::spec(&json!({
        "dest_path": dest_path, "job_options": {"nommer": "ffmpeg", "options": passes}, "preset": null,
    }))
}

fn line(plan: &Plan, pass: usize) -> String {
    plan.passes[pass].args.join(" ")
}

#[test]
fn the_documented_job_becomes_these_two_command_lines() {
    let video_options = json!([
        ["vcodec", "libx264"],
        ["preset", "medium"],
        ["vprofile", "baseline"],
        ["b", "400k"]
    ]);
    let pass = |more: serde_json::Value| -> serde_json::Value {
        video_options
            .as_array()
            .unwrap()
            .iter()
            .chain(more.as_array().unwrap())
            .cloned()
            .collect()
    };
    let spec = with_options(
        "s3://out-bucket/a.mp4",
        &json!([
            {"outfile_options": pass(json!([["pass", "1"], ["f", "mp4"], ["an", null]]))},
            {"outfile_options": pass(json!([["pass", "2"], ["acodec", "libfaac"], ["ab", "128k"], ["ac", "2"], ["f", "mp4"]])),
             "move_atom_to_front": true},
        ]),
    );
    let plan = plan(
        &spec,
        &video("yuv420p"),
        "mov".into(),
        &OptionPolicy::default(),
        "segments",
    )
    .unwrap();
    let head = "-y -nostdin -hide_banner -nostats -progress pipe:1 -protocol_whitelist file,pipe -format_whitelist mov -f mov \
        -i file:source -c:v libx264 -preset medium -profile:v baseline -b:v 400k";
    assert_eq!(
        line(&plan, 0),
        format!("{head} -pass 1 -f mp4 -an /dev/null")
    );
    assert_eq!(
        line(&plan, 1),
        format!("{head} -pass 2 -c:a aac -b:a 128k -ac 2 -f mp4 file:output")
    );
    assert_eq!(plan.products[0].kind, ProductKind::File { relocate: true });
    let details: Vec<_> = plan
        .warnings
        .iter()
        .map(|warning| warning.detail.as_str())
        .collect();
    assert_eq!(
        details
            .iter()
            .filter(|detail| detail.contains("vprofile"))
            .count(),
        1,
        "told once: {details:?}"
    );
}

#[test]
fn the_container_comes_from_the_destination_when_nothing_else_tells() {
    let passes = json!([{"outfile_options": [["c:v", "libx264"]]}]);
    let planned = |dest: &str| {
        plan(
            &with_options(dest, &passes),
            &video("yuv420p"),
            "mov".into(),
            &OptionPolicy::default(),
            "segments",
        )
    };
    assert!(
        line(&planned("s3://out-bucket/a.MKV").unwrap(), 0).ends_with("-f matroska file:output")
    );
    assert_eq!(
        planned("s3://out-bucket/a.exe").unwrap_err().code,
        Code::InvalidSpec
    );
    assert_eq!(
        planned("s3://out-bucket/a").unwrap_err().code,
        Code::InvalidSpec
    );
}

#[test]
fn a_profile_that_needs_420_converts_other_sources_and_says_so() {
    let passes =
        json!([{"outfile_options": [["c:v", "libx264"], ["profile:v", "baseline"], ["f", "mp4"]]}]);
    let spec = with_options("s3://out-bucket/a.mp4", &passes);
    let converted = plan(
        &spec,
        &video("yuv444p"),
        "mov".into(),
        &OptionPolicy::default(),
        "segments",
    )
    .unwrap();
    assert!(line(&converted, 0).contains("-pix_fmt yuv420p"));
    assert_eq!(converted.warnings[0].code, "pixel_format_converted");
    let plain = plan(
        &spec,
        &video("yuv420p"),
        "mov".into(),
        &OptionPolicy::default(),
        "segments",
    )
    .unwrap();
    assert!(!line(&plain, 0).contains("pix_fmt"));
}

#[test]
fn a_source_without_video_fails_a_video_job_and_serves_an_audio_job() {
    let audio = Probe {
        duration: None,
        streams: vec![Stream {
            kind: StreamKind::Audio,
            ..Stream::default()
        }],
        ..Probe::default()
    };
    let want = |options: serde_json::Value| {
        let spec = with_options(
            "s3://out-bucket/a.mp4",
            &json!([{"outfile_options": options}]),
        );
        plan(
            &spec,
            &audio,
            "mov".into(),
            &OptionPolicy::default(),
            "segments",
        )
    };
    assert_eq!(
        want(json!([["c:v", "libx264"]])).unwrap_err().code,
        Code::SourceUnreadable
    );
    assert!(want(json!([["c:a", "aac"]])).is_ok());
    assert!(want(json!([["c:v", "libx264"], ["vn", null]])).is_ok());
}

#[test]
fn a_source_without_streams_is_unreadable() {
    let spec = testing::spec(&json!({}));
    let error = plan(
        &spec,
        &Probe::default(),
        "mov".into(),
        &OptionPolicy::default(),
        "segments",
    )
    .unwrap_err();
    assert_eq!(error.code, Code::SourceUnreadable);
}

#[test]
fn moving_the_moov_atom_of_another_container_is_a_warning() {
    let passes = |format: &str| json!([{"outfile_options": [["c", "copy"], ["f", format]], "move_atom_to_front": true}]);
    let warnings = |format: &str| {
        let spec = with_options("s3://out-bucket/a.bin", &passes(format));
        plan(
            &spec,
            &video("yuv420p"),
            "mov".into(),
            &OptionPolicy::default(),
            "segments",
        )
        .unwrap()
        .warnings
    };
    assert_eq!(warnings("mp4"), []);
    assert_eq!(warnings("webm")[0].code, "not_an_mp4");
}
