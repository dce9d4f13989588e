//! The table: jobs, notifications, the fleet's record and its instances, API keys. Every write names what was read.

use std::future::Future;

use jiff::Timestamp;

use super::{StoreError, Version};
use crate::{
    batch::{Batch, Entry},
    fleet::FleetRecord,
    id::{BatchId, EndpointId, JobId, KeyId},
    instance::Instance,
    job::{Job, JobOutline, StateName},
    key::ApiKey,
    log::JobLog,
    notify::Notification,
    stored_preset::StoredPreset,
    webhook::WebhookEndpoint,
};

/// A caller's promise that requests with the same key are the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The caller's key.
    pub key: String,
    /// SHA-256 of the request in its canonical form, in base64.
    pub body_hash: String,
    /// When the key is forgotten.
    pub expires_at: Timestamp,
}

/// What became of a new job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is stored.
    New,
    /// The idempotency key belongs to this job, submitted before.
    Existing {
        /// That job.
        job_id: JobId,
        /// Whether the request was the same then.
        same_body: bool,
    },
    /// Another live job has the same destination.
    DestinationTaken {
        /// That job.
        job_id: JobId,
    },
}

/// Which jobs a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only jobs in this state.
    pub state: Option<StateName>,
    /// Only jobs with this external id.
    pub external_id: Option<String>,
    /// Only jobs of this API key.
    pub owner: Option<KeyId>,
    /// Only jobs of this batch.
    pub batch: Option<BatchId>,
    /// Only jobs older than this one: the cursor.
    pub before: Option<JobId>,
    /// Only this job and newer ones.
    pub since: Option<JobId>,
    /// At most so many.
    pub limit: u32,
}

/// Where jobs live.
pub trait JobStore: Send + Sync {
    /// Stores a new job, its idempotency key, its claim on the destination and the notifications of its beginning ([`Notification::of_new`]),
    /// all or nothing.
    fn create(
        &self,
        job: &Job,
        key: Option<&IdempotencyKey>,
    ) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// One job.
    fn get(
        &self,
        id: &JobId,
    ) -> impl Future<Output = Result<Option<(Job, Version)>, StoreError>> + Send;

