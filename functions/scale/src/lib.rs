//! `scale`: launches encoders for the work that waits. Runs every minute and whenever a job is submitted.
//!
//! Observe, plan (in `core`), execute. Each launch is reserved in the fleet's record by compare-and-set before it is made, so that
//! any number of runs at once launch no more than one of them would. A run that dies between reserving and launching is
//! repaired by a later one, with the same token.

mod observe;
mod tell;

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    commit::{amend_fleet, request_drain_of_all},
    fleet::{
        FleetRecord, InstanceState as Seen, InstanceView, Observation, Reservation, ScalePlan,
        plan_scale,
    },
    instance::Instance,
    lease::elapsed,
    ports::{Backend, Fleet, FleetStore, JobStore, LaunchError, StoreError},
    settings::Settings,
};

use observe::{learn, observe, seen};
use tell::tell;

/// For how long scale looks at instances that are gone. One that came and went between two runs has reported, and its place is free;
/// without its row it would count as one that never came up. A day covers any outage that scale may sleep through.
const GONE_MEMORY: Duration = Duration::from_secs(86_400);

/// What one run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// Instances that were launched.
    pub launched: u32,
    /// Launches that were refused or whose answer was lost.
    pub failed: u32,
    /// The decision in words.
    pub reason: String,
    /// What it was decided from.
    pub figures: Figures,
}

/// The fleet and its work in four numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Jobs that an encoder could take now.
    pub jobs_waiting: usize,
    /// How long the oldest of them waits.
    pub oldest_waiting: Duration,
    /// Instances that run or are starting.
    pub instances: usize,
    /// Those among them that are up and have no job.
    pub idle: usize,
}

impl Figures {
    fn of(observed: &Observation, now: Timestamp) -> Self {
        let idle = |one: &&InstanceView| one.state == Seen::Ready && one.jobs.is_empty();
        let waits = observed.waiting.iter().map(|job| elapsed(now, job.since));
        Self {
            jobs_waiting: observed.waiting.len(),
            oldest_waiting: waits.max().unwrap_or_default(),
            instances: observed.instances.len(),
            idle: observed.instances.iter().filter(idle).count(),
        }
    }
}

/// One run.
pub async fn scale<B: Backend, F: Fleet>(
    backend: &B,
    fleet: &F,
    settings: &Settings,
    now: Timestamp,
) -> Result<Scaled, StoreError> {
    // The record comes first: a listing read after it shows every instance that the record knows.
    let (mut record, version) = backend.store().fleet().await?;
    let before = record.clone();
    let gone_since = now.checked_sub(GONE_MEMORY).unwrap_or(Timestamp::MIN);
    let rows = backend.store().instances(gone_since).await?;
    let instances: Vec<Instance> = rows.into_iter().map(|(instance, _)| instance).collect();
    let machines = fleet.machines().await?;
    let jobs = backend.store().unfinished().await?;

    record.reconcile(&seen(&record, &machines, &instances), now);
    learn(&mut record, &instances, settings, now);
    let overdue = record.overdue(now);
    let observed = observe(&record, &instances, &jobs, settings, now);
    if record.paused(now).is_some() || observed.money.is_spent() {
        record.standstill.begin(now);
    } else {
        record.standstill.end(now);
    }
    let figures = Figures::of(&observed, now);
    let plan = plan_scale(&observed, &settings.fleet, now);
    let reserved = record.reserve(&plan, &settings.fleet, now);
    record.note_untold(&settings.budget, &plan.reason, now);
    if record.paused(now).is_some() {
        // Those that came up after the pause began, or could not be asked then.
        request_drain_of_all(backend.store(), now).await?;
    }
    if !worth_writing(&before, &record) {
        // A run that died may have left some.
        tell(backend, &record.untold).await?;
        return Ok(done(&plan, figures, 0, 0));
    }
    record.version = version.0 + 1;
    match backend.store().put_fleet(&record, version).await {
        Ok(_) => {}
        Err(StoreError::Conflict) => {
            // Another run decided from the same facts. It wakes nobody twice.
            return Ok(done(&plan, figures, 0, 0));
        }
        Err(fault) => return Err(fault),
    }
    let (mut launched, mut failed) = (0, 0);
    for place in overdue.iter().chain(&reserved) {
        if launch(backend, fleet, place, now).await? {
            launched += 1;
        } else {
            failed += 1;
        }
    }
    tell(backend, &record.untold).await?;
    if launched + failed > 0 {
        tracing::info!(launched, failed, reason = plan.reason, "scaled");
    }
    Ok(done(&plan, figures, launched, failed))
}

fn done(plan: &ScalePlan, figures: Figures, launched: u32, failed: u32) -> Scaled {
    Scaled {
        launched,
        failed,
        reason: plan.reason.clone(),
        figures,
    }
}

/// A decision that repeats the last one is no news; writing it each minute would cost for nothing.
fn worth_writing(before: &FleetRecord, after: &FleetRecord) -> bool {
    let reason = |record: &FleetRecord| {
        record
            .last_decision
            .as_ref()
            .map(|decision| decision.reason.clone())
    };
    let quiet = FleetRecord {
        last_decision: before.last_decision.clone(),
        ..after.clone()
    };
    *before != quiet || reason(before) != reason(after)
}

/// Launches what was reserved, and records what came of it. A lost answer leaves the place reserved, for a later run.
async fn launch<B: Backend, F: Fleet>(
    backend: &B,
    fleet: &F,
    place: &Reservation,
    now: Timestamp,
) -> Result<bool, StoreError> {
    match fleet.launch(&place.token).await {
        Ok(id) => {
            amend_fleet(backend.store(), |record| {
                record.launched(&place.token, &id, now);
            })
            .await?;
            Ok(true)
        }
        Err(error @ LaunchError::Unanswered(_)) => {
            tracing::warn!(token = place.token, error = %error, "the place stays reserved");
            Ok(false)
        }
        Err(
            error @ (LaunchError::NoCapacity(_)
            | LaunchError::LimitReached(_)
            | LaunchError::Failed(_)),
        ) => {
            tracing::warn!(token = place.token, error = %error, "an instance was not launched");
            amend_fleet(backend.store(), |record| {
                record.refused(&place.token, &error.to_string(), now);
            })
            .await?;
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests;
