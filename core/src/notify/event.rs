//! The events of jobs, one closed list: what receivers are told of, what endpoints choose from, what the event bus carries.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::job::StateName;

/// What became of a job, as receivers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EventName {
    /// It was submitted.
    #[serde(rename = "job.created")]
    Created,
    /// An encoder took it.
    #[serde(rename = "job.started")]
    Started,
    /// An attempt came to nothing and another follows.
    #[serde(rename = "job.retrying")]
    Retrying,
    /// FFmpeg runs.
    #[serde(rename = "job.encoding")]
    Encoding,
    /// The output is being delivered.
    #[serde(rename = "job.uploading")]
    Uploading,
    /// It ended well.
    #[serde(rename = "job.finished")]
    Finished,
    /// It ended with an error.
    #[serde(rename = "job.failed")]
    Failed,
    /// Its caller gave it up.
    #[serde(rename = "job.canceled")]
    Canceled,
    /// The system gave it up.
    #[serde(rename = "job.abandoned")]
    Abandoned,
}

impl EventName {
    /// Every event, in the order of a job's life.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::Started,
        Self::Retrying,
        Self::Encoding,
        Self::Uploading,
        Self::Finished,
        Self::Failed,
        Self::Canceled,
        Self::Abandoned,
    ];

    /// The event of a job's change with this number.
    pub fn of(state: StateName, sequence: u64) -> Self {
        match state {
            StateName::Pending if sequence <= 1 => Self::Created,
            StateName::Pending => Self::Retrying,
            StateName::Downloading => Self::Started,
            StateName::Encoding => Self::Encoding,
            StateName::Uploading => Self::Uploading,
            StateName::Finished => Self::Finished,
            StateName::Error => Self::Failed,
            StateName::Canceled => Self::Canceled,
            StateName::Abandoned => Self::Abandoned,
        }
    }

    /// The state that begins with it.
    pub fn state(self) -> StateName {
        match self {
            Self::Created | Self::Retrying => StateName::Pending,
            Self::Started => StateName::Downloading,
            Self::Encoding => StateName::Encoding,
            Self::Uploading => StateName::Uploading,
            Self::Finished => StateName::Finished,
            Self::Failed => StateName::Error,
            Self::Canceled => StateName::Canceled,
            Self::Abandoned => StateName::Abandoned,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "job.created",
            Self::Started => "job.started",
            Self::Retrying => "job.retrying",
            Self::Encoding => "job.encoding",
            Self::Uploading => "job.uploading",
            Self::Finished => "job.finished",
            Self::Failed => "job.failed",
            Self::Canceled => "job.canceled",
            Self::Abandoned => "job.abandoned",
        }
    }

    /// The name on an `EventBridge` bus.
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::Created => "Job Created",
            Self::Started => "Job Started",
            Self::Retrying => "Job Retrying",
            Self::Encoding => "Job Encoding",
            Self::Uploading => "Job Uploading",
            Self::Finished => "Job Finished",
            Self::Failed => "Job Failed",
            Self::Canceled => "Job Canceled",
            Self::Abandoned => "Job Abandoned",
        }
    }

    /// The event with this name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    /// What is told to whoever does not choose: what a program acts on, and no steps within an attempt.
    pub fn by_default() -> BTreeSet<Self> {
        let steps = [Self::Encoding, Self::Uploading];
        let all = Self::ALL.into_iter();
        all.filter(|name| !steps.contains(name)).collect()
    }
}

impl std::fmt::Display for EventName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_everywhere_and_say_which_state_begins() {
        for name in EventName::ALL {
            assert_eq!(
                serde_json::to_value(name).unwrap(),
                serde_json::json!(name.as_str())
            );
            assert_eq!(EventName::parse(name.as_str()), Some(name));
            let sequence = if name == EventName::Created { 1 } else { 2 };
            assert_eq!(EventName::of(name.state(), sequence), name);
        }
        assert_eq!(EventName::parse("job.paused"), None);
        assert_eq!(EventName::by_default().len(), 7);
    }
}
