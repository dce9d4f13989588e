//! The words of `nommer presets`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum PresetsCommand {
    /// List all presets, those of your own too.
    List,
    /// Show one.
    Show {
        /// Its name.
        name: String,
    },
    /// Store one of your own, or a new version of it.
    Add {
        /// Its name.
        name: String,

        /// A file with fields of a job in JSON: outputs, thumbnails, storage and the like.
        #[arg(short, long)]
        file: PathBuf,

        /// What it makes, in a line.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Forget one of your own. Jobs that were made of it stay.
    Delete {
        /// Its name.
        name: String,
    },
}
