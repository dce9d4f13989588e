//! The simulation and the model at full size, built to be fast. What each finds is told by them; see `docs/reliability.md`.

use std::ffi::OsString;

use anyhow::Result;

use crate::{process, workspace::Workspace};

/// Runs seeds of the simulation.
///
/// # Errors
/// A promise was broken, or a planted bug got away.
pub(crate) fn simulate(workspace: &Workspace, args: &[OsString]) -> Result<()> {
    let words = [
        "run",
        "--release",
        "--quiet",
        "-p",
        "nommer-simulation",
        "--",
    ];
    process::run(workspace.cargo(words).args(args))
}

/// Explores the large model.
///
/// # Errors
/// A promise can be broken.
pub(crate) fn model(workspace: &Workspace) -> Result<()> {
    let words = [
        "test",
        "--release",
        "--quiet",
        "-p",
        "nommer-simulation",
        "--test",
        "model",
        "--",
        "--ignored",
        "--nocapture",
    ];
    process::run(&mut workspace.cargo(words))
}
