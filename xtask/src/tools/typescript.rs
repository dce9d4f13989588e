//! What the TypeScript client is made and checked with: the packages of its lock file, each known by its digest, in a folder of our own.

use std::{fs, io, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::python::remove;
use crate::{process, workspace::Workspace};

/// Where the packages lie.
pub(super) fn modules(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("node_modules")
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("typescript")
}

/// Installs them, unless they are there. No package's own code is run for it.
pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = folder(workspace);
    let source = workspace.file("clients/typescript/package-lock.json");
    let wanted =
        fs::read_to_string(&source).with_context(|| format!("read {}", source.display()))?;
    // Written last, so an interrupted run leaves none and the next one starts afresh.
    let stamp = folder.with_extension("stamp");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && modules(workspace).is_dir()
    {
        return Ok(());
    }
    remove(&stamp)?;
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("remove {}", folder.display()));
        }
        _ => {}
    }
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    for file in ["package.json", "package-lock.json"] {
        let from = workspace.file(&format!("clients/typescript/{file}"));
        fs::copy(&from, folder.join(file)).with_context(|| format!("copy {}", from.display()))?;
    }
    let words = [
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--silent",
    ];
    process::run(Command::new("npm").args(words).current_dir(&folder))?;
    fs::write(&stamp, wanted).with_context(|| format!("write {}", stamp.display()))
}
