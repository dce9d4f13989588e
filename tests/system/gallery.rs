//! The page of presets: made from the code, and never behind it.

use std::{fmt::Write as _, fs, time::Duration};

use nommer_core::{
    options::OptionPolicy,
    plan::plan,
    presets::{self, Preset},
    probe::{Probe, Stream, StreamKind},
    spec::{SpecRules, parse_v1},
};
use serde_json::json;

use crate::harness::repository;

const HEAD: &str = "# Presets

Made from the code; `nommer presets` lists the same. Each is named by `\"preset\": \"NAME\"`, or with its version by `\"NAME@VERSION\"`: then a job is
refused once the preset has changed. Nothing is made larger than the source, sizes are even, and pictures are shown as the source says. The command
lines are those for a source of 1920x1080 with stereo sound; those of a job are in its `resolved`.
";

/// A source as most are.
fn source() -> Probe {
    let stream = |kind, codec: &str| Stream {
        kind,
        codec: Some(codec.to_owned()),
        ..Stream::default()
    };
    let video = Stream {
        width: Some(1_920),
        height: Some(1_080),
        pix_fmt: Some("yuv420p".to_owned()),
        ..stream(StreamKind::Video, "h264")
    };
    let audio = Stream {
        channels: Some(2),
        ..stream(StreamKind::Audio, "aac")
    };
    Probe {
        duration: Some(Duration::from_mins(1)),
        streams: vec![video, audio],
        ..Probe::default()
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.,:/=@+%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn entry(preset: &Preset) -> String {
    let (name, version) = (preset.name, preset.version);
    let outputs = preset.outputs();
    let dest = match &outputs[..] {
        [output] if !output.container.packaged() => {
            format!("s3://out-bucket/film.{}", output.container.extension())
        }
        [] => "s3://out-bucket/film.mp4".to_owned(),
        _ => "s3://out-bucket/film/".to_owned(),
    };
    let body = json!({"source_path": "s3://in-bucket/film.mov", "dest_path": dest, "preset": name});
    let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
    let plan = plan(
        &spec,
        &source(),
        "mov".into(),
        &OptionPolicy::default(),
        "JOB",
    )
    .unwrap();
    let mut page = format!(
        "\n## `{name}`\n\nVersion {version}: {}.\n\n```\n",
        preset.description
    );
    for pass in &plan.passes {
        let words: Vec<String> = pass.args.iter().map(|word| quoted(word)).collect();
        writeln!(page, "ffmpeg {}", words.join(" ")).unwrap();
    }
    page.push_str("```\n");
    page
}

/// `NOMMER_WRITE_PRESETS=1` writes the page anew.
#[test]
fn the_page_of_presets_is_that_of_the_code() {
    let entries = presets::ALL.iter().map(entry);
    let page: String = std::iter::once(HEAD.to_owned()).chain(entries).collect();
    let file = repository().join("docs/presets.md");
    if std::env::var_os("NOMMER_WRITE_PRESETS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == page,
        "docs/presets.md is old: NOMMER_WRITE_PRESETS=1 cargo test -p nommer-tests presets"
    );
}
