//! Many jobs through the embedded system: none is lost, and memory and open files stay flat. How fast a dead encoder's job runs again.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::{
    harness::{System, eventually, file_url, make_clip, output_of},
    kill::signal,
};

/// Longest without a new output.
const STALL: Duration = Duration::from_secs(60);

/// Plays FFmpeg: a real process that copies what was made before into the last of its arguments.
const FFMPEG: &str = r#"#!/bin/sh
case "$*" in *-version*) echo "ffmpeg version 0-stub"; exit;; esac
for last; do :; done
cp "${0%/*}/made.mp4" "${last#file:}"
echo "out_time=00:00:01.000000"
echo "progress=end"
"#;

/// Plays ffprobe: says of everything what is true of that.
const FFPROBE: &str = "#!/bin/sh\ncat \"${0%/*}/probe.json\"\n";

/// A folder with the two programs.
fn stubs(clip: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, text) in [("ffmpeg", FFMPEG), ("ffprobe", FFPROBE)] {
        fs::write(at(name), text).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::copy(clip, at("made.mp4")).unwrap();
    let mut probe = std::process::Command::new("ffprobe");
    probe.args([
        "-v",
        "error",
        "-show_format",
        "-show_streams",
        "-of",
        "json",
    ]);
    fs::write(at("probe.json"), output_of(probe.arg(clip))).unwrap();
    folder
}

/// Resident bytes and open files of a process.
fn use_of(pid: u32) -> Option<(u64, usize)> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some((pages * 4_096, files))
}

/// The most that the server and any one encoder use: of memory, of files.
fn usage(system: &System) -> (u64, usize) {
    let processes = system.encoders().into_iter().chain([system.server_id()]);
    let all: Vec<_> = processes.filter_map(use_of).collect();
    (
        all.iter().map(|one| one.0).max().unwrap_or(0),
        all.iter().map(|one| one.1).max().unwrap_or(0),
    )
}

/// Submits so many jobs; their ids.
async fn submit(system: &System, out: &Path, count: usize) -> Vec<String> {
    let source = file_url(&system.path("in.mp4"));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let submit = |number: usize| {
        let job = json!({
            "source_path": source,
            "dest_path": file_url(&out.join(format!("{number}.mp4"))),
            "preset": "copy",
        });
        let request = client.post(system.url("/v1/jobs")).json(&job);
        async move {
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap();
            assert_eq!(status, 201, "{text}");
            let job: Value = serde_json::from_str(&text).unwrap();
            job["id"].as_str().unwrap().to_owned()
        }
    };
    let submitting = stream::iter((0..count).map(submit));
    submitting.buffer_unordered(8).collect().await
}

/// A job that has not finished.
fn not_done(system: &System) -> Value {
    let states = [
        "PENDING",
        "DOWNLOADING",
        "ENCODING",
        "UPLOADING",
        "ERROR",
        "ABANDONED",
    ];
    let first = |state| {
        let (_, page) = system.http("GET", &format!("/v1/jobs?limit=1&state={state}"), None);
        page["data"].get(0).cloned()
    };
    states.into_iter().find_map(first).unwrap_or_default()
}

