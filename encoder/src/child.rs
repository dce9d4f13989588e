//! Runs one ffmpeg or ffprobe command to its end, whatever that end is.
//!
//! The command is an argument vector, never a shell's; it runs in its job folder, in a process group of its own, inside
//! the [`Sandbox`]. It is watched for stalls and for time, ended on demand, and leaves no process behind: not when the
//! future is dropped, and not when the encoder is killed. This module reads no meaning into what the program prints.

mod clocks;
mod group;
mod lines;
mod output;
mod run;
mod stall;
mod tail;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::sandbox::{Limits, Sandbox, SandboxReport, Usage};
use output::Stdout;

pub use lines::MAX_LINE_BYTES;
pub use tail::{MAX_TAIL_BYTES, Tail};

/// One command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The executable itself, as an absolute path: see [`find_program`].
    pub program: PathBuf,
    /// Its arguments, without the program's name.
    pub args: Vec<OsString>,
    /// The folder it runs in and may write to, as an absolute path. It is also its `HOME` and `TMPDIR`.
    pub job_dir: PathBuf,
    /// What it may use.
    pub limits: Limits,
    /// How long it may take.
    pub patience: Patience,
}

/// How long a program may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Time without progress and without work after which it counts as stalled.
    pub stall: Duration,
    /// Time from start to end, all told.
    pub wall: Duration,
    /// Time between the request to end and the kill.
    pub grace: Duration,
}

impl Default for Patience {
    /// Two minutes for a stall, as a slow disk may block for one; ten seconds to end, in which ffmpeg can
    /// finish a file; a day in all, for callers that cannot tell from the duration of the media.
    fn default() -> Self {
        Self {
            stall: Duration::from_mins(2),
            wall: Duration::from_hours(24),
            grace: Duration::from_secs(10),
        }
    }
}

/// What a line of progress says about the program's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    /// It got on: `out_time` or `total_size` grew.
    Advanced,
    /// It only talked.
    Unchanged,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// The program ended with code 0.
    Success,
    /// The program ended otherwise.
    ///
    /// Signal 9 without our doing is most often the kernel's, out of memory.
    Failed {
        /// Its exit code, when it ended by itself.
        code: Option<i32>,
        /// The signal that ended it, otherwise.
        signal: Option<i32>,
    },
    /// The caller's token was canceled.
    Canceled,
    /// It neither got on nor worked for [`Patience::stall`].
    Stalled,
    /// It took longer than [`Patience::wall`].
    TimedOut,
    /// The program never started.
    SpawnFailed(SpawnError),
}

/// Why a program never started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no such program, or its path is not absolute.
    #[error("no program at `{}`; install ffmpeg or set its absolute path", program.display())]
    Missing {
        /// The path that was tried.
        program: PathBuf,
    },
    /// The system would not execute it.
    #[error("execute `{}`: {source}", program.display())]
    Exec {
        /// The path that was tried.
        program: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The sandbox would not run it.
    #[error("the sandbox refused to run the program: {why}")]
    Refused {
        /// Which layer is missing.
        why: String,
    },
    /// The sandbox helper could not be started in the job folder.
    #[error("start the sandbox helper in `{}`: {source}", job_dir.display())]
    Helper {
        /// The folder it was to run in.
        job_dir: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// A run that has ended, with what is left of it.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// The last of what it said on standard error.
    pub stderr: Tail,
    /// What the sandbox could apply, when the program came so far.
    pub sandbox: Option<SandboxReport>,
    /// CPU time and memory, when the program ended by itself or on request.
    pub usage: Option<Usage>,
    /// Time from start to end.
    pub elapsed: Duration,
}

/// What a program wrote to its standard output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The first bytes, up to the caller's cap.
    pub bytes: Vec<u8>,
    /// Whether there were more.
    pub truncated: bool,
}

/// Runs a program and hands each line of its standard output to `on_line`: for ffmpeg with `-progress pipe:1`.
///
/// Lines are cut at [`MAX_LINE_BYTES`]. `on_line` is called between other duties of the run and must not block.
pub async fn follow(
    sandbox: &Sandbox,
    invocation: &Invocation,
    cancel: &CancellationToken,
    on_line: &mut (dyn FnMut(&str) -> Pulse + Send),
) -> Finished {
    run::run(sandbox, invocation, cancel, Stdout::Lines(on_line)).await
}

/// Runs a program that answers on standard output, such as ffprobe, and keeps the first `cap` bytes of that.
///
/// Any output counts as progress.
pub async fn capture(
    sandbox: &Sandbox,
    invocation: &Invocation,
    cancel: &CancellationToken,
    cap: usize,
) -> (Finished, Captured) {
    let mut captured = Captured::default();
    let into = &mut captured;
    let finished = run::run(sandbox, invocation, cancel, Stdout::Capture { cap, into }).await;
    (finished, captured)
}

/// The absolute path of the program `name` in the folders of `path`, the value of a `PATH` variable.
///
/// Relative folders in it are skipped: the job folder must never supply the program.
pub fn find_program(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|program| is_executable(program))
}

fn is_executable(program: &Path) -> bool {
    program.is_file() && nix::unistd::access(program, nix::unistd::AccessFlags::X_OK).is_ok()
}
