//! Jobs in the words of 2012, on the FFmpeg of Debian, on version 7 and on version 9: each runs, and each word that was rewritten is told.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::harness::{System, decodes, documented_job, file_url, output_of, probe, stream};

/// Options of one pass, and what must be told of them. Sources are 4:4:4, which Baseline is not.
const OLD: &str = "
vcodec libx264, acodec libfaac, f mp4 | libfaac → aac
vcodec libx264, acodec libvo_aacenc, f mp4 | libvo_aacenc → aac
vcodec libx264, b 300k, ab 96k, f mp4 | b → b:v; ab → b:a
vcodec libx264, vprofile baseline, f mp4 | vprofile → profile:v; added pix_fmt yuv420p
vcodec libx264, profile main, f mp4 | profile → profile:v; added pix_fmt yuv420p
vcodec libx264, sameq, f mp4 | sameq → crf 18
vcodec libx264, async 480, f mp4 | async 480 → filter:a aresample=async=480
vcodec libx264, deinterlace, f mp4 | deinterlace → filter:v yadif
vcodec libx264, deinterlace, vf hflip, f mp4 | deinterlace → filter:v yadif
vcodec libx264, vsync 1, f mp4 | vsync → fps_mode cfr
vcodec libx264, vsync vfr, f mp4 | vsync → fps_mode vfr
vcodec mpeg4, qscale 5, f avi | qscale → q:v
target vcd | target vcd → target ntsc-vcd
vcodec libx264, vlevel 31, f mp4 | vlevel → level
vcodec libx264, flags +loop, cmp +chroma, partitions +parti4x4+partp8x8, me_method hex, subq 6, me_range 16, g 250, keyint_min 25, sc_threshold 40, i_qfactor 0.71, b_strategy 1, f mp4 |
";

fn pass(options: &str) -> Value {
    let pair = |option: &str| match option.split_once(' ') {
        Some((name, value)) => json!([name, value]),
        None => json!([option, null]),
    };
    let pairs: Vec<Value> = options.split(", ").map(pair).collect();
    json!({"nommer": "ffmpeg", "options": [{"outfile_options": pairs, "move_atom_to_front": false}]})
}

fn told(job: &Value) -> Vec<&str> {
    let warnings = job["warnings"].as_array().unwrap().iter();
    warnings
        .map(|warning| warning["detail"].as_str().unwrap())
        .collect()
}

/// A source in 4:4:4 with fields and stereo sound.
fn make_source(file: &Path) {
    let words = "-nostdin -v error -y -f lavfi -i testsrc2=size=320x240:rate=25:duration=2 -f lavfi -i sine=duration=2 -ac 2 \
        -pix_fmt yuv444p -c:v libx264 -preset ultrafast -c:a aac";
    let mut command = Command::new("ffmpeg");
    output_of(command.args(words.split_whitespace()).arg(file));
}

/// Runs all jobs on one FFmpeg.
fn all_run_on(ffmpeg: &str) {
    let system = System::start_with(&[("NOMMER_FFMPEG__PATH", ffmpeg)]);
    let source = system.path("in.mov");
    make_source(&source);
    let lines = OLD.lines().filter(|line| !line.is_empty());
    let jobs: Vec<_> = lines
        .enumerate()
        .map(|(number, line)| {
            let (options, words) = line.split_once(" |").unwrap();
            let out = system.path(&format!("{number}.out"));
            let body = json!({"source_path": file_url(&source), "dest_path": file_url(&out), "job_options": pass(options)});
            (line, words.trim(), system.submit(&body), out)
        })
        .collect();
    for (line, words, id, out) in jobs {
        let job = system.ended(&id);
        assert_eq!(job["state"], "FINISHED", "{ffmpeg}: {line}: {job:#}");
        assert!(decodes(&out), "{ffmpeg}: {line}");
        let expected: Vec<&str> = words.split("; ").filter(|word| !word.is_empty()).collect();
        let told = told(&job);
        assert_eq!(told.len(), expected.len(), "{ffmpeg}: {line}: {told:?}");
        for word in expected {
            let said = told.iter().any(|detail| detail.contains(word));
            assert!(said, "{ffmpeg}: {line}: {told:?}");
        }
    }
    let out = system.path("documented.mp4");
    let (_, answer) = system.http("POST", "/job/submit/", Some(&documented_job(&source, &out)));
    let job = system.finished(answer["job_id"].as_str().unwrap());
    assert!(told(&job).len() >= 5, "{:?}", told(&job));
    let found = probe(&out);
    assert_eq!(stream(&found, "video")["pix_fmt"], "yuv420p", "{ffmpeg}");
    assert!(decodes(&out), "{ffmpeg}");
    system.assert_clean();
}

fn given(variable: &str) -> String {
    let program = std::env::var(variable).expect("set by `cargo xtask test`");
    assert!(fs::metadata(&program).is_ok(), "{program}");
    program
}

#[test]
fn jobs_of_2012_run_on_the_ffmpeg_of_this_machine() {
    all_run_on("ffmpeg");
}

#[test]
fn jobs_of_2012_run_on_ffmpeg_7() {
    all_run_on(&given("NOMMER_TEST_VMAF_FFMPEG"));
}

#[test]
fn jobs_of_2012_run_on_ffmpeg_9() {
    all_run_on(&given("NOMMER_TEST_NEWEST_FFMPEG"));
}
