//! To whom a notification goes, and by which name each delivery is known.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::EventName;
use crate::id::{ENDPOINT_MARK, EndpointId, InvalidId, JobId};

/// Who is told of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// The address in the job itself.
    #[default]
    NotifyUrl,
    /// The event bus of a stack.
    EventBus,
    /// A webhook endpoint.
    Endpoint(EndpointId),
}

const NOTIFY_URL: &str = "notify_url";
const EVENT_BUS: &str = "event_bus";

impl Target {
    /// Whether it is the address in the job: that is so of every notification that says nothing else.
    pub fn is_notify_url(&self) -> bool {
        *self == Self::NotifyUrl
    }

    /// The endpoint, if it is one.
    pub fn endpoint(&self) -> Option<&EndpointId> {
        match self {
            Self::Endpoint(id) => Some(id),
            Self::NotifyUrl | Self::EventBus => None,
        }
    }

    /// The target as it stands on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::NotifyUrl => NOTIFY_URL,
            Self::EventBus => EVENT_BUS,
            Self::Endpoint(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Target {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            NOTIFY_URL => Ok(Self::NotifyUrl),
            EVENT_BUS => Ok(Self::EventBus),
            _ if text.starts_with(ENDPOINT_MARK) => text.parse().map(Self::Endpoint),
            _ => Err(InvalidId),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

/// Somebody who wants to hear of a job beside the address in it. It is written into the job when it is submitted, so that whoever changes
/// the job knows whom to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Who.
    pub target: Target,
    /// Of what.
    pub events: BTreeSet<EventName>,
}

/// The name of one delivery: which change of which job, to whom. As text it is the `webhook-id` of every attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryId {
    /// The job.
    pub job_id: JobId,
    /// The number of the change.
    pub sequence: u64,
    /// To whom.
    pub target: Target,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.job_id, self.sequence)?;
        match &self.target {
            Target::NotifyUrl => Ok(()),
            other => write!(f, "_{other}"),
        }
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // Ids of jobs may hold anything but end in no number and no target, so the last of each counts.
        let endpoint = text.rfind(&format!("_{ENDPOINT_MARK}"));
        let (change, target) = if let Some(change) = text.strip_suffix(&format!("_{EVENT_BUS}")) {
            (change, Target::EventBus)
        } else if let Some(at) = endpoint {
            (&text[..at], text[at + 1..].parse()?)
        } else {
            (text, Target::NotifyUrl)
        };
        let (job_id, sequence) = change.rsplit_once('_').ok_or(InvalidId)?;
        Ok(Self {
            job_id: job_id.parse()?,
            sequence: sequence.parse().map_err(|_no_number| InvalidId)?,
            target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_found_by_its_name() {
        for (text, target) in [
            ("job_1f_3", Target::NotifyUrl),
            ("job_1f_3_event_bus", Target::EventBus),
            ("job_1f_3_we_0a", Target::Endpoint("we_0a".parse().unwrap())),
        ] {
            let id: DeliveryId = text.parse().unwrap();
            assert_eq!((id.job_id.as_str(), id.sequence), ("job_1f", 3));
            assert_eq!(id.target, target);
            assert_eq!(id.to_string(), text);
        }
        for odd in [
            "",
            "job",
            "job_",
            "job_x",
            "_3",
            "job_3_we_",
            "job_-1",
            "job_1_we_é",
        ] {
            let parsed = odd.parse::<DeliveryId>();
            assert!(parsed.is_err() || odd == "job_3_we_", "{odd}: {parsed:?}");
        }
    }
}
