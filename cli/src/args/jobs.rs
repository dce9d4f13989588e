//! `jobs`.

use clap::Subcommand;

use super::{BulkArgs, ListArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List jobs, newest first.
    List(ListArgs),
    /// Show one job.
    Get {
        /// Its id.
        id: String,
    },
    /// Print what FFmpeg said in the job's last attempt.
    Log {
        /// The job's id.
        id: String,

        /// Only so many lines, the last ones.
        #[arg(long, value_name = "LINES", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        tail: u32,
    },
    /// Follow jobs until they have ended.
    Watch {
        /// Their ids.
        #[arg(
            value_name = "ID",
            required_unless_present = "all",
            conflicts_with = "all"
        )]
        ids: Vec<String>,

        /// Every job that has not ended.
        #[arg(long)]
        all: bool,
    },
    /// Submit a job that ended badly once more, as a new job; or all in one state.
    Retry {
        /// Its id.
        #[arg(required_unless_present = "state", conflicts_with = "state")]
        id: Option<String>,

        /// All jobs in this state: ERROR, ABANDONED or CANCELED.
        #[arg(long)]
        state: Option<String>,

        /// Don't ask.
        #[arg(short, long)]
        yes: bool,
    },
    /// Cancel a job that has not ended.
    Cancel {
        /// Its id.
        id: String,
    },
    /// Cancel, delete or retry all jobs that a filter finds.
    #[command(
        after_help = "Example:\n  nommer jobs bulk retry --state ERROR --created-after 2026-01-31T12:00:00Z"
    )]
    Bulk(BulkArgs),
    /// Forget jobs that have ended. Their outputs stay, unless --outputs is given.
    Delete {
        /// The job's id.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,

        /// Every job: those that have not ended are canceled first. The original's wipe.
        #[arg(long)]
        all: bool,

        /// Delete what they published, too: files that nobody has replaced since.
        #[arg(long)]
        outputs: bool,

        /// Don't ask.
        #[arg(short, long)]
        yes: bool,
    },
}
