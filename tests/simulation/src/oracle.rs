//! The promises, watched over: each write, each visible output and each delivery is looked at when it happens, and everything once
//! more at the end.

mod batches;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, MutexGuard},
};

use nommer_core::{
    error::Code,
    fleet::ReservationState,
    id::{BatchId, JobId},
    job::{Job, JobState, Stage, StateName},
    notify::{DeliveryStatus, Notification},
    ports::{BatchStore as _, FleetStore as _, JobStore as _, NotificationStore as _},
};

pub use batches::accepted_batch;

use crate::{cloud::look, world::World};

/// What was seen.
#[derive(Debug, Default)]
pub struct Oracle {
    /// The first promise that was broken.
    pub violation: Option<String>,
    /// Jobs for which submit answered with success.
    accepted: BTreeSet<JobId>,
    /// Batches that were accepted.
    batches: BTreeSet<BatchId>,
    /// The job of each idempotency key.
    keys: BTreeMap<String, JobId>,
    /// Attempts that encoded: the job's id and the epoch.
    encodes: BTreeSet<String>,
    /// Ids under which each notification arrived.
    delivered: BTreeMap<(String, u64), BTreeSet<String>>,
}

fn oracle(world: &World) -> MutexGuard<'_, Oracle> {
    world.oracle.lock().expect("no holder panics")
}

/// Submit answered with success.
pub fn accepted(world: &World, key: Option<&str>, id: &JobId) {
    let mut oracle = oracle(world);
    oracle.accepted.insert(id.clone());
    let known = key.and_then(|key| oracle.keys.insert(key.to_owned(), id.clone()));
    drop(oracle);
    world.log(|| format!("{id} is accepted"));
    if known.as_ref().is_some_and(|known| known != id) {
        world.violated(|| format!("one idempotency key has the jobs {known:?} and {id}"));
    }
}

/// How many jobs were accepted.
pub fn count(world: &World) -> usize {
    oracle(world).accepted.len()
}

/// A job was created.
pub async fn created(world: &Arc<World>, job: &Job) {
    let live = world.memory.store.live();
    let rival = live
        .iter()
        .find(|other| other.id != job.id && other.live_destination() == job.live_destination());
    if let Some(rival) = rival {
        world.violated(|| format!("{} and {} share a destination", rival.id, job.id));
    }
    batches::created_of_batch(world, job, &live).await;
}

/// A job was written over what was there.
pub fn written(world: &Arc<World>, old: &Job, new: &Job) {
    let id = &new.id;
    if old.state.ended() {
        world.violated(|| format!("{id} had ended as {} and was written", old.state.name()));
    }
    if new.sequence < old.sequence || new.epoch < old.epoch {
        world.violated(|| format!("{id} went back in time"));
    }
    if new.attempts > new.spec.max_attempts {
        world.violated(|| format!("{id} has more attempts than allowed"));
    }
    let taken = |job: &Job| job.state.lease().map(|lease| lease.token.clone());
    if taken(new).is_some() && taken(new) != taken(old) && new.epoch <= old.epoch {
        world.violated(|| format!("{id} was claimed under an old epoch"));
    }
    match &new.state {
        JobState::Finished => finished(world, new),
        JobState::Abandoned(error) if error.code == Code::Abandoned => {
            world.violated(|| format!("{id} was given up in silence"));
        }
        JobState::Error(error) if error.code == Code::DestConflict && own(world, new) => {
            world.violated(|| format!("{id} is in conflict with itself"));
        }
        _ => {}
    }
}

/// What a finished job says is there must be there, written by the attempt that finished it.
fn finished(world: &Arc<World>, job: &Job) {
    let objects = world.objects.lock().expect("no holder panics");
    let object = job
        .destination()
        .and_then(|place| objects.at(&place.identity()));
    let by = object.map(|object| object.by.clone());
    drop(objects);
    if by != Some(attempt(job)) {
        world.violated(|| format!("{} finished and the output is by {by:?}", attempt(job)));
    }
}

/// Whether what is at the destination comes from this job.
fn own(world: &World, job: &Job) -> bool {
    let objects = world.objects.lock().expect("no holder panics");
    let object = job
        .destination()
        .and_then(|place| objects.at(&place.identity()));
    object.is_some_and(|object| object.by.starts_with(job.id.as_str()))
}

fn attempt(job: &Job) -> String {
    format!("{}-{}", job.id, job.epoch)
}

/// An attempt begins to encode.
pub fn encodes(world: &World, name: &str) {
    if !oracle(world).encodes.insert(name.to_owned()) {
        world.violated(|| format!("{name} encodes twice"));
    }
}

