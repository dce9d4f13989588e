//! An encoder that is killed takes its programs with it.

use super::{Mode, invocation, sandbox};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nommer_encoder::child::{Pulse, follow};
use tokio_util::sync::CancellationToken;

/// Tells the doomed encoder its job folder.
const JOB_DIR: &str = "NOMMER_TEST_JOB_DIR";
/// And the mode of its sandbox.
const MODE: &str = "NOMMER_TEST_MODE";

/// The time in which all must be gone.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test]
async fn killing_the_encoder_kills_the_program_and_its_children() {
    check("off", "sleep 1000 & echo pids $$ $! $PPID; wait").await;
}

#[tokio::test]
async fn killing_the_encoder_kills_the_confined_program() {
    check("strict", "echo pids $$ $PPID; while :; do :; done").await;
}

/// Starts this test binary again as an encoder that runs `script`, kills it, and looks for the processes it told of.
async fn check(mode: &str, script: &str) {
    let job = tempfile::tempdir().unwrap();
    std::fs::write(job.path().join("script"), script).unwrap();
    let mut encoder = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "orphans::doomed_encoder",
            "--nocapture",
        ])
        .env(JOB_DIR, job.path())
        .env(MODE, mode)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(encoder.stdout.take().unwrap());
    let pids = output
        .lines()
        .map(Result::unwrap)
        .find_map(|line| Some(line.split_once("pids ")?.1.to_owned()))
        .expect("the doomed encoder tells its processes");
    for pid in pids.split(' ') {
        assert!(is_alive(pid), "{pid} of {pids}");
    }
    encoder.kill().unwrap();
    let killed = Instant::now();
    encoder.wait().unwrap();
    for pid in pids.split(' ') {
        gone_within(SOON.saturating_sub(killed.elapsed()), pid).await;
    }
}

#[tokio::test]
#[ignore = "it is the encoder that the tests above start and kill"]
async fn doomed_encoder() {
    let job = PathBuf::from(std::env::var_os(JOB_DIR).expect("the tests above set it"));
    let mode = match std::env::var(MODE).as_deref() {
        Ok("off") => Mode::Off,
        _ => Mode::Strict,
    };
    let mut print = |line: &str| {
        println!("{line}");
        Pulse::Advanced
    };
    let command = invocation("bash", &["script"], &job);
    follow(
        &sandbox(mode),
        &command,
        &CancellationToken::new(),
        &mut print,
    )
    .await;
}

/// Waits until a process is gone or a corpse, and fails when it takes longer than `limit`.
pub(crate) async fn gone_within(limit: Duration, pid: &str) {
    let gone = async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(limit, gone)
        .await
        .unwrap_or_else(|_| panic!("{pid} lives on"));
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}
