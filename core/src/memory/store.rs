//! The table in memory: jobs, their logs, and keys. The rest has files of its own.

mod batches;
mod endpoints;
mod fleet;
mod notifications;
mod presets;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use crate::{
    batch::{Batch, Entry},
    fleet::FleetRecord,
    id::{BatchId, InstanceId, JobId, KeyId},
    instance::Instance,
    job::{Job, JobOutline},
    key::ApiKey,
    log::JobLog,
    notify::{Notification, Target},
    ports::{
        Created, IdempotencyKey, JobFilter, JobStore, KeyStore, LogStore, StoreError, Version,
    },
    stored_preset::StoredPreset,
    webhook::WebhookEndpoint,
};

/// Jobs, notifications, the fleet's record and its instances.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    jobs: BTreeMap<JobId, (Job, Version)>,
    promises: BTreeMap<String, (IdempotencyKey, JobId)>,
    batches: BTreeMap<BatchId, (Batch, Version)>,
    entries: BTreeMap<(BatchId, u32), Entry>,
    keys: BTreeMap<KeyId, ApiKey>,
    logs: BTreeMap<JobId, JobLog>,
    presets: BTreeMap<String, (StoredPreset, Version)>,
    notifications: BTreeMap<NotificationKey, Notification>,
    endpoints: BTreeMap<Option<KeyId>, (Vec<WebhookEndpoint>, Version)>,
    fleet: (FleetRecord, Version),
    instances: BTreeMap<InstanceId, (Instance, Version)>,
}

/// Job, sequence and target.
type NotificationKey = (JobId, u64, Target);

fn key_of(notification: &Notification) -> NotificationKey {
    let (id, target) = (&notification.job_id, &notification.target);
    (id.clone(), notification.sequence, target.clone())
}

impl MemoryStore {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// The jobs that have not ended, as they stand.
    pub fn live(&self) -> Vec<Job> {
        let inner = self.lock();
        let live = inner.jobs.values().filter(|(job, _)| !job.state.ended());
        live.map(|(job, _)| job.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder panics")
    }
}

/// The next version, if the record is at the one that was read.
fn step(found: Version, read: Version) -> Result<Version, StoreError> {
    if found == read {
        Ok(Version(read.0 + 1))
    } else {
        Err(StoreError::Conflict)
    }
}

impl JobStore for MemoryStore {
    async fn create(&self, job: &Job, key: Option<&IdempotencyKey>) -> Result<Created, StoreError> {
        let mut inner = self.lock();
        if let Some((known, job_id)) = key.and_then(|key| inner.promises.get(&key.key))
            && known.expires_at > job.created_at
        {
            return Ok(Created::Existing {
                job_id: job_id.clone(),
                same_body: key.is_some_and(|key| key.body_hash == known.body_hash),
            });
        }
        if inner.jobs.contains_key(&job.id) {
            return Err(StoreError::Conflict);
        }
        let destination = job.live_destination();
        let rival = inner
            .jobs
            .values()
            .find(|(other, _)| destination.is_some() && other.live_destination() == destination);
        if let Some((rival, _)) = rival {
            return Ok(Created::DestinationTaken {
                job_id: rival.id.clone(),
            });
        }
        if let Some(key) = key {
            inner
                .promises
                .insert(key.key.clone(), (key.clone(), job.id.clone()));
        }
        inner.jobs.insert(job.id.clone(), (job.clone(), Version(1)));
        for notification in Notification::of_new(job) {
            inner
                .notifications
                .insert(key_of(&notification), notification);
        }
        Ok(Created::New)
    }

    async fn get(&self, id: &JobId) -> Result<Option<(Job, Version)>, StoreError> {
        Ok(self.lock().jobs.get(id).cloned())
    }

    async fn put(
        &self,
        job: &Job,
        read: Version,
        notifications: &[Notification],
    ) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let found = inner
            .jobs
            .get(&job.id)
            .map(|(_, version)| *version)
            .unwrap_or_default();
        let version = step(found, read)?;
        let mut job = job.clone();
        if let Some(log) = job.log.take() {
            inner.logs.insert(job.id.clone(), log);
        }
        inner.jobs.insert(job.id.clone(), (job, version));
        for notification in notifications {
            inner
                .notifications
                .insert(key_of(notification), notification.clone());
        }
        Ok(version)
    }

    async fn unfinished(&self) -> Result<Vec<JobOutline>, StoreError> {
        Ok(self.live().iter().map(JobOutline::from).collect())
    }

    async fn unfinished_of(&self, owner: &KeyId, most: u32) -> Result<u32, StoreError> {
        let inner = self.lock();
        let own = inner
            .jobs
            .values()
            .filter(|(job, _)| !job.state.ended() && job.owner.as_ref() == Some(owner));
        Ok(u32::try_from(own.count()).unwrap_or(u32::MAX).min(most))
    }

    async fn list(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        let inner = self.lock();
        let matches = |job: &&Job| {
            !job.spec.is_probe()
                && filter.state.is_none_or(|state| job.state.name() == state)
                && filter
                    .external_id
                    .as_ref()
                    .is_none_or(|id| job.spec.external_id.as_ref() == Some(id))
                && filter
                    .owner
                    .as_ref()
                    .is_none_or(|owner| job.owner.as_ref() == Some(owner))
                && filter
                    .batch
                    .as_ref()
                    .is_none_or(|id| job.batch.as_ref().is_some_and(|place| place.id == *id))
                && filter.before.as_ref().is_none_or(|before| job.id < *before)
                && filter.since.as_ref().is_none_or(|since| job.id >= *since)
        };
        let newest_first = inner.jobs.values().rev().map(|(job, _)| job);
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        Ok(newest_first.filter(matches).take(limit).cloned().collect())
    }

    async fn delete(&self, id: &JobId, read: Version) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let found = inner
            .jobs
            .get(id)
            .map(|(_, version)| *version)
            .unwrap_or_default();
        step(found, read)?;
        inner.jobs.remove(id);
        inner.logs.remove(id);
        inner.notifications.retain(|(job_id, ..), _| job_id != id);
        Ok(())
    }
}

impl KeyStore for MemoryStore {
    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.lock().keys.get(id).cloned())
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        Ok(self.lock().keys.values().cloned().collect())
    }

    async fn put_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.lock().keys.insert(key.id.clone(), key.clone());
        Ok(())
    }
}

impl LogStore for MemoryStore {
    async fn log(&self, id: &JobId) -> Result<Option<JobLog>, StoreError> {
        Ok(self.lock().logs.get(id).cloned())
    }
}
