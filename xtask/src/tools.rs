//! The tools that tests and benchmarks need, prepared once.
//!
//! Everything here may be called again and again: it costs next to nothing once all is in place.

mod python;
mod system;

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;

/// Prepares all tools: FFmpeg, curl, the Python packages and the clips.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let _lock = lock(workspace)?;
    let mut packages = vec![system::FFMPEG, system::CURL];
    let environment = python::Environment::of(workspace)?;
    if !environment.is_ready() {
        packages.push(system::PYTHON);
    }
    system::ensure(&packages)?;
    environment.ensure()
}

/// Prepares FFmpeg alone.
pub(crate) fn ensure_ffmpeg(workspace: &Workspace) -> Result<()> {
    let _lock = lock(workspace)?;
    system::ensure(&[system::FFMPEG])
}

/// The folder of real clips, there once [`ensure`] has succeeded.
pub(crate) fn clips(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("clips")
}

/// Keeps a second run in the same target folder waiting until the file is dropped.
fn lock(workspace: &Workspace) -> Result<File> {
    let folder = workspace.tools();
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    file.lock()
        .with_context(|| format!("lock {}", path.display()))?;
    Ok(file)
}
