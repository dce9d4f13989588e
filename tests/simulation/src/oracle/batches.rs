//! What a batch promises: no more of its jobs at a time than it says, each entry encoded as one job, and counts that are true.

use std::sync::Arc;

use nommer_core::{
    batch::Batch,
    error::Code,
    id::BatchId,
    job::{Job, StateName},
    ports::{BatchStore as _, JobFilter, JobStore as _},
};

use super::oracle;
use crate::world::World;

/// A batch was accepted.
pub fn accepted_batch(world: &World, id: &BatchId) {
    let known = oracle(world).batches.insert(id.clone());
    world.log(|| format!("{id} is accepted"));
    if known && oracle(world).batches.len() > 1 {
        world.violated(|| format!("one idempotency key has {id} and another batch"));
    }
}

/// A job of a batch was created.
pub(super) async fn created_of_batch(world: &Arc<World>, job: &Job, live: &[Job]) {
    let Some(place) = &job.batch else { return };
    let found = world.memory.store.batch(&place.id).await;
    let Ok(Some((batch, _))) = found else {
        return world.violated(|| format!("{} is of no batch", job.id));
    };
    if batch.id.job(place.entry) != job.id {
        world.violated(|| format!("{} has the name of another entry", job.id));
    }
    let of_batch = live.iter().filter(|other| {
        other
            .batch
            .as_ref()
            .is_some_and(|other| other.id == batch.id)
    });
    if of_batch.count() > batch.target_queue as usize {
        world.violated(|| {
            format!(
                "{} has more jobs than {} at a time",
                batch.id, batch.target_queue
            )
        });
    }
}

/// Each batch once more, when all is quiet.
pub(super) async fn batches_at_the_end(world: &Arc<World>) {
    let accepted: Vec<BatchId> = oracle(world).batches.iter().cloned().collect();
    for id in &accepted {
        match world.memory.store.batch(id).await {
            Ok(Some((batch, _))) if batch.ended_at.is_some() => true_counts(world, &batch).await,
            found => world.violated(|| format!("{id} was accepted and has not ended: {found:?}")),
        }
    }
}

async fn true_counts(world: &Arc<World>, batch: &Batch) {
    let filter = JobFilter {
        batch: Some(batch.id.clone()),
        limit: u32::MAX,
        ..JobFilter::default()
    };
    let jobs = world.memory.store.list(&filter).await.unwrap_or_default();
    let count = |states: &[StateName]| {
        let ended = jobs.iter().filter(|job| states.contains(&job.state.name()));
        u32::try_from(ended.count()).unwrap_or(u32::MAX)
    };
    let entries = batch.entries;
    let jobless = entries - u32::try_from(jobs.len()).unwrap_or(u32::MAX);
    let conflicts = batch.failures.iter();
    let conflicts = conflicts.filter(|failure| failure.error.code == Code::DestConflict);
    let conflicts = u32::try_from(conflicts.count()).unwrap_or(u32::MAX);
    let failed = u32::try_from(batch.failures.len()).unwrap_or(u32::MAX);
    let finished = count(&[StateName::Finished]);
    let bad = count(&[StateName::Error, StateName::Abandoned]);
    let canceled = count(&[StateName::Canceled]);
    let right = batch.finished == finished
        && batch.finished + failed + batch.canceled == entries
        && failed <= bad + conflicts
        && batch.canceled <= canceled + jobless;
    if !right || (batch.cancel_asked_at.is_none() && jobless > conflicts) {
        world.violated(|| {
            format!(
                "{batch:?} has other jobs: {finished} finished, {bad} failed, {canceled} canceled"
            )
        });
    }
}
