//! What must work inside the strict sandbox: everything an encoder does.

use super::{Mode, ffmpeg, invocation, job_with_clip, sandbox, succeeded};
use nommer_encoder::child::{Pulse, capture, follow};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn an_encode_works_and_reports_progress() {
    let job = job_with_clip().await;
    let args = [
        "-nostdin",
        "-v",
        "error",
        "-progress",
        "pipe:1",
        "-nostats",
        "-i",
        "file:./in.mp4",
        "-c:v",
        "libx264",
        "-c:a",
        "aac",
        "file:./out.mp4",
    ];
    let mut lines = Vec::new();
    let finished = follow(
        &sandbox(Mode::Strict),
        &invocation("ffmpeg", &args, job.path()),
        &CancellationToken::new(),
        &mut |line: &str| {
            lines.push(line.to_owned());
            Pulse::Advanced
        },
    )
    .await;
    succeeded(&finished);
    assert_eq!(lines.last().map(String::as_str), Some("progress=end"));
    assert!(
        lines.iter().any(|line| line.starts_with("out_time")),
        "{lines:?}"
    );
    assert!(job.path().join("out.mp4").metadata().unwrap().len() > 1000);
    let usage = finished.usage.unwrap();
    assert!(
        usage.cpu.as_millis() > 0 && usage.peak_memory_bytes > 1 << 20,
        "{usage:?}"
    );
}

#[tokio::test]
async fn two_passes_share_their_statistics_in_the_job_folder() {
    let job = job_with_clip().await;
    for (pass, output) in [
        ("1", ["-an", "-f", "null", "-"]),
        ("2", ["-c:a", "aac", "-y", "out.mp4"]),
    ] {
        let mut args = vec![
            "-nostdin",
            "-v",
            "error",
            "-i",
            "in.mp4",
            "-c:v",
            "libx264",
            "-b:v",
            "100k",
            "-pass",
            pass,
            "-passlogfile",
            "pass",
        ];
        args.extend(output);
        succeeded(&ffmpeg(Mode::Strict, &args, job.path()).await);
    }
    assert!(job.path().join("pass-0.log").exists());
    assert!(job.path().join("out.mp4").exists());
}

#[tokio::test]
async fn other_codecs_and_segments_work() {
    let job = job_with_clip().await;
    let outputs: [&[&str]; 4] = [
        &["-c:v", "libx265", "-an", "-t", "0.3", "out.mkv"],
        &[
            "-c:v",
            "libvpx-vp9",
            "-cpu-used",
            "8",
            "-c:a",
            "libopus",
            "-t",
            "0.3",
            "out.webm",
        ],
        &["-vn", "-c:a", "libmp3lame", "out.mp3"],
        &["-c", "copy", "-f", "hls", "-hls_time", "1", "out.m3u8"],
    ];
    for output in outputs {
        let args = [&["-nostdin", "-v", "error", "-i", "in.mp4"], output].concat();
        succeeded(&ffmpeg(Mode::Strict, &args, job.path()).await);
    }
}

#[tokio::test]
async fn ffprobe_answers_within_the_cap() {
    let job = job_with_clip().await;
    let args = [
        "-v",
        "error",
        "-of",
        "json",
        "-show_format",
        "-show_streams",
        "in.mp4",
    ];
    let command = invocation("ffprobe", &args, job.path());
    let cancel = CancellationToken::new();
    let (finished, whole) = capture(&sandbox(Mode::Strict), &command, &cancel, super::CAP).await;
    succeeded(&finished);
    let json: serde_json::Value = serde_json::from_slice(&whole.bytes).unwrap();
    assert_eq!(json["streams"][0]["codec_name"], "h264");

    let (_, cut) = capture(&sandbox(Mode::Strict), &command, &cancel, 100).await;
    assert!(cut.truncated);
    assert_eq!(cut.bytes, whole.bytes[..100]);
}
