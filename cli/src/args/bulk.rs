//! Words and flags of `nommer jobs bulk`.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(crate) struct BulkArgs {
    /// What to do.
    pub(crate) action: BulkAction,

    /// Only jobs in this state.
    #[arg(long)]
    pub(crate) state: Option<String>,

    /// Only jobs with this external id.
    #[arg(long)]
    pub(crate) external_id: Option<String>,

    /// Only jobs submitted at this time or later.
    #[arg(long, value_name = "TIME")]
    pub(crate) created_after: Option<String>,

    /// Only jobs submitted before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) created_before: Option<String>,

    /// Of jobs that are deleted, delete what they published, too.
    #[arg(long)]
    pub(crate) outputs: bool,

    /// Don't ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

impl BulkArgs {
    /// Another try of all jobs in one state.
    pub(crate) fn retry(state: &str, yes: bool) -> Self {
        Self {
            action: BulkAction::Retry,
            state: Some(state.to_owned()),
            external_id: None,
            created_after: None,
            created_before: None,
            outputs: false,
            yes,
        }
    }

    /// The filter as the API takes it.
    pub(crate) fn filter(&self) -> Value {
        json!({
            "state": self.state.as_deref().map(str::to_uppercase), "external_id": self.external_id,
            "created_after": self.created_after, "created_before": self.created_before,
        })
    }
}

/// What can be done to many jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BulkAction {
    /// Cancel those that have not ended.
    Cancel,
    /// Forget those that have. Their outputs stay, unless --outputs is given.
    Delete,
    /// Try those that ended badly again, as new jobs.
    Retry,
}

impl BulkAction {
    /// The name on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Delete => "delete",
            Self::Retry => "retry",
        }
    }
}