/// An output becomes visible. Whether the attempt may do that is looked up behind everybody's back.
pub fn visible(world: &Arc<World>, name: &str) {
    let job = futures_now(world, name);
    let Some(job) = job else {
        return world.violated(|| format!("{name} publishes for a job that does not exist"));
    };
    match &job.state {
        JobState::Finished => {
            world.violated(|| format!("{name} publishes although the job has finished"));
        }
        JobState::Running { stage, .. } if attempt(&job) == name && *stage < Stage::Publishing => {
            world.violated(|| format!("{name} publishes without leave"));
        }
        _ if world.is_gentle() && attempt(&job) != name => {
            world.violated(|| format!("{name} publishes without need"));
        }
        _ => {}
    }
}

/// The job of an attempt. The table in memory never waits.
fn futures_now(world: &Arc<World>, name: &str) -> Option<Job> {
    let id: JobId = name.rsplit_once('-')?.0.parse().ok()?;
    let reading = std::pin::pin!(world.memory.store.get(&id));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match reading.poll(&mut context) {
        std::task::Poll::Ready(Ok(found)) => found.map(|(job, _)| job),
        _ => None,
    }
}

/// A receiver took a notification.
pub fn delivered(world: &World, job: &str, sequence: u64, id: String) {
    let mut oracle = oracle(world);
    let ids = oracle
        .delivered
        .entry((job.to_owned(), sequence))
        .or_default();
    ids.insert(id);
    if ids.len() > 1 {
        let text = format!("{job} {sequence} arrived under {ids:?}");
        drop(oracle);
        world.violated(|| text);
    }
}

/// Why the run is not over yet, if it is not.
pub async fn unsettled(world: &Arc<World>) -> Option<String> {
    let store = &world.memory.store;
    if let Some(job) = store.live().first() {
        return Some(format!("{} is {:?}", job.id, job.state));
    }
    let moving = store.unfinished_batches().await.unwrap_or_default();
    if let Some(id) = moving.first() {
        return Some(format!("{id} has not ended"));
    }
    let due = store.jobs_to_notify(jiff::Timestamp::MAX, 10).await;
    if let Some(id) = due.unwrap_or_default().first() {
        return Some(format!("a notification of {id} is due"));
    }
    let alive = look(&world.cloud).alive();
    if alive > 0 {
        return Some(format!("{alive} instances live"));
    }
    let (record, _) = store.fleet().await.unwrap_or_default();
    let held = record
        .reservations
        .iter()
        .find(|place| matches!(place.state, ReservationState::Launched { .. }));
    held.map(|place| format!("{:?} holds a place", place.instance()))
}

/// Everything once more, when all is quiet.
pub async fn at_the_end(world: &Arc<World>) {
    let accepted: Vec<JobId> = oracle(world).accepted.iter().cloned().collect();
    for id in &accepted {
        match world.memory.store.get(id).await {
            Ok(Some((job, _))) if job.state.ended() => ended_well(world, &job).await,
            found => world.violated(|| format!("{id} was accepted and is lost: {found:?}")),
        }
    }
    batches::batches_at_the_end(world).await;
    let objects = world.objects.lock().expect("no holder panics");
    let left = objects.staged.values().next().cloned();
    drop(objects);
    if let Some(by) = left
        && world.is_gentle()
    {
        world.violated(|| format!("{by} left a staged output"));
    }
}

async fn ended_well(world: &Arc<World>, job: &Job) {
    let source = job.spec.source_path.redacted();
    let canceled = job.state == JobState::Canceled;
    if world.is_gentle() && source.contains("good") && !canceled {
        if job.state != JobState::Finished {
            world.violated(|| format!("{} ended as {:?} for no reason", job.id, job.state));
        }
        if job.epoch != 1 {
            world.violated(|| format!("{} took {} attempts for no reason", job.id, job.epoch));
        }
    }
    if job.spec.notify.is_some() {
        let stored = world.memory.store.notifications(&job.id).await;
        told(world, job, &stored.unwrap_or_default());
    }
}

/// Every change that a receiver wants to hear of was stored, and arrived.
fn told(world: &World, job: &Job, stored: &[Notification]) {
    let wanted = job.history.iter().filter(|change| {
        change.sequence > 1 && !matches!(change.state, StateName::Encoding | StateName::Uploading)
    });
    for change in wanted {
        let of = (job.id.to_string(), change.sequence);
        let Some(notification) = stored.iter().find(|one| one.sequence == change.sequence) else {
            return world.violated(|| format!("{} has no notification of change {}", of.0, of.1));
        };
        let arrived = oracle(world).delivered.contains_key(&of);
        if !arrived || notification.status != DeliveryStatus::Delivered {
            world.violated(|| {
                format!(
                    "change {} of {} never arrived: {:?}",
                    of.1, of.0, notification.status
                )
            });
        }
    }
}
