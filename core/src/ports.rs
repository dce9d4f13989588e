//! What the use cases need of the world: small traits, each with a memory, an embedded and an AWS implementation.
//!
//! There is no clock and no random source among them: times, ids and tokens are arguments, read or drawn once at the edge.
//! Every write is conditional, so that two processes can never both believe that they made the same change.

use std::{future::Future, path::Path, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    commit::Table,
    fleet::FleetRecord,
    id::{InstanceId, JobId},
    instance::Instance,
    job::{Job, StateName},
    moov::Segment,
    notify::{Message, Notification},
    sealed::SealedText,
    secret::Secret,
    uri::{MediaUri, NotifyUrl},
};

/// How often a stored record was written; a write names the version that it read.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version(pub u64);

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The record is not at the version that was read: somebody else wrote it. Read again and decide anew.
    #[error("the record changed since it was read")]
    Conflict,
    /// The store could not be reached or answered with a fault. Whether a write was applied is not known.
    #[error("{what}")]
    Unavailable {
        /// What was attempted.
        what: String,
        /// What came back.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// A fault while attempting `what`.
    pub fn unavailable(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable {
            what: what.into(),
            source: source.into(),
        }
    }
}

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
    /// Only jobs older than this one: the cursor.
    pub before: Option<JobId>,
    /// At most so many.
    pub limit: u32,
}

/// Where jobs live.
pub trait JobStore: Send + Sync {
    /// Stores a new job, its idempotency key and its claim on the destination, all or nothing.
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

    /// Writes a job that was read at `read`, together with the notifications of its change. Frees the destination of a job that ended.
    fn put(
        &self,
        job: &Job,
        read: Version,
        notifications: &[Notification],
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;

    /// Every job that has not ended. Costs as much as there are such jobs, not as there are jobs.
    fn unfinished(&self) -> impl Future<Output = Result<Vec<Job>, StoreError>> + Send;

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
    /// Those of one job, by sequence.
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

/// One message received from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The job it hints at.
    pub job_id: JobId,
    /// The handle by which this receipt is extended or deleted.
    pub receipt: String,
    /// How often it was received, this time included.
    pub receives: u32,
}

/// A queue of hints: a message holds a job's id and nothing else. It may come late, twice, or never.
pub trait JobQueue: Send + Sync {
    /// Puts a hint in, visible after `delay`.
    fn send(
        &self,
        id: &JobId,
        delay: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes at most `limit` hints, waiting up to `wait` for the first. They stay hidden from others for `hidden`.
    fn receive(
        &self,
        limit: u32,
        wait: Duration,
        hidden: Duration,
    ) -> impl Future<Output = Result<Vec<Delivery>, StoreError>> + Send;

    /// Keeps a received hint hidden for so long from now; zero gives it back.
    fn extend(
        &self,
        receipt: &str,
        hidden: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets a received hint.
    fn delete(&self, receipt: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectFacts {
    /// Its size, if the store says.
    pub bytes: Option<u64>,
    /// Its version tag, if the store has any.
    pub etag: Option<String>,
}

/// Why media could not be read or written. Maps to the job's error code one to one.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// There is nothing there.
    #[error("there is nothing at {0}")]
    NotFound(String),
    /// The rights at hand do not suffice.
    #[error("access to {0} is denied")]
    Forbidden(String),
    /// It is not the version that was asked for.
    #[error("{0} changed meanwhile")]
    Changed(String),
    /// The disk is full.
    #[error("no space left while writing {0}")]
    NoSpace(String),
    /// The address cannot be used at all; another attempt ends the same way.
    #[error("{0}")]
    Unusable(String),
    /// A fault that may pass.
    #[error("{what}: {detail}")]
    Unavailable {
        /// What was attempted.
        what: String,
        /// What came back.
        detail: String,
    },
}

/// Where media comes from and goes to. One implementation per scheme, and one that chooses by scheme.
pub trait MediaStorage: Send + Sync {
    /// An output that is complete at the destination's side and not visible yet. Dropping it leaves nothing visible.
    type Staged: Send;

    /// What is there now; none if nothing is.
    fn stat(
        &self,
        uri: &MediaUri,
    ) -> impl Future<Output = Result<Option<ObjectFacts>, MediaError>> + Send;

    /// Copies the object into a new file. With `etag`, only if it is that version.
    fn fetch(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        to: &Path,
    ) -> impl Future<Output = Result<ObjectFacts, MediaError>> + Send;

    /// Brings the output to the destination's side: the segments of the local file `from`, in order.
    fn stage(
        &self,
        uri: &MediaUri,
        from: &Path,
        segments: &[Segment],
    ) -> impl Future<Output = Result<Self::Staged, MediaError>> + Send;

    /// Makes a staged output visible, whole, if the destination still is what it was: `before`, or nothing.
    /// Gives the new version tag.
    fn commit(
        &self,
        staged: Self::Staged,
        before: Option<&ObjectFacts>,
    ) -> impl Future<Output = Result<Option<String>, MediaError>> + Send;

    /// Removes a staged output that is not wanted any more.
    fn discard(&self, staged: Self::Staged) -> impl Future<Output = ()> + Send;
}

/// An instance as whoever launched it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub id: InstanceId,
    /// The token of the launch that made it.
    pub token: String,
}

/// Why an instance was not launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is none to be had now.
    #[error("no capacity: {0}")]
    NoCapacity(String),
    /// The account's limit is reached.
    #[error("a limit is reached: {0}")]
    LimitReached(String),
    /// Anything else.
    #[error("the launch failed: {0}")]
    Failed(String),
}

/// What starts and ends instances.
pub trait Fleet: Send + Sync {
    /// Instances that run or are starting.
    fn machines(&self) -> impl Future<Output = Result<Vec<Machine>, StoreError>> + Send;

