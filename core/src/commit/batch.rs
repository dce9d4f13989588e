//! Moving a batch on: looks at its live jobs, makes those that are noted and not made, and begins more where there is room.
//!
//! Runs whenever a job of a batch ends and on every run of prune, any number of times at once. An entry is noted before its job is
//! made, and its job's name is known beforehand: whoever dies in between leaves nothing that is made twice or forgotten.

use std::time::Duration;

use jiff::Timestamp;

use super::Committed;
use crate::{
    batch::{Batch, Live},
    error::{Code, JobError},
    id::BatchId,
    job::{Event, Job},
    notify::Notification,
    ports::{Backend, BatchStore, Created, JobQueue, JobStore, KeyStore, StoreError},
};

/// Most times that a batch is written in one go. What is left is done by the next one.
const ROUNDS: u32 = 32;

/// Moves a batch on as far as it goes now. Gives it as it is stored then; none if there is no such batch.
pub async fn advance<B: Backend>(
    backend: &B,
    id: &BatchId,
    now: Timestamp,
) -> Result<Option<Batch>, StoreError> {
    let mut last = None;
    for _ in 0..ROUNDS {
        let Some((read, version)) = backend.store().batch(id).await? else {
            return Ok(None);
        };
        if read.ended_at.is_some() {
            return Ok(Some(read));
        }
        let mut batch = read.clone();
        for live in &read.live {
            look(backend, &mut batch, *live, now).await?;
        }
        begin(backend, &mut batch, now).await?;
        batch.conclude(now);
        if batch == read {
            return Ok(Some(batch));
        }
        match backend.store().put_batch(&batch, version).await {
            Ok(_) => last = Some(batch),
            // Somebody else moved it on, or canceled it.
            Err(StoreError::Conflict) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(last)
}

/// Wants no more of a batch, and cancels its jobs.
pub async fn cancel_batch<B: Backend>(
    backend: &B,
    id: &BatchId,
    now: Timestamp,
) -> Result<Option<Batch>, StoreError> {
    for _ in 0..ROUNDS {
        let Some((mut batch, version)) = backend.store().batch(id).await? else {
            return Ok(None);
        };
        batch.cancel(now);
        match backend.store().put_batch(&batch, version).await {
            Ok(_) => return advance(backend, id, now).await,
            Err(StoreError::Conflict) => {}
            Err(fault) => return Err(fault),
        }
    }
    Err(StoreError::Conflict)
}

/// Looks at the job of a live entry, and makes it if it is not made yet.
async fn look<B: Backend>(
    backend: &B,
    batch: &mut Batch,
    live: Live,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = batch.job_id(live.entry);
    let mut job = backend.store().get(&id).await?.map(|(job, _)| job);
    if job.is_none() && !live.made {
        job = make(backend, batch, live.entry, now).await?;
    }
    // One that is not made yet is made first: else whoever noted it could make it after.
    if batch.cancel_asked_at.is_some() && job.as_ref().is_some_and(|job| !job.state.ended()) {
        let canceled = backend.table().apply(&id, Event::Cancel, now).await?;
        if let Committed::Changed { job: after, .. } | Committed::Ignored(after) = canceled {
            job = Some(*after);
        }
    }
    batch.note(live.entry, job.as_ref());
    Ok(())
}

/// Makes the job of an entry. None if it cannot be made; then the entry has failed.
async fn make<B: Backend>(
    backend: &B,
    batch: &mut Batch,
    number: u32,
    now: Timestamp,
) -> Result<Option<Job>, StoreError> {
    let Some(entry) = backend.store().batch_entry(&batch.id, number).await? else {
        let error = JobError::new(Code::Internal, "what its job is made of is gone");
        batch.fail(number, None, error);
        return Ok(None);
    };
    let job = batch.job_of(number, entry, now);
    match backend.store().create(&job, None).await {
        Ok(Created::New) => {
            // From here on the job is safe: prune repairs a lost message.
            let queue = backend.job_queue(job.spec.lane());
            queue.send(&job.id, Duration::ZERO).await.ok();
            if !Notification::of_new(&job).is_empty() {
                let queue = backend.state_queue();
                queue.send(&job.id, Duration::ZERO).await.ok();
            }
            Ok(Some(job))
        }
        Ok(Created::DestinationTaken { job_id: rival }) if rival != job.id => {
            let message = "dest_path is the destination of another job that has not ended";
            let source = job.spec.source_path.redacted();
            batch.fail(
                number,
                Some(source),
                JobError::new(Code::DestConflict, message),
            );
            Ok(None)
        }
        // Somebody else made it meanwhile.
        Ok(Created::DestinationTaken { .. } | Created::Existing { .. })
        | Err(StoreError::Conflict) => {
            let found = backend.store().get(&job.id).await?;
            Ok(found.map(|(job, _)| job))
        }
        Err(fault) => Err(fault),
    }
}

/// Begins more entries, if there is room: a key with as many jobs as it may have waits, however long that takes. One that was revoked
/// gets no more.
async fn begin<B: Backend>(
    backend: &B,
    batch: &mut Batch,
    now: Timestamp,
) -> Result<(), StoreError> {
    if batch.waiting() == 0 {
        return Ok(());
    }
    let Some(owner) = &batch.owner else {
        batch.begin(u32::MAX);
        return Ok(());
    };
    let key = backend.store().key(owner).await?;
    let Some(key) = key.filter(|key| key.revoked_at.is_none()) else {
        batch.cancel(now);
        return Ok(());
    };
    let room = match key.grant.queued_jobs {
        None => u32::MAX,
        Some(most) => {
            let unmade = batch.live.iter().filter(|live| !live.made).count();
            let used = backend.store().unfinished_of(owner, most).await?;
            most.saturating_sub(used)
                .saturating_sub(u32::try_from(unmade).unwrap_or(u32::MAX))
        }
    };
    batch.begin(room);
    Ok(())
}
