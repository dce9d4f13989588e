//! The table, the queues and the keys as one process sees them: the ones in memory, behind faults and planted bugs. Whatever is
//! written passes the oracle.

mod batches;
mod fleet;
mod keys;
mod queue;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use nommer_core::{
    id::{JobId, KeyId},
    job::{Job, JobOutline, JobState},
    lane::Lane,
    lease::LeaseToken,
    memory::{MemoryOutputs, MemoryUploads},
    notify::Notification,
    ports::{
        Backend, Created, IdempotencyKey, JobFilter, JobStore, NotificationStore as _, StoreError,
        Version,
    },
};
use tokio::time::Instant;

pub use queue::{SimQueue, SimSecrets, Wake};

use crate::{mutants::Mutant, oracle, process::Process, world::Cached};

/// How old a stale listing may be.
const STALE: Duration = Duration::from_secs(30);

/// One process's view of the system.
#[derive(Debug)]
pub struct Side {
    store: SimStore,
    jobs: SimQueue,
    bulk: SimQueue,
    states: SimQueue,
    secrets: SimSecrets,
}

impl Side {
    /// The view of this process.
    pub fn of(process: &Arc<Process>) -> Arc<Self> {
        let queue = |jobs| SimQueue {
            process: Arc::clone(process),
            jobs,
        };
        Arc::new(Self {
            store: SimStore {
                process: Arc::clone(process),
                claimed: Mutex::default(),
            },
            jobs: queue(Some(Lane::Default)),
            bulk: queue(Some(Lane::Bulk)),
            states: queue(None),
            secrets: SimSecrets(Arc::clone(process)),
        })
    }
}

impl Backend for Side {
    type Store = SimStore;
    type Queue = SimQueue;
    type Secrets = SimSecrets;
    type Uploads = MemoryUploads;
    type Outputs = MemoryOutputs;

    fn store(&self) -> &SimStore {
        &self.store
    }

    fn job_queue(&self, lane: Lane) -> &SimQueue {
        match lane {
            Lane::Default => &self.jobs,
            Lane::Bulk => &self.bulk,
        }
    }

    fn state_queue(&self) -> &SimQueue {
        &self.states
    }

    fn secrets(&self) -> &SimSecrets {
        &self.secrets
    }

    fn uploads(&self) -> Option<&MemoryUploads> {
        None
    }

    fn outputs(&self) -> Option<&MemoryOutputs> {
        None
    }
}

/// The table as one process sees it.
#[derive(Debug)]
pub struct SimStore {
    pub(crate) process: Arc<Process>,
    /// The leases that this process took, for planted bugs.
    claimed: Mutex<BTreeMap<JobId, LeaseToken>>,
}

impl SimStore {
    fn has(&self, mutant: Mutant) -> bool {
        self.process.world.has(mutant)
    }

    /// A listing, which may be an old one.
    pub(crate) async fn listing<T: Clone>(
        &self,
        cache: &Cached<T>,
        fresh: impl Future<Output = Result<Vec<T>, StoreError>> + Send,
    ) -> Result<Vec<T>, StoreError> {
        let world = &self.process.world;
        if world.chance(world.faults().stale) {
            let cached = cache.lock().expect("no holder panics");
            if let Some((at, listing)) = &*cached
                && at.elapsed() < STALE
            {
                world.log(|| format!("{} sees an old listing", self.process.name));
                return Ok(listing.clone());
            }
        }
        let listing = fresh.await?;
        *cache.lock().expect("no holder panics") = Some((Instant::now(), listing.clone()));
        Ok(listing)
    }

    /// What a planted bug makes of a job that is read.
    fn misread(&self, job: &mut Job) {
        let Some(mutant) = self.process.world.mutant else {
            return;
        };
        if mutant == Mutant::EndOverwritten
            && job.state.ended()
            && self.process.name.starts_with("cancel")
        {
            job.state = JobState::Pending { not_before: None };
        }
        let claimed = self.claimed.lock().expect("no holder panics");
        let own = claimed.get(&job.id);
        if let JobState::Running { lease, .. } = &mut job.state {
            match (mutant, own) {
                (Mutant::NoFencing, Some(own)) => lease.token = own.clone(),
                (Mutant::LeaseIgnored, None) if self.process.encoder => {
                    lease.until = jiff::Timestamp::MIN;
                }
                _ => {}
            }
        }
    }

