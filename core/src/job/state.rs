//! The states of a job. Only data and questions about it; transitions are in `apply`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{error::JobError, lease::Lease};

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobState {
    /// Waits for an encoder.
    Pending {
        /// Not to be claimed before this time: the pause after a failed attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    /// An encoder works on it.
    Running {
        /// How far it has come.
        stage: Stage,
        /// The right to go on.
        lease: Lease,
    },
    /// Its output is at the destination.
    Finished,
    /// It cannot succeed, or failed on its last attempt.
    Error(JobError),
    /// Its encoders went away until attempts ran out, or nothing was heard of it for too long.
    Abandoned(JobError),
    /// The caller does not want it any more.
    Canceled,
}

/// The steps of an attempt, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The source is being fetched and looked at.
    Downloading,
    /// FFmpeg runs.
    Encoding,
    /// The output is on its way, and not visible yet.
    Uploading,
    /// The output may become visible at any moment. Still `UPLOADING` on the wire.
    Publishing,
}

/// A state by its name on the wire: the original's seven and `CANCELED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum StateName {
    /// Waits for an encoder.
    Pending,
    /// The source is being fetched.
    Downloading,
    /// FFmpeg runs.
    Encoding,
    /// The output is being delivered.
    Uploading,
    /// Ended well.
    Finished,
    /// Ended with an error.
    Error,
    /// Given up by the system.
    Abandoned,
    /// Given up by the caller.
    Canceled,
}

impl StateName {
    /// Every name, in the order of a job's life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Downloading,
        Self::Encoding,
        Self::Uploading,
        Self::Finished,
        Self::Error,
        Self::Abandoned,
        Self::Canceled,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Downloading => "DOWNLOADING",
            Self::Encoding => "ENCODING",
            Self::Uploading => "UPLOADING",
            Self::Finished => "FINISHED",
            Self::Error => "ERROR",
            Self::Abandoned => "ABANDONED",
            Self::Canceled => "CANCELED",
        }
    }

    /// The state with this name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    /// Whether a job in this state never changes again.
    pub fn ended(self) -> bool {
        match self {
            Self::Finished | Self::Error | Self::Abandoned | Self::Canceled => true,
            Self::Pending | Self::Downloading | Self::Encoding | Self::Uploading => false,
        }
    }
}

impl std::fmt::Display for StateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl JobState {
    /// The name on the wire.
    pub fn name(&self) -> StateName {
        match self {
            Self::Pending { .. } => StateName::Pending,
            Self::Running { stage, .. } => match stage {
                Stage::Downloading => StateName::Downloading,
                Stage::Encoding => StateName::Encoding,
                Stage::Uploading | Stage::Publishing => StateName::Uploading,
            },
            Self::Finished => StateName::Finished,
            Self::Error(_) => StateName::Error,
            Self::Abandoned(_) => StateName::Abandoned,
            Self::Canceled => StateName::Canceled,
        }
    }

    /// Whether the job never changes again.
    pub fn ended(&self) -> bool {
        self.name().ended()
    }

    /// The lease of a running job.
    pub fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Running { lease, .. } => Some(lease),
            Self::Pending { .. }
            | Self::Finished
            | Self::Error(_)
            | Self::Abandoned(_)
            | Self::Canceled => None,
        }
    }
}
