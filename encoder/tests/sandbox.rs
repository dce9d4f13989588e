//! The sandbox and the child process layer, with real programs: ffmpeg, ffprobe, bash and what coreutils offer.
//!
//! Each denial has a counterpart that shows the same act succeeding with the sandbox off, or inside the job folder.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail their test, and the doomed encoder reports on standard output"
)]

#[path = "sandbox/confinement.rs"]
mod confinement;
#[path = "sandbox/encoding.rs"]
mod encoding;
#[path = "sandbox/ending.rs"]
mod ending;
#[path = "sandbox/orphans.rs"]
mod orphans;

use std::ffi::OsStr;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nommer_encoder::child::{
    Captured, Finished, Invocation, Outcome, Patience, Pulse, capture, find_program, follow,
};
use nommer_encoder::sandbox::{Limits, Mode, Sandbox};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The most that a command of these tests may print.
const CAP: usize = 1024 * 1024;

fn sandbox(mode: Mode) -> Sandbox {
    Sandbox::new(mode, helper())
}

fn helper() -> PathBuf {
    env!("CARGO_BIN_EXE_nommer-encoder").into()
}

fn program(name: &str) -> PathBuf {
    find_program(name, OsStr::new("/usr/local/bin:/usr/bin:/bin"))
        .unwrap_or_else(|| panic!("these tests need {name} to be installed"))
}

/// A command in a job folder, with limits that only a failing test meets.
fn invocation(name: &str, args: &[&str], job_dir: &Path) -> Invocation {
    Invocation {
        program: program(name),
        args: args.iter().map(Into::into).collect(),
        job_dir: job_dir.to_owned(),
        limits: Limits::default(),
        patience: Patience {
            stall: Duration::from_mins(1),
            wall: Duration::from_mins(2),
            grace: Duration::from_secs(10),
        },
    }
}

/// Runs bash, whose builtins make the system calls that these tests are about.
async fn bash(mode: Mode, script: &str, job_dir: &Path) -> (Finished, Captured) {
    let command = invocation("bash", &["-c", script], job_dir);
    capture(&sandbox(mode), &command, &CancellationToken::new(), CAP).await
}

async fn ffmpeg(mode: Mode, args: &[&str], job_dir: &Path) -> Finished {
    let command = invocation("ffmpeg", args, job_dir);
    let mut ignore = |_: &str| Pulse::Advanced;
    follow(
        &sandbox(mode),
        &command,
        &CancellationToken::new(),
        &mut ignore,
    )
    .await
}

/// A job folder with a one-second clip in it, `in.mp4`, made with the sandbox off.
async fn job_with_clip() -> TempDir {
    let job = tempfile::tempdir().unwrap();
    let made = ffmpeg(
        Mode::Off,
        &[
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=d=1:s=128x96:r=10",
            "-f",
            "lavfi",
            "-i",
            "sine=d=1",
            "-c:v",
            "libx264",
            "-c:a",
            "aac",
            "-shortest",
            "in.mp4",
        ],
        job.path(),
    )
    .await;
    succeeded(&made);
    job
}

#[track_caller]
fn succeeded(finished: &Finished) {
    assert!(
        matches!(finished.outcome, Outcome::Success),
        "{}",
        told(finished)
    );
}

#[track_caller]
fn failed(finished: &Finished) {
    assert!(
        matches!(finished.outcome, Outcome::Failed { .. }),
        "{}",
        told(finished)
    );
}

fn told(finished: &Finished) -> String {
    let outcome: &dyn Debug = &finished.outcome;
    format!("{outcome:?} {:?}\n{}", finished.sandbox, finished.stderr)
}
