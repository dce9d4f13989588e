//! An instance as the table shows it: kept by its own heartbeats, read by scale and prune.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{InstanceId, JobId};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