/// Waits until there are so many outputs. What was in use when a fifth of them was there.
async fn outputs(system: &System, out: &Path, count: usize) -> (u64, usize) {
    let mut early = None;
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let found = fs::read_dir(out).unwrap().filter_map(Result::ok);
        let done = found
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .count();
        if done * 5 >= count && early.is_none() {
            early = Some(usage(system));
        }
        if done == count {
            return early.unwrap();
        }
        if done > last {
            (last, moved) = (done, Instant::now());
        }
        assert!(
            moved.elapsed() < STALL,
            "{done} of {count} jobs are done; one that is not: {:#}",
            not_done(system)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Submits, waits, and holds every job to its promise.
async fn run(system: &System, count: usize) {
    let out = system.path("out");
    fs::create_dir(&out).unwrap();
    let begun = Instant::now();
    let ids = submit(system, &out, count).await;
    let submitted = begun.elapsed();
    let early = outputs(system, &out, count).await;
    let (late, took) = (usage(system), begun.elapsed());
    for id in &ids {
        eventually("an end", || {
            (system.job(id)["state"] == "FINISHED").then_some(())
        });
    }
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let rate = count as f64 / took.as_secs_f64();
    say(&format!(
        "{count} jobs submitted in {submitted:.1?}, done in {took:.1?}: {rate:.1} a second; \
         after a fifth {} MiB and {} files, at the end {} MiB and {} files",
        early.0 >> 20,
        early.1,
        late.0 >> 20,
        late.1
    ));
    assert!(
        late.0 <= early.0 * 3 / 2 + (32 << 20),
        "memory grew from {early:?} to {late:?}"
    );
    assert!(
        late.1 <= early.1 + 32,
        "open files grew from {early:?} to {late:?}"
    );
    system.assert_clean();
}

/// Prints a figure for whoever ran this by command.
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
fn say(line: &str) {
    println!("{line}");
}

async fn with_stubs(count: usize) {
    let clip = tempfile::tempdir().unwrap();
    let clip: PathBuf = clip.path().join("clip.mp4");
    fs::create_dir_all(clip.parent().unwrap()).unwrap();
    make_clip(&clip, 1, "160x90");
    let programs = stubs(&clip);
    let ffmpeg = programs.path().join("ffmpeg").display().to_string();
    let system = System::start_with(&[
        ("NOMMER_FFMPEG__PATH", &ffmpeg),
        ("NOMMER_FFMPEG__SANDBOX", "off"),
        ("NOMMER_ENCODER__LEASE", "15s"),
        ("NOMMER_ENCODER__HEARTBEAT", "1s"),
        ("NOMMER_FLEET__JOBS_PER_INSTANCE", "4"),
        ("NOMMER_FLEET__MAX", "2"),
    ]);
    fs::copy(&clip, system.path("in.mp4")).unwrap();
    run(&system, count).await;
}

async fn with_ffmpeg(count: usize) {
    let system = System::start_with(&[
        ("NOMMER_ENCODER__LEASE", "15s"),
        ("NOMMER_ENCODER__HEARTBEAT", "1s"),
    ]);
    make_clip(&system.path("in.mp4"), 1, "160x90");
    run(&system, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_jobs_with_stub_work_are_all_done_and_memory_stays_flat() {
    with_stubs(1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo test -p nommer-tests -- --ignored --nocapture load"]
async fn ten_thousand_jobs_with_stub_work_are_all_done_and_memory_stays_flat() {
    with_stubs(10_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_jobs_with_ffmpeg_are_all_done_and_memory_stays_flat() {
    with_ffmpeg(100).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo test -p nommer-tests -- --ignored --nocapture load"]
async fn a_thousand_jobs_with_ffmpeg_are_all_done_and_memory_stays_flat() {
    with_ffmpeg(1_000).await;
}

/// From the death of an encoder to the next attempt at its job.
fn recovery(system: &System, name: &str) -> Duration {
    let id = system.submit(&json!({
        "source_path": file_url(&system.path("in.mp4")),
        "dest_path": file_url(&system.path(name)),
        "job_options": {"options": [{"outfile_options": [["c:v", "libx264"], ["preset", "veryslow"], ["an", null]]}]},
    }));
    system.in_pass(&id, 1);
    let [encoder] = system.encoders()[..] else {
        panic!("one encoder was expected")
    };
    signal("-KILL", &encoder.to_string());
    let begun = Instant::now();
    let took = eventually("the next attempt", || {
        let job = system.job(&id);
        (job["attempts"] == 2 && job["state"] != "PENDING").then(|| begun.elapsed())
    });
    let (status, answer) = system.http("POST", &format!("/v1/jobs/{id}/cancel"), None);
    assert_eq!(status, 202, "{answer}");
    eventually("an end", || {
        (system.job(&id)["state"] == "CANCELED").then_some(())
    });
    took
}

#[test]
#[ignore = "measures: cargo test -p nommer-tests -- --ignored --nocapture load::the_job"]
fn the_job_of_a_dead_encoder_runs_again_within_its_lease_and_two_seconds() {
    let lease = Duration::from_secs(2);
    let system = System::start_with(&[("NOMMER_FLEET__IDLE_TIMEOUT", "1s")]);
    make_clip(&system.path("in.mp4"), 20, "640x360");
    let mut times: Vec<Duration> = (0..100)
        .map(|number| recovery(&system, &format!("{number}.mp4")))
        .collect();
    times.sort_unstable();
    let (p50, p99) = (times[49], times[98]);
    say(&format!(
        "100 dead encoders, lease {lease:?}: p50 {p50:.2?}, p99 {p99:.2?}, at most {:.2?}",
        times[99]
    ));
    assert!(p99 <= lease + Duration::from_secs(2), "{times:?}");
}
