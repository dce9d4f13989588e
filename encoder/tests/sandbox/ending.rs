//! How runs end before their time, and that their memory is bounded.

use super::{Mode, bash, failed, invocation, sandbox, succeeded, told};
use std::path::Path;
use std::time::{Duration, Instant};

use nommer_encoder::child::{
    Finished, Invocation, MAX_TAIL_BYTES, Outcome, Pulse, capture, follow,
};
use tokio_util::sync::CancellationToken;

/// Waits without working, and shrugs off the request to end.
const STUBBORN: &str = "trap '' TERM; echo ready; exec sleep 1000";

fn stubborn(job_dir: &Path) -> Invocation {
    let mut command = invocation("bash", &["-c", STUBBORN], job_dir);
    command.patience.grace = Duration::from_millis(300);
    command
}

/// Runs a command with the sandbox off (what ends a run is the same in every mode) and cancels it when it prints.
async fn run(command: &Invocation, cancel_at_output: bool) -> Finished {
    let cancel = CancellationToken::new();
    let mut on_line = |_: &str| {
        if cancel_at_output {
            cancel.cancel();
        }
        Pulse::Unchanged
    };
    follow(&sandbox(Mode::Off), command, &cancel, &mut on_line).await
}

#[tokio::test]
async fn a_stalled_program_that_ignores_the_request_is_killed() {
    let job = tempfile::tempdir().unwrap();
    let mut command = stubborn(job.path());
    command.patience.stall = Duration::from_millis(800);
    let finished = run(&command, false).await;
    assert!(
        matches!(finished.outcome, Outcome::Stalled),
        "{}",
        told(&finished)
    );
    assert!(
        finished.elapsed >= Duration::from_millis(1100),
        "{:?}",
        finished.elapsed
    );
}

#[tokio::test]
async fn a_stopped_program_has_stalled() {
    let job = tempfile::tempdir().unwrap();
    let mut command = invocation("bash", &["-c", "kill -STOP $$"], job.path());
    command.patience.stall = Duration::from_millis(800);
    command.patience.grace = Duration::from_millis(300);
    let finished = run(&command, false).await;
    assert!(
        matches!(finished.outcome, Outcome::Stalled),
        "{}",
        told(&finished)
    );
}

#[tokio::test]
async fn a_program_that_works_in_silence_has_not_stalled() {
    let job = tempfile::tempdir().unwrap();
    let mut command = invocation("bash", &["-c", "while :; do :; done"], job.path());
    command.patience.stall = Duration::from_millis(500);
    command.patience.wall = Duration::from_millis(2000);
    let finished = run(&command, false).await;
    assert!(
        matches!(finished.outcome, Outcome::TimedOut),
        "{}",
        told(&finished)
    );
}

#[tokio::test]
async fn a_canceled_program_gets_the_time_to_end_well() {
    let job = tempfile::tempdir().unwrap();
    let script = "trap 'echo bye >&2; exit 0' TERM; echo ready; while :; do :; done";
    let finished = run(&invocation("bash", &["-c", script], job.path()), true).await;
    assert!(
        matches!(finished.outcome, Outcome::Canceled),
        "{}",
        told(&finished)
    );
    assert_eq!(finished.stderr.to_string(), "bye\n");
}

#[tokio::test]
async fn a_canceled_program_that_ignores_it_is_killed() {
    let job = tempfile::tempdir().unwrap();
    let finished = run(&stubborn(job.path()), true).await;
    assert!(
        matches!(finished.outcome, Outcome::Canceled),
        "{}",
        told(&finished)
    );
}

#[tokio::test]
async fn a_token_canceled_beforehand_ends_the_run_at_once() {
    let job = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    cancel.cancel();
    let command = invocation("sleep", &["1000"], job.path());
    let (finished, _) = capture(&sandbox(Mode::Strict), &command, &cancel, 0).await;
    assert!(
        matches!(finished.outcome, Outcome::Canceled),
        "{}",
        told(&finished)
    );
    assert!(
        finished.elapsed < command.patience.grace,
        "{:?}",
        finished.elapsed
    );
}

