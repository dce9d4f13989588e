//! Python environments of our own, one for each list of packages in `xtask/requirements`.
//!
//! Never touches the user's Python: neither its packages nor its cache.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process;
use crate::workspace::Workspace;

/// A virtual environment that holds the packages of one list.
#[derive(Debug)]
pub(super) struct Environment {
    folder: PathBuf,
    requirements: PathBuf,
    /// Written last, so an interrupted run leaves none and the next one starts afresh.
    stamp: PathBuf,
    /// What the stamp says if the environment is the one wanted.
    wanted: String,
}

impl Environment {
    /// The environment of `xtask/requirements/NAME.txt`.
    ///
    /// # Errors
    /// The list cannot be read.
    pub(super) fn of(workspace: &Workspace, name: &str) -> Result<Self> {
        let folder = folder(workspace, name);
        let requirements = workspace.file(&format!("xtask/requirements/{name}.txt"));
        let list = fs::read_to_string(&requirements)
            .with_context(|| format!("read {}", requirements.display()))?;
        Ok(Self {
            requirements,
            stamp: folder.with_extension("stamp"),
            // An environment knows its own path, so one that was moved is of no use.
            wanted: format!("{}\n{list}", folder.display()),
            folder,
        })
    }

    /// Whether all is in place. The interpreter is a link into the system's Python, which may have gone since.
    pub(super) fn is_ready(&self) -> bool {
        let stamp = fs::read_to_string(&self.stamp).unwrap_or_default();
        stamp == self.wanted && self.python().exists()
    }

    /// Makes the environment, unless it is there.
    ///
    /// # Errors
    /// Python or pip fails, for example because a package cannot be had.
    pub(super) fn ensure(&self) -> Result<()> {
        if self.is_ready() {
            return Ok(());
        }
        remove(&self.stamp)?;
        process::run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&self.folder),
        )?;
        // Wheels only: a source package would run code of its own to be installed.
        let args = [
            "install",
            "--quiet",
            "--no-input",
            "--no-cache-dir",
            "--no-deps",
            "--only-binary=:all:",
        ];
        let mut pip = Command::new(self.python());
        pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .args(["-m", "pip"])
            .args(args);
        process::run(pip.arg("--requirement").arg(&self.requirements))?;
        fs::write(&self.stamp, &self.wanted)
            .with_context(|| format!("write {}", self.stamp.display()))
    }

    /// The folder that the packages lie in; its path depends on Python's version.
    ///
    /// # Errors
    /// The environment's Python does not run.
    pub(super) fn packages(&self) -> Result<PathBuf> {
        let purelib = "import sysconfig; print(sysconfig.get_path('purelib'))";
        process::read(Command::new(self.python()).args(["-c", purelib])).map(PathBuf::from)
    }

    fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }
}

/// A program of the environment called `name`, there once the environment is.
pub(super) fn program(workspace: &Workspace, name: &str, program: &str) -> PathBuf {
    folder(workspace, name).join("bin").join(program)
}

fn folder(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.tools().join("python").join(name)
}

/// Removes a file or link, which need not be there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
