//! Read, apply, write, then carry out: the one way in which any part of the system changes a job, or what belongs to another part.
//!
//! The write comes before every message. A message that cannot be sent is no failure: prune sends it again.

mod batch;
mod fleet;
mod seen;

pub use batch::{advance, cancel_batch};
pub use fleet::{amend_fleet, request_drain, request_drain_of_all};
pub use seen::Seen;

use jiff::Timestamp;

use crate::{
    id::JobId,
    job::{Applied, Denied, Effect, Event, Job, SCHEMA},
    lane::Lane,
    log::JobLog,
    notify::Notification,
    ports::{JobQueue, JobStore, StoreError, Version},
};

/// How often a change is tried again when somebody else wrote first.
///
/// Each loss means that another writer succeeded, so progress is made; more than a few in a row means that something is wrong.
const CONFLICTS: u32 = 16;

/// The store and the queues that a change touches.
#[derive(Debug)]
pub struct Table<'a, S, Q> {
    /// Where jobs live.
    pub store: &'a S,
    /// Hints for encoders.
    pub job_queue: &'a Q,
    /// Hints for encoders that have nothing else to do.
    pub bulk_queue: &'a Q,
    /// Hints for state-change.
    pub state_queue: &'a Q,
}

impl<S, Q> Clone for Table<'_, S, Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, Q> Copy for Table<'_, S, Q> {}

/// What became of an event.
#[derive(Debug)]
pub enum Committed {
    /// The job changed and is stored so.
    Changed {
        /// The job now.
        job: Box<Job>,
        /// The version that it is stored as.
        version: Version,
        /// Messages that could not be sent; prune will.
        unsent: Vec<StoreError>,
    },
    /// There was nothing to do.
    Ignored(Box<Job>),
    /// It was not allowed.
    Denied(Denied, Box<Job>),
    /// There is no such job.
    Missing,
}

impl<S: JobStore, Q: JobQueue> Table<'_, S, Q> {
    /// Applies one event to one job, again and again until no other writer comes between.
    pub async fn apply(
        &self,
        id: &JobId,
        event: Event,
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        self.apply_with(id, event, now, None).await
    }

    /// The same with what FFmpeg said, which is kept with the change.
    async fn apply_with(
        &self,
        id: &JobId,
        event: Event,
        now: Timestamp,
        log: Option<JobLog>,
    ) -> Result<Committed, StoreError> {
        for _ in 0..CONFLICTS {
            let Some((mut job, version)) = self.store.get(id).await? else {
                return Ok(Committed::Missing);
            };
            // A newer version of the system wrote it, and knows what to do with it.
            if job.schema > SCHEMA {
                return Ok(Committed::Ignored(Box::new(job)));
            }
            let effects = match job.apply(event.clone(), now) {
                Applied::Changed(effects) => effects,
                Applied::Ignored => return Ok(Committed::Ignored(Box::new(job))),
                Applied::Denied(reason) => return Ok(Committed::Denied(reason, Box::new(job))),
            };
            job.log.clone_from(&log);
            match self.put(job, version, &effects).await {
                Err(StoreError::Conflict) => {}
                ended => return ended,
            }
        }
        Err(StoreError::Conflict)
    }

    /// The same for a writer that has seen the job before: it is not read again unless somebody else wrote meanwhile.
    ///
    /// Only a change that is stored over just what was seen counts without a look; every "no" is the table's own.
    pub async fn apply_to(
        &self,
        seen: &Seen,
        event: Event,
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        let log = seen.log();
        if let Some((mut job, version)) = seen.get()
            && let Applied::Changed(effects) = job.apply(event.clone(), now)
        {
            job.log.clone_from(&log);
            match self.put(job, version, &effects).await {
                Err(StoreError::Conflict) => {}
                ended => {
                    seen.note(&ended);
                    return ended;
                }
            }
        }
        let ended = self.apply_with(seen.id(), event, now, log).await;
        seen.note(&ended);
        ended
    }

    /// Stores a changed job over the version that was read, then sends what the change asks for.
    async fn put(
        &self,
        job: Job,
        read: Version,
        effects: &[Effect],
    ) -> Result<Committed, StoreError> {
        let version = self.store.put(&job, read, &notifications(effects)).await?;
        let unsent = self.carry_out(&job, effects).await;
        Ok(Committed::Changed {
            job: Box::new(job),
            version,
            unsent,
        })
    }

    async fn carry_out(&self, job: &Job, effects: &[Effect]) -> Vec<StoreError> {
        let id = &job.id;
        let queue = match job.spec.lane() {
            Lane::Default => self.job_queue,
            Lane::Bulk => self.bulk_queue,
        };
        let mut unsent = Vec::new();
        for effect in effects {
            if let Effect::Enqueue { delay } = effect {
                unsent.extend(queue.send(id, *delay).await.err());
            }
        }
        // One hint, however many are to be told.
        if effects
            .iter()
            .any(|effect| matches!(effect, Effect::Notify(_) | Effect::MoveBatch))
        {
            let sent = self.state_queue.send(id, std::time::Duration::ZERO).await;
            unsent.extend(sent.err());
        }
        unsent
    }
}

fn notifications(effects: &[Effect]) -> Vec<Notification> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Notify(notification) => Some(Notification::clone(notification)),
            Effect::Enqueue { .. } | Effect::MoveBatch => None,
        })
        .collect()
}
