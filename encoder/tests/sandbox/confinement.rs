//! What must not work inside the sandbox.

use super::{
    Mode, bash, failed, ffmpeg, helper, invocation, job_with_clip, sandbox, succeeded, told,
};
use std::io::ErrorKind;
use std::net::TcpListener;

use nommer_encoder::child::{Outcome, SpawnError, capture};
use nommer_encoder::sandbox::{Network, Sandbox};
use tokio_util::sync::CancellationToken;

#[test]
fn the_probe_tells_what_this_machine_can_do() {
    let report = sandbox(Mode::Strict).probe().unwrap();
    assert!(report.landlock_abi >= 1, "{report:?}");
    assert!(report.seccomp && report.rlimits, "{report:?}");
    assert_ne!(report.network, Network::None);

    let off = sandbox(Mode::Off).probe().unwrap();
    assert_eq!(
        (off.landlock_abi, off.seccomp, off.network),
        (0, false, Network::None)
    );
}

#[test]
fn a_binary_that_is_no_helper_is_told_so() {
    let error = Sandbox::new(Mode::Strict, super::program("true"))
        .probe()
        .unwrap_err();
    assert!(
        error.to_string().contains("run_if_sandbox_helper"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_outside_the_job_folder_cannot_be_read() {
    let (job, elsewhere) = (tempfile::tempdir().unwrap(), job_with_clip().await);
    let canary = elsewhere.path().join("in.mp4");
    let args = [
        "-nostdin",
        "-v",
        "error",
        "-i",
        canary.to_str().unwrap(),
        "-c",
        "copy",
        "-y",
        "out.mp4",
    ];
    succeeded(&ffmpeg(Mode::Off, &args, job.path()).await);
    let denied = ffmpeg(Mode::Strict, &args, job.path()).await;
    failed(&denied);
    assert!(
        told(&denied).contains("Permission denied"),
        "{}",
        told(&denied)
    );

    let script = format!("read -N 8 word < {}", canary.display());
    succeeded(&bash(Mode::Off, &script, job.path()).await.0);
    failed(&bash(Mode::Strict, &script, job.path()).await.0);
}

#[tokio::test]
async fn a_link_out_of_the_job_folder_leads_nowhere() {
    let (job, elsewhere) = (tempfile::tempdir().unwrap(), job_with_clip().await);
    std::os::unix::fs::symlink(elsewhere.path().join("in.mp4"), job.path().join("in.mp4")).unwrap();
    let args = [
        "-nostdin", "-v", "error", "-i", "in.mp4", "-c", "copy", "-y", "out.mp4",
    ];
    succeeded(&ffmpeg(Mode::Off, &args, job.path()).await);
    failed(&ffmpeg(Mode::Strict, &args, job.path()).await);
}

#[tokio::test]
async fn secrets_of_the_machine_cannot_be_read() {
    let job = tempfile::tempdir().unwrap();
    for secret in [
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/1/cmdline",
        "/proc/self/maps",
    ] {
        let script = format!("read -N 1 word < {secret}");
        succeeded(&bash(Mode::Off, &script, job.path()).await.0);
        failed(&bash(Mode::Strict, &script, job.path()).await.0);
    }
}

#[tokio::test]
async fn nothing_outside_the_job_folder_can_be_written() {
    let (job, elsewhere) = (job_with_clip().await, tempfile::tempdir().unwrap());
    let target = elsewhere.path().join("out.mp4");
    let args = [
        "-nostdin",
        "-v",
        "error",
        "-i",
        "in.mp4",
        "-c",
        "copy",
        "-y",
        target.to_str().unwrap(),
    ];
    failed(&ffmpeg(Mode::Strict, &args, job.path()).await);
    assert!(!target.exists());
    succeeded(&ffmpeg(Mode::Off, &args, job.path()).await);
    assert!(target.exists());
}

#[tokio::test]
async fn the_network_is_out_of_reach() {
    let job = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let hit = || match listener.accept() {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("accept: {error}"),
    };
    let url = format!("http://127.0.0.1:{port}/x");
    let fetch = [
        "-nostdin",
        "-v",
        "error",
        "-rw_timeout",
        "300000",
        "-i",
        &url,
        "out.mp4",
    ];
    let script = format!("echo > /dev/tcp/127.0.0.1/{port}");

    failed(&ffmpeg(Mode::Off, &fetch, job.path()).await);
    assert!(
        hit(),
        "the unconfined fetch must arrive, or this test shows nothing"
    );
    succeeded(&bash(Mode::Off, &script, job.path()).await.0);
    assert!(
        hit(),
        "the unconfined connection must arrive, or this test shows nothing"
    );

    for mode in [Mode::BestEffort, Mode::Strict] {
        failed(&ffmpeg(mode, &fetch, job.path()).await);
        failed(&bash(mode, &script, job.path()).await.0);
        assert!(!hit(), "{mode:?}");
    }
}

#[tokio::test]
async fn no_process_can_be_started_or_signaled() {
    let job = tempfile::tempdir().unwrap();
    let own = std::process::id();
    for script in [
        "(true)".to_owned(),
        "/usr/bin/env true".to_owned(),
        "exec /usr/bin/env".to_owned(),
        "exec /lib64/ld-linux-x86-64.so.2 --bogus; false".to_owned(),
        format!("kill -0 {own}"),
        "kill -0 0".to_owned(),
    ] {
        failed(&bash(Mode::Strict, &script, job.path()).await.0);
    }
    succeeded(
        &bash(Mode::Off, &format!("(true) && kill -0 {own}"), job.path())
            .await
            .0,
    );
}

#[tokio::test]
async fn only_the_named_environment_is_there() {
    let job = tempfile::tempdir().unwrap();
    let command = invocation("env", &[], job.path());
    let (finished, printed) = capture(
        &sandbox(Mode::Strict),
        &command,
        &CancellationToken::new(),
        super::CAP,
    )
    .await;
    succeeded(&finished);
    let text = String::from_utf8(printed.bytes).unwrap();
    let mut names: Vec<_> = text
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "PATH", "TMPDIR"]);
}

#[tokio::test]
async fn limits_end_what_exceeds_them() {
    let job = tempfile::tempdir().unwrap();
    let mut command = invocation(
        "bash",
        &["-c", "while :; do echo 0123456789; done > out"],
        job.path(),
    );
    command.limits.file_bytes = Some(10_000);
    let (finished, _) = capture(
        &sandbox(Mode::Strict),
        &command,
        &CancellationToken::new(),
        0,
    )
    .await;
    failed(&finished);
    assert_eq!(job.path().join("out").metadata().unwrap().len(), 10_000);
}

#[tokio::test]
async fn standard_input_is_empty() {
    let job = tempfile::tempdir().unwrap();
    let (finished, _) = bash(Mode::Strict, "! read -N 1 byte", job.path()).await;
    succeeded(&finished);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_missing() {
    let job = tempfile::tempdir().unwrap();
    let mut command = invocation("true", &[], job.path());
    for path in ["/nonexistent/ffmpeg", "ffmpeg"] {
        command.program = path.into();
        let (finished, _) = capture(
            &sandbox(Mode::Strict),
            &command,
            &CancellationToken::new(),
            0,
        )
        .await;
        assert!(
            matches!(
                finished.outcome,
                Outcome::SpawnFailed(SpawnError::Missing { .. })
            ),
            "{}",
            told(&finished)
        );
    }
}

#[tokio::test]
async fn a_helper_that_is_not_there_is_told() {
    let job = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(Mode::Strict, helper().join("nonexistent"));
    let command = invocation("true", &[], job.path());
    let (finished, _) = capture(&sandbox, &command, &CancellationToken::new(), 0).await;
    assert!(
        matches!(
            finished.outcome,
            Outcome::SpawnFailed(SpawnError::Helper { .. })
        ),
        "{}",
        told(&finished)
    );
}
