//! `nommer man`: the manual pages, made from the same words as the help.

use std::{fs, path::Path};

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::{args::Cli, failure::Failure, output::Output};

/// Writes a page for the program and one for each of its commands.
pub(crate) fn write(folder: &Path, output: Output) -> Result<(), Failure> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    clap_mangen::generate_to(Cli::command(), folder)
        .with_context(|| format!("write to {}", folder.display()))?;
    output.note(format!(
        "see them with: man --local-file {}",
        folder.join("nommer.1").display()
    ));
    Ok(())
}