    /// Writes a job that was read at `read`, together with the notifications of its change and with its log, if it brings one. Frees the destination of a job that ended.
    fn put(
        &self,
        job: &Job,
        read: Version,
        notifications: &[Notification],
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;

    /// Every job that has not ended, in outline. Costs as much as there are such jobs, not as there are jobs.
    fn unfinished(&self) -> impl Future<Output = Result<Vec<JobOutline>, StoreError>> + Send;

    /// How many jobs of an API key have not ended; it does not count beyond `most`.
    fn unfinished_of(
        &self,
        owner: &KeyId,
        most: u32,
    ) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// Jobs by filter, newest first.
    fn list(&self, filter: &JobFilter)
    -> impl Future<Output = Result<Vec<Job>, StoreError>> + Send;

    /// Forgets a job and its notifications, if it is at the version that was read.
    fn delete(
        &self,
        id: &JobId,
        read: Version,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Where notifications wait for their delivery, and stay as its record.
pub trait NotificationStore: Send + Sync {
    /// Those of one job, by sequence and then by target.
    fn notifications(
        &self,
        id: &JobId,
    ) -> impl Future<Output = Result<Vec<Notification>, StoreError>> + Send;

    /// Jobs with a notification that was due before `before`; at most `limit` jobs.
    fn jobs_to_notify(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<JobId>, StoreError>> + Send;

    /// Stores a notification that belongs to no change of a job: a sample, or one of the fleet. A conflict if it is there.
    fn add_notification(
        &self,
        notification: &Notification,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Those to one endpoint, the newest first; only those before the place of another ([`Notification::place`]), if one is given.
    fn notifications_to(
        &self,
        endpoint: &EndpointId,
        before: Option<&str>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Notification>, StoreError>> + Send;

    /// Writes one notification, if it is as it was read.
    fn put_notification(
        &self,
        now: &Notification,
        read: &Notification,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Where the fleet's record and its instances live.
pub trait FleetStore: Send + Sync {
    /// The fleet's record; empty at version 0 before the first write.
    fn fleet(&self) -> impl Future<Output = Result<(FleetRecord, Version), StoreError>> + Send;

    /// Writes the fleet's record that was read at `read`.
    fn put_fleet(
        &self,
        record: &FleetRecord,
        read: Version,
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;

    /// Every instance that is not gone, and those gone ones that were still heard of at `gone_since` or later.
    fn instances(
        &self,
        gone_since: Timestamp,
    ) -> impl Future<Output = Result<Vec<(Instance, Version)>, StoreError>> + Send;

    /// Writes an instance that was read at `read`; version 0 for a new one.
    fn put_instance(
        &self,
        instance: &Instance,
        read: Version,
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;
}

/// Where FFmpeg's words are kept, those of each job's last attempt: written with the job that brings them, gone when it goes.
pub trait LogStore: Send + Sync {
    /// Those that are kept.
    fn log(&self, id: &JobId) -> impl Future<Output = Result<Option<JobLog>, StoreError>> + Send;
}

/// Where presets of one's own live.
pub trait PresetStore: Send + Sync {
    /// All of them, by name, each at its version. There are few.
    fn presets(
        &self,
    ) -> impl Future<Output = Result<Vec<(StoredPreset, Version)>, StoreError>> + Send;

    /// Writes one that was read at `read`; version 0 for a new one.
    fn put_preset(
        &self,
        preset: &StoredPreset,
        read: Version,
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;

    /// Forgets one. One that is gone already is no error.
    fn delete_preset(&self, name: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What became of a new batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreatedBatch {
    /// It is stored.
    New,
    /// The idempotency key belongs to this one, submitted before.
    Existing {
        /// That batch.
        id: BatchId,
        /// Whether the request was the same then.
        same_body: bool,
    },
}

/// Where batches live, each with what its jobs will be made of.
pub trait BatchStore: Send + Sync {
    /// Stores a new batch, its entries and its idempotency key, all or nothing.
    fn create_batch(
        &self,
        batch: &Batch,
        entries: &[Entry],
        key: Option<&IdempotencyKey>,
    ) -> impl Future<Output = Result<CreatedBatch, StoreError>> + Send;

    /// One batch.
    fn batch(
        &self,
        id: &BatchId,
    ) -> impl Future<Output = Result<Option<(Batch, Version)>, StoreError>> + Send;

    /// One entry of a batch that has not ended.
    fn batch_entry(
        &self,
        id: &BatchId,
        number: u32,
    ) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send;

    /// Writes a batch that was read at `read`. The entries of one that has ended are forgotten.
    fn put_batch(
        &self,
        batch: &Batch,
        read: Version,
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;

    /// Every batch that has not ended.
    fn unfinished_batches(&self) -> impl Future<Output = Result<Vec<BatchId>, StoreError>> + Send;

    /// Batches, newest first: of this API key or of all, older than this one or all, at most so many.
    fn batches(
        &self,
        owner: Option<&KeyId>,
        before: Option<&BatchId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Batch>, StoreError>> + Send;
}

/// Where webhook endpoints live: those of one owner together, because they are few and are looked at together.
pub trait EndpointStore: Send + Sync {
    /// Those of an API key, or the operator's, by age; none at version 0 before the first write.
    fn endpoints(
        &self,
        owner: Option<&KeyId>,
    ) -> impl Future<Output = Result<(Vec<WebhookEndpoint>, Version), StoreError>> + Send;

    /// Writes those of an owner that were read at `read`.
    fn put_endpoints(
        &self,
        owner: Option<&KeyId>,
        endpoints: &[WebhookEndpoint],
        read: Version,
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;
}

/// Where API keys live. They are never deleted: jobs name their owners.
pub trait KeyStore: Send + Sync {
    /// One key.
    fn key(&self, id: &KeyId) -> impl Future<Output = Result<Option<ApiKey>, StoreError>> + Send;

    /// Every key, the revoked ones too.
    fn keys(&self) -> impl Future<Output = Result<Vec<ApiKey>, StoreError>> + Send;

    /// Writes a key, new or changed.
    fn put_key(&self, key: &ApiKey) -> impl Future<Output = Result<(), StoreError>> + Send;
}
