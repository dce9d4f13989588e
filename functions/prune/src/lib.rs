//! `prune`: repairs what a crash or a lost message left behind. Runs every minute; running twice at once does no harm.
//!
//! It looks at jobs that have not ended and at instances, plans (in `core`), and carries out each repair on its own: one that
//! fails is logged and comes up again in the next run.

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    commit::{Committed, advance},
    id::{InstanceId, JobId},
    instance::{Instance, InstanceState},
    job::Event,
    ports::{
        Backend, BatchStore, Fleet, FleetStore, JobQueue, JobStore, NotificationStore, StoreError,
        Version,
    },
    prune::{PruneAction, PrunePolicy, plan_prune, plan_stillborn},
};

/// A notification that has been due for so long has lost its message.
const NOTIFY_LATE: Duration = Duration::from_secs(60);

/// Most jobs whose notifications are sent again in one run; the rest comes in the next.
const NOTIFY_AT_ONCE: u32 = 1_000;

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Jobs that were changed or queued again.
    pub jobs: usize,
    /// Instances that were ended.
    pub instances: usize,
    /// Jobs whose notifications were queued again.
    pub notified: usize,
    /// Batches that were moved on, or looked at in vain.
    pub batches: usize,
    /// Repairs that failed.
    pub failed: usize,
}

/// One run.
pub async fn prune<B: Backend, F: Fleet>(
    backend: &B,
    fleet: &F,
    policy: &PrunePolicy,
    now: Timestamp,
) -> Result<Pruned, StoreError> {
    let jobs = backend.store().unfinished().await?;
    // The record comes first: an instance that it shows as silent and that has a row since then is not stillborn.
    let (record, _) = backend.store().fleet().await?;
    let known = backend.store().instances(now).await?;
    let instances: Vec<Instance> = known.iter().map(|(instance, _)| instance.clone()).collect();
    let mut pruned = Pruned::default();
    let mut actions = plan_prune(&jobs, &instances, &record.standstill, policy, now);
    actions.extend(plan_stillborn(&record, &instances, now));
    for action in actions {
        let done = match &action {
            PruneAction::Lapse(id) => {
                let margin = policy.lease_margin;
                change(backend, id, Event::Lapse { margin }, now).await
            }
            PruneAction::Resend(id) => change(backend, id, Event::Resent, now).await,
            PruneAction::Abandon(id) => {
                let silence = policy.abandon_after;
                change(backend, id, Event::Abandon { silence }, now).await
            }
            PruneAction::Terminate(id) => terminate(backend, fleet, id, &known).await,
        };
        match (done, &action) {
            (Ok(()), PruneAction::Terminate(_)) => pruned.instances += 1,
            (Ok(()), PruneAction::Lapse(_) | PruneAction::Resend(_) | PruneAction::Abandon(_)) => {
                pruned.jobs += 1;
            }
            (Err(error), _) => {
                tracing::warn!(action = ?action, error = ?error, "a repair failed and is tried again in the next run");
                pruned.failed += 1;
            }
        }
    }
    pruned.notified = renotify(backend, now).await?;
    move_batches(backend, &mut pruned, now).await?;
    if pruned != Pruned::default() {
        tracing::info!(?pruned, "pruned");
    }
    Ok(pruned)
}

/// A message of the job was received too often. Not a fault if the job is gone or in somebody's hands.
pub async fn dead_letter<B: Backend>(
    backend: &B,
    id: &JobId,
    now: Timestamp,
) -> Result<(), StoreError> {
    change(backend, id, Event::DeadLetter, now).await
}

async fn change<B: Backend>(
    backend: &B,
    id: &JobId,
    event: Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Committed::Changed { job, unsent, .. } = backend.table().apply(id, event, now).await? {
        tracing::info!(job.id = %id, job.state = %job.state.name(), details = job.state_details(), "job repaired");
        if let Some(error) = unsent.into_iter().next() {
            return Err(error);
        }
    }
    Ok(())
}

async fn terminate<B: Backend, F: Fleet>(
    backend: &B,
    fleet: &F,
    id: &InstanceId,
    known: &[(Instance, Version)],
) -> Result<(), StoreError> {
    fleet.terminate(id).await?;
    let Some((instance, version)) = known.iter().find(|(instance, _)| instance.id == *id) else {
        return Ok(());
    };
    let mut gone = instance.clone();
    gone.state = InstanceState::Gone;
    match backend.store().put_instance(&gone, *version).await {
        // It was heard of after all; the next run looks again.
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Puts jobs with overdue notifications into the state-change queue again.
async fn renotify<B: Backend>(backend: &B, now: Timestamp) -> Result<usize, StoreError> {
    let late = now.checked_sub(NOTIFY_LATE).unwrap_or(Timestamp::MIN);
    let jobs = backend.store().jobs_to_notify(late, NOTIFY_AT_ONCE).await?;
    for id in &jobs {
        backend.state_queue().send(id, Duration::ZERO).await?;
    }
    Ok(jobs.len())
}

/// Moves every batch on: one whose message was lost, and one that waits for room.
async fn move_batches<B: Backend>(
    backend: &B,
    pruned: &mut Pruned,
    now: Timestamp,
) -> Result<(), StoreError> {
    for id in backend.store().unfinished_batches().await? {
        match advance(backend, &id, now).await {
            Ok(_) => pruned.batches += 1,
            Err(error) => {
                tracing::warn!(batch.id = %id, error = ?error, "a batch was not moved on and is looked at again in the next run");
                pruned.failed += 1;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
