//! What the sandbox adds to one run of a program: medians with it and without it, in turn, in milliseconds.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::{
    ffi::OsStr,
    io,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use nommer_encoder::{
    child::find_program,
    sandbox::{Limits, Mode, Sandbox, run_if_sandbox_helper},
};

/// Runs of each kind. Odd, so that there is a median.
const ROUNDS: usize = 41;

fn main() -> io::Result<()> {
    run_if_sandbox_helper();
    let ffmpeg = find_program("ffmpeg", OsStr::new("/usr/local/bin:/usr/bin:/bin"));
    let ffmpeg = ffmpeg.ok_or(io::ErrorKind::NotFound)?;
    let run = |mode: Option<Mode>| -> io::Result<Duration> {
        let begun = Instant::now();
        let args = ["-v", "error", "-version"].map(Into::into);
        let Some(mode) = mode else {
            let mut bare = std::process::Command::new(&ffmpeg);
            bare.args(args).stdout(Stdio::null()).status()?;
            return Ok(begun.elapsed());
        };
        let sandbox = Sandbox::new(mode, PathBuf::from("/proc/self/exe"));
        let (mut command, control) =
            sandbox.command(&ffmpeg, &args, &std::env::temp_dir(), &Limits::default())?;
        let mut child = command.stdout(Stdio::null()).spawn()?;
        drop(command);
        child.wait()?;
        control.finish();
        Ok(begun.elapsed())
    };
    let kinds = [
        ("no helper", None),
        ("sandbox off", Some(Mode::Off)),
        ("sandbox strict", Some(Mode::Strict)),
    ];
    let mut times = vec![Vec::new(); kinds.len()];
    for _ in 0..ROUNDS {
        for ((_, mode), times) in kinds.iter().zip(&mut times) {
            times.push(run(*mode)?);
        }
    }
    for ((label, _), times) in kinds.iter().zip(&mut times) {
        times.sort();
        println!(
            "{label}: {:.1} ms",
            times[ROUNDS / 2].as_secs_f64() * 1_000.0
        );
    }
    Ok(())
}
