//! The events of jobs and of the fleet, one closed list: what receivers are told of, what endpoints choose from, what the event bus carries.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::job::StateName;

/// What happened, as receivers are told.
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
    /// How far it is.
    #[serde(rename = "job.progress")]
    Progress,
    /// One of its outputs is visible.
    #[serde(rename = "job.output.ready")]
    OutputReady,
    /// The fleet grew or shrank.
    #[serde(rename = "fleet.scaled")]
    FleetScaled,
    /// The fleet has cost a part of its budget.
    #[serde(rename = "budget.threshold")]
    BudgetThreshold,
}

impl EventName {
    /// Every event: changes of a job's state in the order of its life, then what is no such change.
    pub const ALL: [Self; 13] = [
        Self::Created,
        Self::Started,
        Self::Retrying,
        Self::Encoding,
        Self::Uploading,
        Self::Finished,
        Self::Failed,
        Self::Canceled,
        Self::Abandoned,
        Self::Progress,
        Self::OutputReady,
        Self::FleetScaled,
        Self::BudgetThreshold,
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

    /// The state that begins with it, or within which it happens. That of the fleet, which has none, counts as the first.
    pub fn state(self) -> StateName {
        match self {
            Self::Created | Self::Retrying | Self::FleetScaled | Self::BudgetThreshold => {
                StateName::Pending
            }
            Self::Started => StateName::Downloading,
            Self::Encoding | Self::Progress => StateName::Encoding,
            Self::Uploading | Self::OutputReady => StateName::Uploading,
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
            Self::Progress => "job.progress",
            Self::OutputReady => "job.output.ready",
            Self::FleetScaled => "fleet.scaled",
            Self::BudgetThreshold => "budget.threshold",
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
            Self::Progress => "Job Progress",
            Self::OutputReady => "Job Output Ready",
            Self::FleetScaled => "Fleet Scaled",
            Self::BudgetThreshold => "Budget Threshold",
        }
    }

    /// The event with this name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    /// What is told to whoever does not choose: what a program acts on, and no steps within an attempt.
    pub fn by_default() -> BTreeSet<Self> {
        let asked_for = [
            Self::Encoding,
            Self::Uploading,
            Self::Progress,
            Self::OutputReady,
            Self::FleetScaled,
            Self::BudgetThreshold,
        ];
        let all = Self::ALL.into_iter();
        all.filter(|name| !asked_for.contains(name)).collect()
    }

    /// Whether it is of the fleet and not of a job: only the operator's endpoints hear of that.
    pub fn is_of_fleet(self) -> bool {
        matches!(self, Self::FleetScaled | Self::BudgetThreshold)
    }

    /// Whether it is a change of a job's state.
    pub fn is_change(self) -> bool {
        !self.is_of_fleet() && !matches!(self, Self::Progress | Self::OutputReady)
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
            let began = EventName::of(name.state(), sequence);
            assert_eq!(began == name, name.is_change(), "{name}");
        }
        assert_eq!(EventName::parse("job.paused"), None);
        assert_eq!(EventName::by_default().len(), 7);
    }
}
