//! The table in memory.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use jiff::Timestamp;

use crate::{
    batch::{Batch, Entry},
    fleet::FleetRecord,
    id::{BatchId, EndpointId, InstanceId, JobId, KeyId},
    instance::{Instance, InstanceState},
    job::{Job, JobOutline},
    key::ApiKey,
    log::JobLog,
    notify::{Notification, Target},
    ports::{
        BatchStore, Created, CreatedBatch, EndpointStore, FleetStore, IdempotencyKey, JobFilter,
        JobStore, KeyStore, LogStore, NotificationStore, PresetStore, StoreError, Version,
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

impl NotificationStore for MemoryStore {
    async fn notifications(&self, id: &JobId) -> Result<Vec<Notification>, StoreError> {
        let inner = self.lock();
        let of_job = inner
            .notifications
            .values()
            .filter(|notification| notification.job_id == *id);
        Ok(of_job.cloned().collect())
    }

    async fn jobs_to_notify(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<JobId>, StoreError> {
        let inner = self.lock();
        let mut jobs: Vec<JobId> = inner
            .notifications
            .values()
            .filter(|notification| notification.due(before))
            .map(|notification| notification.job_id.clone())
            .collect();
        jobs.dedup();
        jobs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(jobs)
    }

    async fn add_notification(&self, notification: &Notification) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let key = key_of(notification);
        if inner.notifications.contains_key(&key) {
            return Err(StoreError::Conflict);
        }
        inner.notifications.insert(key, notification.clone());
        Ok(())
    }

    async fn notifications_to(
        &self,
        endpoint: &EndpointId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreError> {
        let inner = self.lock();
        let to = |one: &&Notification| one.target.endpoint() == Some(endpoint);
        let mut found: Vec<_> = inner.notifications.values().filter(to).cloned().collect();
        found.retain(|one| before.is_none_or(|before| one.place().as_str() < before));
        found.sort_by_key(|one| std::cmp::Reverse(one.place()));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn put_notification(
        &self,
        now: &Notification,
        read: &Notification,
    ) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let key = key_of(now);
        if inner.notifications.get(&key) != Some(read) {
            return Err(StoreError::Conflict);
        }
        inner.notifications.insert(key, now.clone());
        Ok(())
    }
}

impl EndpointStore for MemoryStore {
    async fn endpoints(
        &self,
        owner: Option<&KeyId>,
    ) -> Result<(Vec<WebhookEndpoint>, Version), StoreError> {
        let inner = self.lock();
        let found = inner.endpoints.get(&owner.cloned());
        Ok(found.cloned().unwrap_or_default())
    }

    async fn put_endpoints(
        &self,
        owner: Option<&KeyId>,
        endpoints: &[WebhookEndpoint],
        read: Version,
    ) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let found = inner.endpoints.entry(owner.cloned()).or_default();
        let version = step(found.1, read)?;
        *found = (endpoints.to_vec(), version);
        Ok(version)
    }
}

impl FleetStore for MemoryStore {
    async fn fleet(&self) -> Result<(FleetRecord, Version), StoreError> {
        Ok(self.lock().fleet.clone())
    }

    async fn put_fleet(&self, record: &FleetRecord, read: Version) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let version = step(inner.fleet.1, read)?;
        inner.fleet = (record.clone(), version);
        Ok(version)
    }

    async fn instances(
        &self,
        gone_since: Timestamp,
    ) -> Result<Vec<(Instance, Version)>, StoreError> {
        let inner = self.lock();
        let here = inner.instances.values().filter(|(instance, _)| {
            instance.state != InstanceState::Gone || instance.beat_at >= gone_since
        });
        Ok(here.cloned().collect())
    }

    async fn put_instance(
        &self,
        instance: &Instance,
        read: Version,
    ) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let found = inner
            .instances
            .get(&instance.id)
            .map(|(_, version)| *version)
            .unwrap_or_default();
        let version = step(found, read)?;
        inner
            .instances
            .insert(instance.id.clone(), (instance.clone(), version));
        Ok(version)
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

impl PresetStore for MemoryStore {
    async fn presets(&self) -> Result<Vec<(StoredPreset, Version)>, StoreError> {
        Ok(self.lock().presets.values().cloned().collect())
    }

    async fn put_preset(
        &self,
        preset: &StoredPreset,
        read: Version,
    ) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let found = inner.presets.get(&preset.name);
        let found = found.map(|(_, version)| *version).unwrap_or_default();
        let version = step(found, read)?;
        let name = preset.name.clone();
        inner.presets.insert(name, (preset.clone(), version));
        Ok(version)
    }

    async fn delete_preset(&self, name: &str) -> Result<(), StoreError> {
        self.lock().presets.remove(name);
        Ok(())
    }
}

impl BatchStore for MemoryStore {
    async fn create_batch(
        &self,
        batch: &Batch,
        entries: &[Entry],
        key: Option<&IdempotencyKey>,
    ) -> Result<CreatedBatch, StoreError> {
        let mut inner = self.lock();
        if let Some(key) = key {
            if let Some((known, id)) = inner.promises.get(&key.key)
                && known.expires_at > batch.created_at
            {
                return Ok(CreatedBatch::Existing {
                    id: id.as_str().parse().expect("ids are checked"),
                    same_body: key.body_hash == known.body_hash,
                });
            }
            let id = batch.id.as_str().parse().expect("ids are checked");
            inner.promises.insert(key.key.clone(), (key.clone(), id));
        }
        for (number, entry) in (0..).zip(entries) {
            let place = (batch.id.clone(), number);
            inner.entries.insert(place, entry.clone());
        }
        let new = (batch.clone(), Version(1));
        inner.batches.insert(batch.id.clone(), new);
        Ok(CreatedBatch::New)
    }

    async fn batch(&self, id: &BatchId) -> Result<Option<(Batch, Version)>, StoreError> {
        Ok(self.lock().batches.get(id).cloned())
    }

    async fn batch_entry(&self, id: &BatchId, number: u32) -> Result<Option<Entry>, StoreError> {
        Ok(self.lock().entries.get(&(id.clone(), number)).cloned())
    }

    async fn put_batch(&self, batch: &Batch, read: Version) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let found = inner.batches.get(&batch.id);
        let found = found.map(|(_, version)| *version).unwrap_or_default();
        let version = step(found, read)?;
        let written = (batch.clone(), version);
        inner.batches.insert(batch.id.clone(), written);
        if batch.ended_at.is_some() {
            inner.entries.retain(|(id, _), _| *id != batch.id);
        }
        Ok(version)
    }

    async fn unfinished_batches(&self) -> Result<Vec<BatchId>, StoreError> {
        let inner = self.lock();
        let live = inner.batches.values();
        let live = live.filter(|(batch, _)| batch.ended_at.is_none());
        Ok(live.map(|(batch, _)| batch.id.clone()).collect())
    }

    async fn batches(
        &self,
        owner: Option<&KeyId>,
        before: Option<&BatchId>,
        limit: u32,
    ) -> Result<Vec<Batch>, StoreError> {
        let inner = self.lock();
        let matches = |batch: &&Batch| {
            owner.is_none_or(|owner| batch.owner.as_ref() == Some(owner))
                && before.is_none_or(|before| batch.id < *before)
        };
        let newest_first = inner.batches.values().rev().map(|(batch, _)| batch);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(newest_first.filter(matches).take(limit).cloned().collect())
    }
}
