//! An instance as the table shows it: kept by its own heartbeats, read by scale and prune.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{InstanceId, JobId},
    money::{Market, PriceSettings, WorkAverage},
};

/// Where an instance is in its life.
///
/// A launched one that has not been heard of has no row yet; the fleet's record knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Takes jobs.
    Ready,
    /// Takes no more jobs and ends when the last is done.
    Draining,
    /// Ended.
    Gone,
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name.
    pub id: InstanceId,
    /// Where it is in its life.
    pub state: InstanceState,
    /// How many jobs it does at a time.
    pub slots: u32,
    /// What it works on now.
    pub jobs: Vec<JobId>,
    /// When its daemon started.
    pub started_at: Timestamp,
    /// Its last heartbeat.
    pub beat_at: Timestamp,
    /// Whether somebody asked it to take no more jobs.
    #[serde(default)]
    pub drain_requested: bool,
    /// The version of FFmpeg that it has.
    #[serde(default)]
    pub ffmpeg_version: Option<String>,
    /// What kind of machine it is, by the cloud's name; none if it does not know.
    #[serde(default)]
    pub instance_type: Option<String>,
    /// How it was bought; none if it does not know.
    #[serde(default)]
    pub market: Option<Market>,
    /// How long its jobs took.
    #[serde(default)]
    pub work: Option<WorkAverage>,
}

/// What an encoder knows of the machine that it runs on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kind {
    /// The cloud's name for it.
    pub instance_type: Option<String>,
    /// How it was bought.
    pub market: Option<Market>,
    /// US dollars an hour for one of its job slots; none if the price is not known.
    pub slot_hour_usd: Option<f64>,
}

impl Kind {
    /// A machine that tells this much of itself and runs `slots` jobs at once.
    pub fn new(
        instance_type: Option<String>,
        market: Option<Market>,
        slots: u32,
        prices: &PriceSettings,
    ) -> Self {
        let hourly = prices.hourly_of(instance_type.as_deref(), market);
        Self {
            slot_hour_usd: hourly.map(|usd| usd / f64::from(slots.max(1))),
            instance_type,
            market,
        }
    }
}

impl Instance {
    /// Slots that could take a job now.
    pub fn free_slots(&self) -> u32 {
        match self.state {
            InstanceState::Ready if !self.drain_requested => self
                .slots
                .saturating_sub(u32::try_from(self.jobs.len()).unwrap_or(u32::MAX)),
            InstanceState::Ready | InstanceState::Draining | InstanceState::Gone => 0,
        }
    }
}
