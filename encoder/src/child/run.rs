//! The loop around one running program: reads its pipes, watches its clocks, ends it and says how it ended.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::clocks::{Clocks, Stop};
use super::group::Group;
use super::output::{Outputs, Stdout};
use super::{Finished, Invocation, Outcome, Patience, Pulse, SpawnError, Tail};
use crate::sandbox::{Control, Sandbox, Verdict};

/// How long the pipes may stay open after the process group has ended.
///
/// Only a process that has left the group can hold them, which the sandbox prevents unless it is off.
const DRAIN: Duration = Duration::from_secs(2);

/// Runs a program to its end.
pub(super) async fn run(
    sandbox: &Sandbox,
    invocation: &Invocation,
    cancel: &CancellationToken,
    stdout: Stdout<'_>,
) -> Finished {
    let started = Instant::now();
    let (mut leader, control) = match spawn(sandbox, invocation) {
        Ok(spawned) => spawned,
        Err(error) => return not_started(error, started),
    };
    let mut outputs = Outputs::new(leader.stdout.take(), leader.stderr.take(), stdout);
    let stop = watch(
        Group::new(leader),
        invocation.patience,
        cancel,
        &mut outputs,
    )
    .await;
    let verdict = control.finish();
    Finished {
        outcome: outcome(invocation, stop, &verdict),
        stderr: outputs.into_tail(),
        usage: verdict.exit.and_then(|exit| exit.usage),
        sandbox: verdict.report,
        elapsed: started.elapsed(),
    }
}

fn not_started(error: SpawnError, started: Instant) -> Finished {
    Finished {
        outcome: Outcome::SpawnFailed(error),
        stderr: Tail::default(),
        usage: None,
        sandbox: None,
        elapsed: started.elapsed(),
    }
}

fn spawn(sandbox: &Sandbox, invocation: &Invocation) -> Result<(Child, Control), SpawnError> {
    if !invocation.program.is_absolute() {
        return Err(SpawnError::Missing {
            program: invocation.program.clone(),
        });
    }
    try_spawn(sandbox, invocation).map_err(|source| SpawnError::Helper {
        job_dir: invocation.job_dir.clone(),
        source,
    })
}

fn try_spawn(sandbox: &Sandbox, invocation: &Invocation) -> io::Result<(Child, Control)> {
    let (command, control) = sandbox.command(
        &invocation.program,
        &invocation.args,
        &invocation.job_dir,
        &invocation.limits,
    )?;
    let leader = Command::from(command)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok((leader, control))
}

/// Waits for the program's end, or brings it about and says why.
async fn watch(
    mut group: Group,
    patience: Patience,
    cancel: &CancellationToken,
    outputs: &mut Outputs<'_>,
) -> Option<Stop> {
    let mut clocks = Clocks::new(patience, Instant::now());
    let mut ended = false;
    while !ended {
        // In this order, so that a flood of output cannot hold up the clocks.
        tokio::select! {
            biased;
            _ = group.wait() => ended = true,
            () = cancel.cancelled(), if clocks.running() => clocks.stop(&group, Stop::Canceled),
            () = sleep_until(clocks.next()) => ended = clocks.ring(&group),
            pulse = outputs.read() => {
                if pulse == Pulse::Advanced {
                    clocks.advanced();
                }
            }
        }
    }
    // Whatever is missing after that was not the program's.
    timeout(DRAIN, outputs.read_to_end()).await.ok();
    clocks.stopped()
}

/// What became of the program: our reason for ending it, or else what the helper saw.
fn outcome(invocation: &Invocation, stop: Option<Stop>, verdict: &Verdict) -> Outcome {
    match stop {
        Some(Stop::Canceled) => return Outcome::Canceled,
        Some(Stop::Stalled) => return Outcome::Stalled,
        Some(Stop::TimedOut) => return Outcome::TimedOut,
        None => {}
    }
    if let Some(error) = spawn_error(invocation, verdict) {
        return Outcome::SpawnFailed(error);
    }
    match verdict.exit {
        Some(exit) if exit.code == Some(0) => Outcome::Success,
        Some(exit) => Outcome::Failed {
            code: exit.code,
            signal: exit.signal,
        },
        // The helper was killed, and the program with it.
        None => Outcome::Failed {
            code: None,
            signal: Some(Signal::SIGKILL as i32),
        },
    }
}

fn spawn_error(invocation: &Invocation, verdict: &Verdict) -> Option<SpawnError> {
    let program = invocation.program.clone();
    if let Some(why) = &verdict.refused {
        return Some(SpawnError::Refused { why: why.clone() });
    }
    let source = io::Error::from_raw_os_error(verdict.exec_errno?);
    Some(match source.kind() {
        io::ErrorKind::NotFound => SpawnError::Missing { program },
        _ => SpawnError::Exec { program, source },
    })
}
