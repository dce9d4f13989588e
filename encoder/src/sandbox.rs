//! The sandbox around every ffmpeg and ffprobe process.
//!
//! It holds even when the option allowlist fails: media parsers are assumed to be exploitable, so what runs inside may
//! read system libraries and its job folder, write its job folder, and nothing else: no network, no other process, no
//! new process. Our own binary is the helper, in two roles:
//!
//! ```text
//! encoder ── control socket ──► supervise (own process group) ──► confine ══ exec ══► ffmpeg
//! ```
//!
//! The supervisor stays outside the sandbox, holds the control socket as its standard input and kills the process group
//! as soon as the other end closes, so that nothing outlives an encoder that was killed. The second role puts the layers
//! on itself, then becomes the program. Linux only. This module never decides what ffmpeg is asked to do.

mod cgroup;
mod confine;
pub(crate) mod control;
mod core_dumps;
mod elf;
mod files;
mod rlimits;
mod supervise;
mod syscalls;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

pub use cgroup::Cgroup;
pub use control::{Control, Usage, Verdict};
pub use core_dumps::forbid_core_dumps;
pub use rlimits::Limits;

/// The first argument that makes our binary the supervisor.
const SUPERVISE: &str = "__sandbox";
/// The first argument that makes our binary confine itself and become the program.
const CONFINE: &str = "__sandbox-confine";
/// The first argument that makes our binary do nothing, successfully: what [`Sandbox::probe`] runs.
const IDLE: &str = "__sandbox-idle";

/// The `PATH` inside the sandbox. Nothing is looked up in it; some libraries complain without one.
const INNER_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// How much of the sandbox is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Refuse to run unless Landlock, seccomp and the denial of the network are all in force.
    Strict,
    /// Apply what the kernel offers, and run.
    BestEffort,
    /// Apply resource limits and the death watch only.
    Off,
}

/// How the network is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The program is alone in an empty network namespace (and seccomp denies sockets, when it is in force).
    Namespace,
    /// Seccomp denies every socket; the host's network namespace is shared.
    Seccomp,
    /// The network is not denied.
    None,
}

/// What the sandbox could apply to one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// The mode that was asked for.
    pub mode: Mode,
    /// The kernel's Landlock version in force: 0 is none, 1 confines files, 3 also truncation, 4 also TCP, 6 also signals.
    pub landlock_abi: u32,
    /// Whether the system call filter is in force.
    pub seccomp: bool,
    /// How the network is denied.
    pub network: Network,
    /// Whether the program runs in a user namespace of its own, where it holds no capability over the host.
    pub user_namespace: bool,
    /// Whether the resource limits are in force.
    pub rlimits: bool,
    /// The memory limit of the control group that the encoder runs in. It is the service manager's, not ours.
    pub cgroup: Cgroup,
}

/// What the helper needs to know besides the program, its arguments and its folder; travels in its argument vector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Policy {
    mode: Mode,
    limits: Limits,
    read_only: Vec<PathBuf>,
}

/// Why a sandbox could not be tried out.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The helper could not be started at all.
    #[error("start the sandbox helper `{}`", helper.display())]
    Helper {
        /// The binary that was tried.
        helper: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The helper refused to run anything here, which is what strict mode does without its layers.
    #[error("the sandbox refused to run: {why}")]
    Refused {
        /// The missing layers.
        why: String,
    },
    /// The helper ended without saying what it applied.
    #[error("the sandbox helper `{}` said nothing; does its `main` call `run_if_sandbox_helper` first?", helper.display())]
    Silent {
        /// The binary that was tried.
        helper: PathBuf,
    },
}

/// Makes commands that run inside the sandbox.
#[derive(Debug, Clone)]
pub struct Sandbox {
    mode: Mode,
    helper: PathBuf,
    read_only: Vec<PathBuf>,
}

impl Sandbox {
    /// A sandbox whose helper is the binary `helper`, which must call [`run_if_sandbox_helper`] first thing in `main`.
    ///
    /// `/proc/self/exe` names the running binary even after an upgrade has replaced it on disk.
    pub fn new(mode: Mode, helper: PathBuf) -> Self {
        Self {
            mode,
            helper,
            read_only: Vec::new(),
        }
    }

    /// Lets programs also read these files and folders: fonts, or the libraries of an ffmpeg outside `/usr`.
    #[must_use]
    pub fn with_read_only(mut self, paths: Vec<PathBuf>) -> Self {
        self.read_only = paths;
        self
    }

    /// A command that runs `program` in `job_dir` inside the sandbox, and the control socket to hold while it runs.
    ///
    /// `program` is an absolute path to the executable itself: a wrapper script cannot start its interpreter inside.
    /// Standard output and error are the caller's to set; standard input is taken. Dropping the control socket kills
    /// the whole process group. Drop the command once it is spawned, or the socket never reads as closed.
    /// Fails when a path of [`Sandbox::with_read_only`] is not UTF-8 or the process is out of file descriptors.
    pub fn command(
        &self,
        program: &Path,
        args: &[OsString],
        job_dir: &Path,
        limits: &Limits,
    ) -> io::Result<(Command, Control)> {
        let policy = Policy {
            mode: self.mode,
            limits: limits.clone(),
            read_only: self.read_only.clone(),
        };
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&self.helper);
        command
            .arg(SUPERVISE)
            .arg(serde_json::to_string(&policy)?)
            .arg(program)
            .args(args)
            .current_dir(job_dir)
            .env_clear()
            .env("PATH", INNER_PATH)
            .env("LANG", "C")
            .env("HOME", job_dir)
            .env("TMPDIR", job_dir)
            .stdin(OwnedFd::from(theirs))
            .process_group(0);
        Ok((command, Control::new(ours)))
    }

    /// Runs the helper once on a program that does nothing, and says what could be applied on this machine.
    pub fn probe(&self) -> Result<SandboxReport, ProbeError> {
        let verdict = self.try_idle().map_err(|source| ProbeError::Helper {
            helper: self.helper.clone(),
            source,
        })?;
        match (verdict.refused, verdict.report) {
            (Some(why), _) => Err(ProbeError::Refused { why }),
            (None, Some(report)) => Ok(report),
            (None, None) => Err(ProbeError::Silent {
                helper: self.helper.clone(),
            }),
        }
    }

    fn try_idle(&self) -> io::Result<Verdict> {
        let program = self.helper.canonicalize()?;
        let (mut command, control) = self.command(
            &program,
            &[IDLE.into()],
            &std::env::temp_dir(),
            &Limits::default(),
        )?;
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        child.wait()?;
        Ok(control.finish())
    }
}

/// Plays the sandbox helper and never returns, when the process was started as one; returns at once otherwise.
///
/// To be called first in `main`, before any thread exists: a user namespace can be entered by single-threaded
/// processes only, and the layers bind the calling thread.
#[expect(
    clippy::exit,
    reason = "the helper is a program of its own and has nothing to unwind to"
)]
pub fn run_if_sandbox_helper() {
    let mut args = std::env::args_os().skip(1);
    let role = args.next();
    let code = match role.as_deref().and_then(OsStr::to_str) {
        Some(SUPERVISE) => supervise::run(args),
        Some(CONFINE) => confine::run(args),
        Some(IDLE) => 0,
        _ => return,
    };
    std::process::exit(code)
}
