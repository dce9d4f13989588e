//! What is told beside changes of state: how far a job is, an output that became visible, what the fleet does and what it costs.
//!
//! Each comes with all that is told of it: what it tells of goes on changing. Nothing is decided or sent here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::EventName;
use crate::{job::Output, progress::Progress};

/// Something that happened and is no change of a job's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum News {
    /// How far the present attempt of a job is.
    Progress(Progress),
    /// What of a job became visible at its destination.
    Output(Box<Output>),
    /// The fleet grew or shrank.
    Fleet(FleetSize),
    /// The fleet has cost a part of its budget.
    Budget(BudgetPart),
}

/// How many instances there are and were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FleetSize {
    /// Instances when it was last told.
    pub from: u32,
    /// Instances now: those that run, and those whose launch was decided.
    pub to: u32,
    /// The decision of that moment in words.
    pub reason: String,
}

/// What of the month's budget is spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BudgetPart {
    /// The month (UTC), as `2026-11`.
    pub month: String,
    /// The part that was passed, in percent: 50, 80 or 100.
    pub percent: u8,
    /// US dollars that the fleet has cost this month.
    pub spent_usd: f64,
    /// US dollars that it may cost this month.
    pub budget_usd: f64,
}

impl News {
    /// Its event.
    pub fn event(&self) -> EventName {
        match self {
            Self::Progress(_) => EventName::Progress,
            Self::Output(_) => EventName::OutputReady,
            Self::Fleet(_) => EventName::FleetScaled,
            Self::Budget(_) => EventName::BudgetThreshold,
        }
    }

    /// News that never happened, to try an endpoint out; none if the event is a change of state.
    pub(super) fn sample(event: EventName) -> Option<Self> {
        match event {
            EventName::Progress => Some(Self::Progress(Progress {
                pass: 1,
                passes: 1,
                percent: 50.0,
                fps: None,
                speed: None,
                eta_seconds: None,
            })),
            EventName::OutputReady => Some(Self::Output(Box::new(Output::sample()))),
            EventName::FleetScaled => Some(Self::Fleet(FleetSize {
                from: 0,
                to: 1,
                reason: "a sample".to_owned(),
            })),
            EventName::BudgetThreshold => Some(Self::Budget(BudgetPart {
                month: "2026-01".to_owned(),
                percent: 80,
                spent_usd: 40.0,
                budget_usd: 50.0,
            })),
            EventName::Created
            | EventName::Started
            | EventName::Retrying
            | EventName::Encoding
            | EventName::Uploading
            | EventName::Finished
            | EventName::Failed
            | EventName::Canceled
            | EventName::Abandoned => None,
        }
    }

    /// The data that receivers get: that of the job with the news in it, or the news alone if they are of no job.
    pub(super) fn told(&self, mut of_job: Value) -> Value {
        match self {
            Self::Progress(progress) => of_job["progress"] = json!(progress),
            Self::Output(output) => of_job["output"] = json!(output),
            Self::Fleet(size) => return json!(size),
            Self::Budget(part) => return json!(part),
        }
        of_job
    }
}
