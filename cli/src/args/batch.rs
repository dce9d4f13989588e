//! Words and flags of `nommer batch` and `nommer batches`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// A CSV file whose first line names fields of a job, a file of JSON lines, a folder, or `s3://bucket/prefix/`.
    pub(crate) list: String,

    /// The preset of entries that name neither a preset nor options.
    #[arg(short, long, default_value = nommer_core::presets::DEFAULT)]
    pub(crate) preset: String,

    /// Where results of entries without `dest_path` go; `{stem}`, `{name}` and `{ext}` are those of the source.
    #[arg(short, long, value_name = "ADDRESS")]
    pub(crate) destination: Option<String>,

    /// Keep so many jobs waiting for an encoder.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) target_queue: u32,

    /// Try an entry so many times more, if it may end better.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) retries: u32,

    /// Hand the list over to the system, which sees to it by itself, and end at once.
    #[arg(long, conflicts_with = "journal")]
    pub(crate) server: bool,

    /// Where it is written what became of each entry. Default: beside the list.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}

impl BatchArgs {
    /// The journal: beside the list, or in the current folder for a prefix.
    pub(crate) fn journal_file(&self) -> PathBuf {
        let beside = || {
            let name = match self.list.strip_prefix("s3://") {
                Some(prefix) => prefix.trim_end_matches('/').replace('/', "-"),
                None => self.list.trim_end_matches('/').to_owned(),
            };
            // A folder without a name of its own.
            match name.as_str() {
                "" | "." | ".." => PathBuf::from("batch.progress.jsonl"),
                _ => PathBuf::from(format!("{name}.progress.jsonl")),
            }
        };
        self.journal.clone().unwrap_or_else(beside)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum BatchesCommand {
    /// List batches, newest first.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show one batch and what failed of it.
    Get {
        /// Its id.
        id: String,
    },
    /// Follow one batch until it has ended.
    Watch {
        /// Its id.
        id: String,
    },
    /// Make no more jobs of a batch, and cancel those that it has.
    Cancel {
        /// Its id.
        id: String,
    },
}
