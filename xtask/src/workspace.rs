//! Where the checkout and its target folder are, and how `cargo` is called there.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Context as _, Result};

/// The checkout that `cargo xtask` was started in.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    cargo: OsString,
    ci: bool,
}

impl Workspace {
    /// Reads the environment that `cargo run` gives.
    ///
    /// # Errors
    /// The program was not started by `cargo`.
    pub(crate) fn from_env() -> Result<Self> {
        Self::from_vars(|name| env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn from_vars(var: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let manifest_dir = var("CARGO_MANIFEST_DIR").context("start this with `cargo xtask`")?;
        let root = Path::new(&manifest_dir)
            .parent()
            .context("the xtask folder lies in the workspace")?
            .to_owned();
        let ci = var("CI").is_some();
        let target = match var("CARGO_TARGET_DIR") {
            Some(folder) => absolute(folder)?,
            None if ci => env::temp_dir().join("media-nommer-target"),
            None => root.join("target"),
        };
        let cargo = var("CARGO").unwrap_or_else(|| "cargo".into());
        Ok(Self {
            root,
            target,
            cargo,
            ci,
        })
    }

    /// A file of the checkout.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The folder for prepared tools. All that lies there can be made again.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The folder that cargo builds into.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A `cargo` command that shares the target folder of all others. It runs in the user's current folder.
    pub(crate) fn cargo<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(args).env("CARGO_TARGET_DIR", &self.target);
        if self.ci {
            // Nothing is built a second time there, so incremental state would only cost time and space.
            command.env("CARGO_INCREMENTAL", "0");
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target_with(vars: &[(&str, &str)]) -> PathBuf {
        let var = |name: &str| match name {
            "CARGO_MANIFEST_DIR" => Some("/checkout/xtask".into()),
            _ => vars
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into()),
        };
        Workspace::from_vars(var).unwrap().target
    }

    #[test]
    fn target_folder_is_the_given_one_or_the_checkouts() {
        assert_eq!(target_with(&[]), Path::new("/checkout/target"));
        assert_eq!(
            target_with(&[("CARGO_TARGET_DIR", "/builds")]),
            Path::new("/builds")
        );
        assert!(target_with(&[("CARGO_TARGET_DIR", "builds")]).is_absolute());
    }

    #[test]
    fn ci_builds_outside_the_checkout() {
        let target = target_with(&[("CI", "true")]);
        assert!(!target.starts_with("/checkout"), "{}", target.display());
        let given = target_with(&[("CI", "true"), ("CARGO_TARGET_DIR", "/builds")]);
        assert_eq!(given, Path::new("/builds"));
    }
}
