//! `cargo deny`: which licenses, crates and registries dependencies may have, after `deny.toml`; and what is known against them.
//!
//! The program comes with the other tools. Neither check calls the network.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::tools;
use crate::workspace::Workspace;

/// Holds every dependency to `deny.toml`.
///
/// # Errors
/// One that is not allowed; tools that cannot be prepared.
pub(crate) fn dependencies(workspace: &Workspace) -> Result<()> {
    deny(workspace, &["licenses", "bans", "sources"])
}

/// Looks every dependency up in a copy of the `RustSec` advisory database on this machine.
///
/// # Errors
/// An advisory against a dependency; no copy of the database.
pub(crate) fn advisories(workspace: &Workspace) -> Result<()> {
    dependencies(workspace)?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let folder = home
        .context("there is no home folder")?
        .join("advisory-dbs");
    if !folder.is_dir() {
        bail!(
            "there is no advisory database in {}, so nothing is known about advisories; `cargo deny fetch db` gets it where the network allows",
            folder.display()
        );
    }
    deny(workspace, &["advisories"])
}

fn deny(workspace: &Workspace, checks: &[&str]) -> Result<()> {
    tools::ensure(workspace)?;
    // It looks at what other systems than this one would need, too; a build here has not brought those.
    process::run(&mut workspace.cargo(["fetch", "--locked"]))?;
    let mut command = workspace.cargo(["deny", "--offline", "--all-features", "check"]);
    process::run(command.args(checks).env("PATH", tools::path(workspace)?))
}
