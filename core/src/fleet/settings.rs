//! The settings that the planner reads: the planning part of the `[fleet]` table.
//!
//! What to launch (instance types, market, network) belongs to the adapter that launches and is not here.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};

use super::BOOT_DEADLINE;

mod budget;
mod idle_timeout;

pub use budget::{Budget, BudgetAction};
pub use idle_timeout::IdleTimeout;

/// The most instances a fleet may be set to. A guard against a slip of the hand, far above what one account is
/// granted without asking.
pub const MAX_INSTANCES: u32 = 1_000;

/// The most jobs one instance may be set to run at once; no machine has more cores to give them.
pub const MAX_JOBS_PER_INSTANCE: u32 = 256;

/// How the fleet grows and shrinks. Durations are written `"90s"` or `"5m"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FleetSettings {
    /// Whether scale may launch at all; the original's `FEEDERD_ALLOW_EC2_LAUNCHES`.
    pub enabled: bool,
    /// How demand is computed.
    pub policy: Policy,
    /// Instances kept even when there is no work.
    pub min: u32,
    /// Instances in total, whatever their state; the original's `MAX_NUM_EC2_INSTANCES`.
    pub max: u32,
    /// Jobs that one instance runs at once; the original's `MAX_ENCODING_JOBS_PER_EC2_INSTANCE`.
    pub jobs_per_instance: u32,
    /// Jobs beyond capacity that policy `threshold` tolerates; the original's `JOB_OVERFLOW_THRESH`.
    pub overflow_threshold: u32,
    /// Job slots that policy `backlog` keeps free beyond the waiting work.
    pub warm_spare: u32,
    /// Launches in one run of scale at most.
    pub launch_limit: u32,
    /// How long an encoder stands idle before it ends itself.
    pub idle_timeout: IdleTimeout,
    /// Whether idle encoders end themselves; the original's `NOMMERD_TERMINATE_WHEN_IDLE`.
    pub terminate_when_idle: bool,
    /// How often scale runs when nothing wakes it; the original's `FEEDERD_AUTO_SCALE_INTERVAL`.
    #[serde(with = "friendly")]
    pub scale_interval: Duration,
    /// Expected time from the launch to the first job.
    #[serde(with = "friendly")]
    pub boot_time: Duration,
    /// The part of `boot_time` that is billed: EC2 bills from the moment an instance runs, not while it is pending.
    #[serde(with = "friendly")]
    pub billed_boot: Duration,
}

/// The defaults of the original where it had the setting; boot times as the design's trial assumed them.
impl Default for FleetSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            policy: Policy::Backlog,
            min: 0,
            max: 3,
            jobs_per_instance: 2,
            overflow_threshold: 2,
            warm_spare: 0,
            launch_limit: 50,
            idle_timeout: IdleTimeout::Auto,
            terminate_when_idle: true,
            scale_interval: Duration::from_mins(1),
            boot_time: Duration::from_secs(40),
            billed_boot: Duration::from_secs(30),
        }
    }
}

/// How demand is computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Policy {
    /// Weighs the waiting work against free and coming slots.
    #[default]
    Backlog,
    /// The formula of the original, with its cap mended.
    Threshold,
}

/// A setting that cannot be, or contradicts another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct SettingsError {
    /// The setting as it is written in the configuration: `fleet.min`.
    pub field: &'static str,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

impl FleetSettings {
    /// Refuses settings that cannot be or contradict each other, by the name of the first such field.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let Self {
            min,
            max,
            warm_spare,
            boot_time,
            billed_boot,
            ..
        } = self;
        ensure(*max > 0, "fleet.max", || {
            "is 0: give 1 or more; to stop launches, set fleet.enabled to false".to_owned()
        })?;
        in_range("fleet.max", *max, MAX_INSTANCES)?;
        in_range(
            "fleet.jobs_per_instance",
            self.jobs_per_instance,
            MAX_JOBS_PER_INSTANCE,
        )?;
        in_range("fleet.launch_limit", self.launch_limit, u32::MAX)?;
        ensure(min <= max, "fleet.min", || {
            format!("is {min}, above fleet.max {max}")
        })?;
        let slots = max.saturating_mul(self.jobs_per_instance);
        ensure(*warm_spare <= slots, "fleet.warm_spare", || {
            format!("is {warm_spare}, but the whole fleet has {slots} slots")
        })?;
        at_least_a_second("fleet.scale_interval", self.scale_interval)?;
        if let IdleTimeout::After(limit) = self.idle_timeout {
            at_least_a_second("fleet.idle_timeout", limit)?;
        }
        ensure(*boot_time < BOOT_DEADLINE, "fleet.boot_time", || {
            format!("is {boot_time:?}, but an instance that takes {BOOT_DEADLINE:?} is given up")
        })?;
        ensure(billed_boot <= boot_time, "fleet.billed_boot", || {
            format!("is {billed_boot:?}, longer than fleet.boot_time {boot_time:?}")
        })
    }
}

/// A rule that the field must keep.
pub(crate) fn ensure(
    kept: bool,
    field: &'static str,
    problem: impl FnOnce() -> String,
) -> Result<(), SettingsError> {
    if kept {
        return Ok(());
    }
    let problem = problem();
    Err(SettingsError { field, problem })
}

pub(crate) fn in_range(field: &'static str, value: u32, most: u32) -> Result<(), SettingsError> {
    ensure((1..=most).contains(&value), field, || {
        format!("is {value}: give a number from 1 to {most}")
    })
}

fn at_least_a_second(field: &'static str, value: Duration) -> Result<(), SettingsError> {
    ensure(value >= Duration::from_secs(1), field, || {
        format!("is {value:?}: give one second or more")
    })
}

#[cfg(test)]
mod tests;
