//! `cargo xtask demo`: the whole system on this machine, encoding one clip.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result};

use crate::tools;
use crate::workspace::Workspace;

/// Builds `nommer` and becomes `nommer dev --demo`, so that its signals, terminal and exit status are its own.
///
/// The development profile will do: FFmpeg does the heavy work, and a first run should not wait for an optimized build.
///
/// # Errors
/// FFmpeg cannot be had, or `cargo` cannot be started. Never returns otherwise.
pub(crate) fn run(workspace: &Workspace, args: &[OsString]) -> Result<()> {
    tools::ensure_ffmpeg(workspace)?;
    let error = workspace
        .cargo(["run", "--package", "nommer", "--", "dev", "--demo"])
        .args(args)
        .exec();
    Err(error).context("start cargo")
}
