//! What to repair, from what the table shows. Decides only; each action is conditional again when it is carried out.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use crate::{
    fleet::{BOOT_DEADLINE, FleetRecord, Standstill},
    id::{InstanceId, JobId},
    instance::{Instance, InstanceState},
    job::{JobOutline, JobState},
    lease::{CLOCK_MARGIN, elapsed},
    settings::Settings,
};

/// When something counts as broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrunePolicy {
    /// How far clocks may disagree before a lease counts as lapsed.
    pub lease_margin: Duration,
    /// A job of which nothing was heard for so long is given up.
    pub abandon_after: Duration,
    /// An instance that was silent for so long is dead.
    pub silence: Duration,
}

impl PrunePolicy {
    /// The policy of a fleet of machines, each with a clock of its own.
    pub fn of_fleet(settings: &Settings) -> Self {
        Self {
            lease_margin: CLOCK_MARGIN,
            abandon_after: settings.jobs.abandon_after,
            silence: settings.encoder.lease * 2,
        }
    }
}

/// One repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PruneAction {
    /// The job's lease ended: back to waiting, or given up when its attempts are used up.
    Lapse(JobId),
    /// The job waits, and its message may be lost: send another.
    Resend(JobId),
    /// Nothing was heard of the job for too long: give it up.
    Abandon(JobId),
    /// The instance is dead: end it and mark it gone.
    Terminate(InstanceId),
}

/// Plans the repairs. The clock of `abandon_after` stands still with the fleet: nobody is meant to work on jobs then.
pub fn plan_prune(
    jobs: &[JobOutline],
    instances: &[Instance],
    standstill: &Standstill,
    policy: &PrunePolicy,
    now: Timestamp,
) -> Vec<PruneAction> {
    let mut holders = BTreeSet::new();
    let mut actions = Vec::new();
    for job in jobs {
        let silence = standstill.silence(job.heard_at, now);
        if silence.saturating_sub(job.neglected(now)) >= policy.abandon_after {
            actions.push(PruneAction::Abandon(job.id.clone()));
            continue;
        }
        match &job.state {
            JobState::Pending { .. } if job.resend_at.is_none_or(|at| at <= now) => {
                actions.push(PruneAction::Resend(job.id.clone()));
            }
            JobState::Running { lease, .. } if lease.lapsed(now, policy.lease_margin) => {
                actions.push(PruneAction::Lapse(job.id.clone()));
            }
            JobState::Running { lease, .. } => {
                holders.insert(&lease.token.instance);
            }
            JobState::Pending { .. }
            | JobState::Finished
            | JobState::Error(_)
            | JobState::Abandoned(_)
            | JobState::Canceled => {}
        }
    }
    let dead = |instance: &&Instance| {
        instance.state != InstanceState::Gone
            && elapsed(now, instance.beat_at) >= policy.silence
            && !holders.contains(&instance.id)
    };
    // The dead come first: a process that stands still may hold what the other repairs wait for.
    let ends = instances
        .iter()
        .filter(dead)
        .map(|instance| PruneAction::Terminate(instance.id.clone()));
    ends.chain(actions).collect()
}

/// Plans the end of instances that were launched and never came up: they cost money and hold a place for ever.
pub fn plan_stillborn(
    record: &FleetRecord,
    instances: &[Instance],
    now: Timestamp,
) -> Vec<PruneAction> {
    let heard_of = |id: &InstanceId| instances.iter().any(|instance| instance.id == *id);
    record
        .reservations
        .iter()
        .filter(|place| !place.has_reported() && elapsed(now, place.since) >= BOOT_DEADLINE)
        .filter_map(|place| place.instance())
        .filter(|id| !heard_of(id))
        .map(|id| PruneAction::Terminate(id.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