    /// Launches one instance. The same token never launches two.
    fn launch(&self, token: &str) -> impl Future<Output = Result<InstanceId, LaunchError>> + Send;

    /// Ends an instance. One that is gone already is no error.
    fn terminate(&self, id: &InstanceId) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What a receiver said to a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status; none if there was no answer.
    pub status: Option<u16>,
    /// The beginning of the answer's body, or why there was none.
    pub excerpt: String,
}

/// What sends notifications. It follows no redirects and reaches no private address that the rules do not allow.
pub trait Notifier: Send + Sync {
    /// Sends one request and waits for the answer.
    fn post(&self, url: &NotifyUrl, message: &Message) -> impl Future<Output = Reply> + Send;
}

/// What encrypts and decrypts the secret parts of addresses. The context is bound to the ciphertext: another one does not open it.
pub trait Secrets: Send + Sync {
    /// Encrypts.
    fn seal(
        &self,
        plain: &Secret,
        context: &str,
    ) -> impl Future<Output = Result<SealedText, StoreError>> + Send;

    /// Decrypts.
    fn open(
        &self,
        sealed: &SealedText,
        context: &str,
    ) -> impl Future<Output = Result<Secret, StoreError>> + Send;
}

/// What makes the scale function run soon, so that a first job does not wait for the next tick.
pub trait ScaleSignal: Send + Sync {
    /// Asks for a run. Losing it costs a wait until the next tick, nothing else.
    fn wake(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// One side of the system, embedded or AWS: its stores, queues and keys, as the use cases take them.
pub trait Backend: Send + Sync + 'static {
    /// The table.
    type Store: JobStore + NotificationStore + FleetStore;
    /// The queues.
    type Queue: JobQueue;
    /// The keys.
    type Secrets: Secrets;

    /// Where jobs, notifications and the fleet live.
    fn store(&self) -> &Self::Store;

    /// Hints for encoders.
    fn job_queue(&self) -> &Self::Queue;

    /// Hints for state-change.
    fn state_queue(&self) -> &Self::Queue;

    /// What seals the secret parts of addresses.
    fn secrets(&self) -> &Self::Secrets;

    /// What changes jobs.
    fn table(&self) -> Table<'_, Self::Store, Self::Queue> {
        Table {
            store: self.store(),
            job_queue: self.job_queue(),
            state_queue: self.state_queue(),
        }
    }
}
