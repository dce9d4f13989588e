//! The second half of the helper: puts the layers on itself and becomes the program.
//!
//! The user id stays: the job folder belongs to it, and the layers take everything else from it. Capabilities go in
//! every mode but `Off`, so that an encoder run by root does not run ffmpeg as root in more than name.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::{set_no_new_privs, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode as FileMode, umask};
use nix::unistd::{Pid, getppid};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use super::control::{Event, helper_end, send};
use super::{Mode, Network, Policy, SandboxReport, cgroup, files, rlimits, syscalls};

/// The exit code when the program was not started; a verdict goes with it.
const NOT_STARTED: i32 = 125;

/// The program's share in the choice of whom to kill when memory runs out, from -1000 to 1000 (`proc(5)`).
///
/// High, so that the kernel takes ffmpeg and leaves the encoder alive to report it.
const OOM_SCORE_ADJ: &str = "900";

/// Becomes the program; returns only when that failed.
pub(super) fn run(args: impl Iterator<Item = OsString>) -> i32 {
    let Ok(control) = helper_end() else {
        return NOT_STARTED;
    };
    let Err(event) = become_program(args, &control);
    send(&control, &event);
    NOT_STARTED
}

fn become_program(
    mut args: impl Iterator<Item = OsString>,
    control: &File,
) -> Result<Infallible, Event> {
    let (Some(supervisor), Some(policy), Some(program)) = (
        args.next().and_then(|text| text.to_str()?.parse().ok()),
        args.next()
            .and_then(|text| serde_json::from_str(text.to_str()?).ok()),
        args.next().map(PathBuf::from),
    ) else {
        return Err(refused("its arguments are not the supervisor's"));
    };
    // The executable's own name decides what it does in multi-call binaries, so both names are needed.
    let executable = program.canonicalize().map_err(exec_failed)?;
    let report = apply(&policy, &executable, Pid::from_raw(supervisor))?;
    send(control, &Event::Applied(report));
    Err(exec_failed(
        Command::new(executable)
            .arg0(program)
            .args(args)
            .stdin(Stdio::null())
            .exec(),
    ))
}

/// Puts on the layers, each after those that need what it takes away.
fn apply(policy: &Policy, executable: &Path, supervisor: Pid) -> Result<SandboxReport, Event> {
    umask(FileMode::from_bits_truncate(0o077));
    // The kernel may forbid it (a container's score can be pinned); the run is as safe without.
    std::fs::write("/proc/self/oom_score_adj", OOM_SCORE_ADJ).ok();
    let cgroup = cgroup::current();
    let namespaces = match policy.mode {
        Mode::Off => Namespaces::default(),
        Mode::Strict | Mode::BestEffort => enter_namespaces(),
    };
    rlimits::apply(&policy.limits, namespaces.user)
        .map_err(|error| refused(&format!("set the resource limits: {error}")))?;
    set_no_new_privs().map_err(|error| refused(&format!("forbid new privileges: {error}")))?;
    // After the change of credentials above, which would clear it; before the calls below forbid it.
    die_with(supervisor)?;
    let mut report = SandboxReport {
        mode: policy.mode,
        landlock_abi: 0,
        seccomp: false,
        network: Network::None,
        user_namespace: namespaces.user,
        rlimits: true,
        cgroup,
    };
    if policy.mode != Mode::Off {
        let capless = drop_capabilities();
        let landlock = files::restrict(executable, &policy.read_only);
        let seccomp = syscalls::restrict();
        if policy.mode == Mode::Strict {
            require("drop the capabilities", &capless)?;
            require("confine files by Landlock", &landlock)?;
            require("filter system calls by seccomp", &seccomp)?;
        }
        report.landlock_abi = landlock.unwrap_or(0);
        report.seccomp = seccomp.is_ok();
        report.network = match (namespaces.network, report.seccomp) {
            (true, _) => Network::Namespace,
            (false, true) => Network::Seccomp,
            (false, false) => Network::None,
        };
    }
    Ok(report)
}

/// Asks to be killed with the supervisor, which is the encoder's lifeline.
fn die_with(supervisor: Pid) -> Result<(), Event> {
    set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| refused(&format!("tie its life to the supervisor's: {error}")))?;
    if getppid() == supervisor {
        Ok(())
    } else {
        Err(refused("its supervisor is gone"))
    }
}

/// The namespaces that were entered.
#[derive(Debug, Default, Clone, Copy)]
struct Namespaces {
    user: bool,
    network: bool,
}

/// Enters empty namespaces, with the help of a user namespace or by privilege, or else stays where it is.
///
/// The user namespace gets no id mapping: the program keeps its real owner on disk and loses its capabilities at `exec`.
fn enter_namespaces() -> Namespaces {
    let own = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
    if unshare(own | CloneFlags::CLONE_NEWUSER).is_ok() {
        return Namespaces {
            user: true,
            network: true,
        };
    }
    Namespaces {
        user: false,
        network: unshare(own).is_ok(),
    }
}

fn drop_capabilities() -> io::Result<()> {
    let none = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )?;
    Ok(())
}

fn require<T, E: std::fmt::Display>(layer: &str, applied: &Result<T, E>) -> Result<(), Event> {
    match applied {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(&format!("{layer}: {error}"))),
    }
}

fn refused(why: &str) -> Event {
    Event::Refused(why.to_owned())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the argument of map_err"
)]
fn exec_failed(error: io::Error) -> Event {
    match error.raw_os_error() {
        Some(errno) => Event::ExecFailed(errno),
        // Not the system's answer: an argument with a zero byte.
        None => refused(&error.to_string()),
    }
}
