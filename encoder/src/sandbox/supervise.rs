//! The supervisor: starts the confined program, waits for it, and leaves nothing alive behind it.
//!
//! It is the leader of the process group. It ends the group when the program ends and when the encoder does, which it
//! sees as the end of file of its standard input: that works whichever way the encoder dies, and unlike a parent-death
//! signal does not depend on which of the encoder's threads started it.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::time::TimeVal;
use nix::unistd::{Pid, getpid, setpgid};

use super::control::{Event, Exit, Usage, helper_end, send};

/// The own process group, for `killpg`.
const OWN_GROUP: Pid = Pid::from_raw(0);

/// The supervisor's exit code when it could not start its second half; a verdict goes with it.
const NOT_STARTED: i32 = 125;

/// Runs the confined program to its end, then kills the process group, ourselves with it.
pub(super) fn run(args: impl Iterator<Item = OsString>) -> i32 {
    let Ok(control) = helper_end() else {
        return NOT_STARTED;
    };
    match supervise(args) {
        Ok(status) => send(
            &control,
            &Event::Exited(Exit {
                code: status.code(),
                signal: status.signal(),
                usage: usage(),
            }),
        ),
        Err(error) => {
            send(
                &control,
                &Event::Refused(format!("supervise the program: {error}")),
            );
        }
    }
    killpg(OWN_GROUP, Signal::SIGKILL).ok();
    NOT_STARTED
}

fn supervise(args: impl Iterator<Item = OsString>) -> io::Result<ExitStatus> {
    // The spawner has done this already, but a group that is not ours must never be killed.
    setpgid(getpid(), getpid())?;
    let mut program = Command::new("/proc/self/exe")
        .arg(super::CONFINE)
        .arg(getpid().to_string())
        .args(args)
        .spawn()?;
    // Signals to the group are meant for the program. They are blocked only now: one that comes earlier
    // ends the supervisor, and so the run, instead of getting lost.
    SigSet::all().thread_block()?;
    std::thread::Builder::new().spawn(die_with_the_encoder)?;
    program.wait()
}

/// Blocks until the encoder's end of the control socket is closed, then kills the group.
fn die_with_the_encoder() {
    let mut byte = [0];
    let mut control = io::stdin().lock();
    loop {
        match control.read(&mut byte) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
        }
    }
    killpg(OWN_GROUP, Signal::SIGKILL).ok();
}

fn usage() -> Option<Usage> {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    Some(Usage {
        cpu: duration(used.user_time())? + duration(used.system_time())?,
        // Linux counts in KiB.
        peak_memory_bytes: u64::try_from(used.max_rss()).ok()?.checked_mul(1024)?,
    })
}

fn duration(time: TimeVal) -> Option<Duration> {
    let secs = u64::try_from(time.tv_sec()).ok()?;
    let micros = u64::try_from(time.tv_usec()).ok()?;
    Some(Duration::from_secs(secs) + Duration::from_micros(micros))
}