#[tokio::test]
async fn exit_codes_and_signals_are_told_apart() {
    let job = tempfile::tempdir().unwrap();
    for (script, expected) in [
        ("exit 234", (Some(234), None)),
        ("kill -SEGV $$", (None, Some(11))),
        ("kill -KILL $$", (None, Some(9))),
    ] {
        for mode in [Mode::Off, Mode::Strict] {
            let (finished, _) = bash(mode, script, job.path()).await;
            let Outcome::Failed { code, signal } = finished.outcome else {
                panic!("{script}: {}", told(&finished));
            };
            assert_eq!((code, signal), expected, "{script} {mode:?}");
        }
    }
}

#[tokio::test]
async fn what_the_program_leaves_running_ends_with_it() {
    let job = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let (finished, printed) = bash(Mode::Off, "sleep 1000 & echo $!", job.path()).await;
    succeeded(&finished);
    assert!(started.elapsed() < Duration::from_secs(60));
    let left = String::from_utf8(printed.bytes).unwrap();
    gone(left.trim()).await;
}

#[tokio::test]
async fn dropping_the_run_kills_the_group() {
    let job = tempfile::tempdir().unwrap();
    let command = invocation("bash", &["-c", "sleep 1000 & echo $$ $!; wait"], job.path());
    let (report, mut reported) = tokio::sync::mpsc::unbounded_channel();
    let (sandbox, cancel) = (sandbox(Mode::Off), CancellationToken::new());
    let mut on_line = |line: &str| {
        report.send(line.to_owned()).unwrap();
        Pulse::Advanced
    };
    let pids = tokio::select! {
        finished = follow(&sandbox, &command, &cancel, &mut on_line) => panic!("{}", told(&finished)),
        line = reported.recv() => line.unwrap(),
    };
    for pid in pids.split(' ') {
        gone(pid).await;
    }
}

#[tokio::test]
async fn an_endless_standard_error_keeps_its_end_only() {
    let job = tempfile::tempdir().unwrap();
    let script = "exec yes 'an endless complaint' >&2";
    let mut command = invocation("bash", &["-c", script], job.path());
    command.patience.wall = Duration::from_millis(1500);
    let finished = run(&command, false).await;
    assert!(
        matches!(finished.outcome, Outcome::TimedOut),
        "{:?}",
        finished.outcome
    );
    let text = finished.stderr.to_string();
    assert!(
        (1..=MAX_TAIL_BYTES).contains(&text.len()),
        "{} bytes",
        text.len()
    );
    assert!(finished.stderr.left_out() > 0);
}

#[tokio::test]
async fn an_endless_standard_output_is_cut() {
    let job = tempfile::tempdir().unwrap();
    let mut command = invocation("yes", &[], job.path());
    command.patience.wall = Duration::from_millis(1500);
    let cancel = CancellationToken::new();
    let (finished, printed) = capture(&sandbox(Mode::Strict), &command, &cancel, 1000).await;
    assert!(
        matches!(finished.outcome, Outcome::TimedOut),
        "{:?}",
        finished.outcome
    );
    assert_eq!((printed.bytes.len(), printed.truncated), (1000, true));
}

#[tokio::test]
async fn a_failure_keeps_its_message() {
    let job = tempfile::tempdir().unwrap();
    let finished = super::ffmpeg(
        Mode::Strict,
        &["-v", "error", "-i", "absent.mp4"],
        job.path(),
    )
    .await;
    failed(&finished);
    assert!(
        finished.stderr.to_string().contains("absent.mp4"),
        "{}",
        finished.stderr
    );
}

/// Waits until a process is gone or a corpse, which takes the kernel a moment.
async fn gone(pid: &str) {
    super::orphans::gone_within(Duration::from_secs(10), pid).await;
}
