//! Fleet policies compared in virtual time: what would a day of jobs cost, and how long would they wait?
//!
//! The simulation is deterministic: the same trace, world and policy give the same outcome. Our own policies are run
//! through [`plan_scale`](crate::fleet::plan_scale) and [`idle_limit`](crate::fleet::idle_limit) themselves. The
//! others are *models* of how their peers behave, not their code, and meant as yardsticks only.

mod cloud;
mod engine;
mod outcome;
mod peer;
mod plot;
mod random;
mod report;
mod workload;

pub use engine::simulate;
pub use outcome::Outcome;
pub use peer::{Peer, Rule, Stay};
pub use plot::plot_svg;
pub use random::Random;
pub use report::{Summary, render_table};
pub use workload::{Arrival, TraceError, Workload, parse_trace, work_bound, zero_wait_bound};

use std::time::Duration;

use crate::fleet::{FleetSettings, MAX_JOBS_PER_INSTANCE, Policy, SettingsError, ensure, in_range};

/// The longest boot, bill or delay that is simulated.
const LONGEST: Duration = Duration::from_hours(24);

/// What the policies cannot choose. Waiting jobs are not probed in it: our planner takes them for average ones.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// From the launch call to the first job.
    pub boot: Duration,
    /// The part of the boot that is billed.
    pub billed_boot: Duration,
    /// The shortest time that is billed for an instance; EC2 bills Linux by the second from 60 s on.
    pub least_billed: Duration,
    /// Jobs that an instance runs at once.
    pub job_slots: u32,
    /// From a submit to the run of scale that it wakes; a wake is shared by all submits meanwhile.
    pub wake_delay: Duration,
    /// How far estimates of remaining work are off: the sigma of a log-normal factor.
    pub estimate_error: f64,
    /// Spot interruptions for each hour that an instance lives.
    pub interruptions_per_hour: f64,
    /// The share of launch calls that are refused for want of capacity, from 0 to 1.
    pub refused_share: f64,
    /// The seed of everything that is drawn while the simulation runs.
    pub seed: u64,
}

/// The world of the design's trial, with a wake through an event bus and estimates that are a fifth off.
impl Default for World {
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(40),
            billed_boot: Duration::from_secs(30),
            least_billed: Duration::from_mins(1),
            job_slots: 1,
            wake_delay: Duration::from_millis(500),
            estimate_error: 0.2,
            interruptions_per_hour: 0.0,
            refused_share: 0.0,
            seed: 0,
        }
    }
}

impl World {
    /// A world in which boots take as long as the settings expect, on instances as large as they say.
    pub fn matching(settings: &FleetSettings) -> Self {
        Self {
            boot: settings.boot_time,
            billed_boot: settings.billed_boot,
            job_slots: settings.jobs_per_instance,
            ..Self::default()
        }
    }

    /// Refuses numbers with which the simulation would make no sense, by the name of the first such field.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let numbers = [
            ("estimate_error", self.estimate_error, 2.0),
            ("refused_share", self.refused_share, 1.0),
            (
                "interruptions_per_hour",
                self.interruptions_per_hour,
                3_600.0,
            ),
        ];
        for (field, value, most) in numbers {
            ensure((0.0..=most).contains(&value), field, || {
                format!("is {value}: give a number from 0 to {most}")
            })?;
        }
        let times = [
            ("boot", self.boot, LONGEST),
            ("billed_boot", self.billed_boot, self.boot),
            ("least_billed", self.least_billed, LONGEST),
            ("wake_delay", self.wake_delay, LONGEST),
        ];
        for (field, value, most) in times {
            ensure(value <= most, field, || {
                format!("is {value:?}: give {most:?} or less")
            })?;
        }
        in_range("job_slots", self.job_slots, MAX_JOBS_PER_INSTANCE)
    }
}

/// Who decides.
#[derive(Debug, Clone, PartialEq)]
pub enum Contender {
    /// The real planner with these settings.
    Ours(FleetSettings),
    /// A model of another system.
    Peer(Peer),
}

impl Contender {
    /// Both of our policies with these settings, and all models of peers, with their names.
    pub fn all(settings: &FleetSettings) -> Vec<(&'static str, Self)> {
        let ours = [
            ("backlog", Policy::Backlog),
            ("threshold", Policy::Threshold),
        ]
        .map(|(name, policy)| {
            let settings = FleetSettings {
                policy,
                ..settings.clone()
            };
            (name, Self::Ours(settings))
        });
        let peers = Peer::all().map(|(name, peer)| (name, Self::Peer(peer)));
        ours.into_iter().chain(peers).collect()
    }
}

#[cfg(test)]
mod tests;