    /// What a planted bug makes of a job that is written over `old`.
    fn miswrite(&self, old: &Job, job: &mut Job) {
        // In every write: an encoder writes over what it has seen, which was counted.
        if self.has(Mutant::AttemptsUncounted) {
            job.attempts = old.attempts;
        }
        if job.epoch > old.epoch
            && let Some(lease) = job.state.lease()
        {
            let mut claimed = self.claimed.lock().expect("no holder panics");
            claimed.insert(job.id.clone(), lease.token.clone());
            match self.process.world.mutant {
                Some(Mutant::SameEpoch) if old.epoch > 0 => {
                    job.epoch = old.epoch;
                    if let JobState::Running { lease, .. } = &mut job.state {
                        lease.token.epoch = old.epoch;
                    }
                }
                _ => {}
            }
        } else if self.has(Mutant::BeatExtendsNothing)
            && let (JobState::Running { lease: before, .. }, JobState::Running { lease, .. }) =
                (&old.state, &mut job.state)
        {
            lease.until = before.until;
        }
    }

    async fn write(
        &self,
        job: &Job,
        read: Version,
        notifications: &[Notification],
    ) -> Result<Version, StoreError> {
        let world = &self.process.world;
        let base = &world.memory.store;
        let Some((old, found)) = base.get(&job.id).await? else {
            return base.put(job, read, notifications).await;
        };
        let mut job = job.clone();
        self.miswrite(&old, &mut job);
        let read = if self.has(Mutant::UnconditionalWrite) {
            found
        } else {
            read
        };
        let written = match world.mutant {
            Some(Mutant::NotificationUnwritten) => base.put(&job, read, &[]).await,
            Some(Mutant::OnlyFirstNotification)
                if !base.notifications(&job.id).await?.is_empty() =>
            {
                base.put(&job, read, &[]).await
            }
            _ => base.put(&job, read, notifications).await,
        };
        if written.is_ok() {
            world.log(|| {
                let (name, state) = (&self.process.name, &job.state);
                format!(
                    "{name} writes {}: {state:?}, epoch {}, attempt {}",
                    job.id, job.epoch, job.attempts
                )
            });
            oracle::written(world, &old, &job);
        }
        written
    }
}

impl JobStore for SimStore {
    async fn create(&self, job: &Job, key: Option<&IdempotencyKey>) -> Result<Created, StoreError> {
        self.process.enter("create").await?;
        let base = &self.process.world.memory.store;
        let created = match self.process.world.mutant {
            Some(Mutant::AcceptUnwritten) => Ok(Created::New),
            Some(Mutant::KeyForgotten) => base.create(job, None).await,
            Some(Mutant::DestinationShared) => {
                base.put(job, Version(0), &[]).await.map(|_| Created::New)
            }
            _ => base.create(job, key).await,
        };
        if let Ok(Created::New) = &created {
            oracle::created(&self.process.world, job).await;
        }
        self.process.leave("create").await?;
        created
    }

    async fn get(&self, id: &JobId) -> Result<Option<(Job, Version)>, StoreError> {
        let base = &self.process.world.memory.store;
        let mut found = self.process.call("get", base.get(id)).await?;
        if let Some((job, _)) = &mut found {
            self.misread(job);
        }
        Ok(found)
    }

    async fn put(
        &self,
        job: &Job,
        read: Version,
        notifications: &[Notification],
    ) -> Result<Version, StoreError> {
        let writing = self.write(job, read, notifications);
        self.process.call("put", writing).await
    }

    async fn unfinished(&self) -> Result<Vec<JobOutline>, StoreError> {
        let world = &self.process.world;
        let fresh = world.memory.store.unfinished();
        let listing = self.listing(&world.unfinished, fresh);
        let mut jobs = self.process.call("unfinished", listing).await?;
        if self.process.name.starts_with("prune") {
            let running = |job: &JobOutline| matches!(job.state, JobState::Running { .. });
            match world.mutant {
                Some(Mutant::NoResend) => jobs.retain(running),
                Some(Mutant::NoLapse | Mutant::DeleteBeforeWork) => {
                    jobs.retain(|job| !running(job));
                }
                _ => {}
            }
        }
        Ok(jobs)
    }

    async fn unfinished_of(&self, owner: &KeyId, most: u32) -> Result<u32, StoreError> {
        let base = &self.process.world.memory.store;
        self.process
            .call("unfinished_of", base.unfinished_of(owner, most))
            .await
    }

    async fn list(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        let base = &self.process.world.memory.store;
        self.process.call("list", base.list(filter)).await
    }

    async fn delete(&self, id: &JobId, read: Version) -> Result<(), StoreError> {
        let base = &self.process.world.memory.store;
        self.process.call("delete", base.delete(id, read)).await
    }
}
