//! `scale`: launches encoders for the work that waits. Runs every minute and whenever a job is submitted.
//!
//! Observe, plan (in `core`), execute. Each launch is reserved in the fleet's record by compare-and-set before it is made, so that
//! any number of runs at once launch no more than one of them would. A run that dies between reserving and launching is
//! repaired by a later one, with the same token.

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    fleet::{
        FleetRecord, FleetSettings, InstanceState as Seen, InstanceView, Observation, Reservation,
        ScalePlan, SeenInstance, WaitingJob, plan_scale,
    },
    id::InstanceId,
    instance::{Instance, InstanceState},
    job::{Job, JobState},
    ports::{Backend, Fleet, FleetStore, JobStore, LaunchError, Machine, StoreError, Version},
};

/// How often a record is written again when another run wrote first.
const CONFLICTS: u32 = 16;

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
}

/// One run.
pub async fn scale<B: Backend, F: Fleet>(
    backend: &B,
    fleet: &F,
    settings: &FleetSettings,
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
    let overdue = record.overdue(now);
    let plan = plan_scale(
        &observe(&record, &instances, &jobs, settings, now),
        settings,
        now,
    );
    let reserved = record.reserve(&plan, settings, now);
    if !worth_writing(&before, &record) {
        return Ok(done(&plan, 0, 0));
    }
    record.version = version.0 + 1;
    match backend.store().put_fleet(&record, version).await {
        Ok(_) => {}
        Err(StoreError::Conflict) => {
            // Another run decided from the same facts. It wakes nobody twice.
            return Ok(done(&plan, 0, 0));
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
    if launched + failed > 0 {
        tracing::info!(launched, failed, reason = plan.reason, "scaled");
    }
    Ok(done(&plan, launched, failed))
}

fn done(plan: &ScalePlan, launched: u32, failed: u32) -> Scaled {
    Scaled {
        launched,
        failed,
        reason: plan.reason.clone(),
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

/// What runs, by the listing; and what ran, by the table: an instance that has a row and is not listed has ended.
fn seen(record: &FleetRecord, machines: &[Machine], instances: &[Instance]) -> Vec<SeenInstance> {
    let reported = |id: &InstanceId| instances.iter().any(|instance| instance.id == *id);
    let listed = |id: &InstanceId| machines.iter().any(|machine| machine.id == *id);
    let running = machines.iter().map(|machine| SeenInstance {
        id: machine.id.clone(),
        token: Some(machine.token.clone()),
        alive: true,
        reported: reported(&machine.id),
    });
    let places = record.reservations.iter();
    let heard = places.filter_map(|place| Some((place.instance()?, place.has_reported())));
    let ended = heard
        .filter(|(id, known)| (*known || reported(id)) && !listed(id))
        .map(|(id, _)| SeenInstance {
            id: id.clone(),
            token: None,
            alive: false,
            reported: true,
        });
    running.chain(ended).collect()
}

fn observe(
    record: &FleetRecord,
    instances: &[Instance],
    jobs: &[Job],
    settings: &FleetSettings,
    now: Timestamp,
) -> Observation {
    let waiting = jobs.iter().filter_map(|job| match &job.state {
        // A job that cools off needs no encoder yet.
        JobState::Pending { not_before } if not_before.is_none_or(|until| until <= now) => {
            Some(WaitingJob {
                work: None,
                since: job
                    .history
                    .last()
                    .map_or(job.created_at, |change| change.at),
            })
        }
        JobState::Pending { .. }
        | JobState::Running { .. }
        | JobState::Finished
        | JobState::Error(_)
        | JobState::Abandoned(_)
        | JobState::Canceled => None,
    });
    Observation {
        waiting: waiting.collect(),
        instances: record
            .reservations
            .iter()
            .map(|place| view(place, instances, settings))
            .collect(),
        hold: record.hold(now),
        ..Observation::default()
    }
}

/// A place in the fleet as the planner sees it.
fn view(place: &Reservation, instances: &[Instance], settings: &FleetSettings) -> InstanceView {
    let row = place
        .instance()
        .and_then(|id| instances.iter().find(|instance| instance.id == *id));
    let (state, job_slots, jobs) = match row {
        Some(row) => {
            let state = match row.state {
                InstanceState::Ready if !row.drain_requested => Seen::Ready,
                InstanceState::Ready | InstanceState::Draining | InstanceState::Gone => {
                    Seen::Draining
                }
            };
            (state, row.slots, row.jobs.len())
        }
        // It has reported and its row says that it is gone: it is on its way out.
        None if place.has_reported() => (Seen::Draining, 0, 0),
        None => (
            Seen::Booting { since: place.since },
            settings.jobs_per_instance,
            0,
        ),
    };
    InstanceView {
        state,
        job_slots,
        jobs: vec![None; jobs],
    }
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
            amend(backend, |record| {
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
            amend(backend, |record| {
                record.refused(&place.token, &error.to_string(), now);
            })
            .await?;
            Ok(false)
        }
    }
}

/// Changes the fleet's record whatever other runs write meanwhile.
async fn amend<B: Backend>(
    backend: &B,
    change: impl Fn(&mut FleetRecord),
) -> Result<(), StoreError> {
    for _ in 0..CONFLICTS {
        let (mut record, Version(version)) = backend.store().fleet().await?;
        change(&mut record);
        record.version = version + 1;
        match backend.store().put_fleet(&record, Version(version)).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Conflict) => {}
            Err(fault) => return Err(fault),
        }
    }
    Err(StoreError::Conflict)
}

#[cfg(test)]
mod tests;
