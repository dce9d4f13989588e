//! Models of how other systems scale, as yardsticks. They are drawn from their documented rules and simplified.

use std::time::Duration;

use crate::fleet::{FleetSettings, Observation, Policy, plan_scale};
use jiff::Timestamp;

/// A system that looks at intervals and lets instances go by a rule of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// How often it looks.
    pub poll: Duration,
    /// How many looks in a row must find jobs waiting before it launches.
    pub looks: u32,
    /// How it counts what is missing.
    pub rule: Rule,
    /// How long an idle instance stays.
    pub stay: Stay,
}

/// How a peer counts what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// One slot for each unfinished job.
    Match,
    /// The formula of the original, with this overflow threshold.
    Original(u32),
}

/// How long an idle instance stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// So long after its last job.
    Idle(Duration),
    /// To the end of the hour that was paid for, as one did when EC2 billed by the hour.
    HourEnd,
}

impl Peer {
    /// The models, with the names they have in tables. Intervals are those of the design's trial.
    pub fn all() -> [(&'static str, Self); 5] {
        let secs = Duration::from_secs;
        let peer = |poll, looks, rule, stay| Self {
            poll: secs(poll),
            looks,
            rule,
            stay,
        };
        [
            (
                "original-like, to the hour's end",
                peer(60, 1, Rule::Original(2), Stay::HourEnd),
            ),
            (
                "original-like, 600 s idle",
                peer(60, 1, Rule::Original(2), Stay::Idle(secs(600))),
            ),
            (
                "ASG-like, 2 x 60 s, 15 min in",
                peer(60, 2, Rule::Match, Stay::Idle(secs(900))),
            ),
            (
                "KEDA-like, 30 s, 300 s in",
                peer(30, 1, Rule::Match, Stay::Idle(secs(300))),
            ),
            (
                "Buildkite-like, 10 s, 600 s in",
                peer(10, 1, Rule::Match, Stay::Idle(secs(600))),
            ),
        ]
    }

    /// How many instances of `job_slots` it launches. Peers have no maximum here, so that none is spared its bill.
    pub(super) fn launches(&self, seen: &Observation, job_slots: u32, now: Timestamp) -> u32 {
        match self.rule {
            Rule::Match => {
                let running: usize = seen.instances.iter().map(|view| view.jobs.len()).sum();
                let wanted = (running + seen.waiting.len()).div_ceil(job_slots as usize);
                u32::try_from(wanted.saturating_sub(seen.instances.len())).unwrap_or(u32::MAX)
            }
            Rule::Original(overflow_threshold) => {
                let settings = FleetSettings {
                    policy: Policy::Threshold,
                    jobs_per_instance: job_slots,
                    overflow_threshold,
                    max: u32::MAX,
                    launch_limit: u32::MAX,
                    ..FleetSettings::default()
                };
                plan_scale(seen, &settings, now).launch
            }
        }
    }
}
