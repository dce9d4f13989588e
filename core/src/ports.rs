//! What the use cases need of the world: small traits, each with a memory, an embedded and an AWS implementation.
//!
//! There is no clock and no random source among them: times, ids and tokens are arguments, read or drawn once at the edge.
//! Every write is conditional, so that two processes can never both believe that they made the same change.

mod media;
mod outputs;
mod table;

use std::{future::Future, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use media::{MediaError, MediaStorage, ObjectAttributes, ObjectFacts, Piece, Upload};
pub use outputs::Outputs;
pub use table::{
    BatchStore, Created, CreatedBatch, EndpointStore, FleetStore, IdempotencyKey, JobFilter,
    JobStore, KeyStore, LogStore, NotificationStore, PresetStore,
};

use crate::{
    commit::Table,
    id::{InstanceId, JobId},
    job::Job,
    lane::Lane,
    notify::{BusEvent, Message},
    sealed::SealedText,
    secret::Secret,
    upload::{self, Completion, Cut, Offer, Part},
    uri::NotifyUrl,
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

/// One message received from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The job it hints at.
    pub job_id: JobId,
    /// The handle by which this receipt is extended or deleted.
    pub receipt: String,
    /// How often it was received, this time included.
    pub receives: u32,
    /// Which of the job queues it is from, as whoever looks into both notes here.
    pub lane: Lane,
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
    /// Anything else, as long as nothing was launched.
    #[error("the launch failed: {0}")]
    Failed(String),
    /// No answer came, or none that tells: an instance may have been launched.
    #[error("the launch was not answered: {0}")]
    Unanswered(String),
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status; none if there was no answer.
    pub status: Option<u16>,
    /// The beginning of the answer's body, or why there was none.
    pub excerpt: String,
    /// How long the receiver asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// What sends notifications. It follows no redirects and reaches no private address that the rules do not allow.
pub trait Notifier: Send + Sync {
    /// Sends one request and waits for the answer.
    fn post(&self, url: &NotifyUrl, message: &Message) -> impl Future<Output = Reply> + Send;
}

/// What carries job events to other programs of an account.
pub trait EventBus: Send + Sync {
    /// Puts events on the bus, all of them or an error; after an error some may be on it all the same.
    fn publish(&self, events: &[BusEvent]) -> impl Future<Output = Result<(), StoreError>> + Send;
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

/// Where callers bring media to.
pub trait Uploads: Send + Sync {
    /// What the address of every upload begins with, up to the folder of its owner.
    fn root(&self) -> &str;

    /// How much one request takes, and how what is larger is cut into parts.
    fn cut(&self) -> Cut;

    /// Lets an upload begin.
    fn offer(
        &self,
        upload: &upload::Upload,
        now: Timestamp,
    ) -> impl Future<Output = Result<Offer, StoreError>> + Send;

    /// The parts of an upload that was offered in parts, with new addresses. Whether there still is such an upload is not looked at.
    fn offer_parts(
        &self,
        upload: &upload::Upload,
        handle: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Part>, StoreError>> + Send;

    /// Puts an upload together; `etags` are those of all its parts, in order. One that is together already is so again.
    fn complete(
        &self,
        upload: &upload::Upload,
        handle: &str,
        etags: &[String],
        now: Timestamp,
    ) -> impl Future<Output = Result<Completion, StoreError>> + Send;
}

/// One side of the system, embedded or AWS: its stores, queues and keys, as the use cases take them.
pub trait Backend: Send + Sync + 'static {
    /// The table.
    type Store: JobStore
        + NotificationStore
        + EndpointStore
        + FleetStore
        + KeyStore
        + LogStore
        + PresetStore
        + BatchStore;
    /// The queues.
    type Queue: JobQueue;
    /// The keys.
    type Secrets: Secrets;
    /// The place for uploads.
    type Uploads: Uploads;
    /// The place of outputs that can be deleted.
    type Outputs: Outputs;

    /// Where jobs, notifications and the fleet live.
    fn store(&self) -> &Self::Store;

    /// Hints for encoders, of one of the two queues.
    fn job_queue(&self, lane: Lane) -> &Self::Queue;

    /// Hints for state-change.
    fn state_queue(&self) -> &Self::Queue;

    /// What seals the secret parts of addresses.
    fn secrets(&self) -> &Self::Secrets;

    /// Where callers bring media to, if there is such a place.
    fn uploads(&self) -> Option<&Self::Uploads>;

    /// What deletes outputs, if anything does.
    fn outputs(&self) -> Option<&Self::Outputs>;

    /// Records a new job and puts its hint into its queue: in one write where both are in one place. A hint that could not be sent is
    /// told beside what became of the job: prune sends it again.
    fn record(
        &self,
        job: &Job,
        key: Option<&IdempotencyKey>,
    ) -> impl Future<Output = Result<(Created, Option<StoreError>), StoreError>> + Send {
        async move {
            let created = self.store().create(job, key).await?;
            if created != Created::New {
                return Ok((created, None));
            }
            let queue = self.job_queue(job.spec.lane());
            let sent = queue.send(&job.id, Duration::ZERO).await;
            Ok((created, sent.err()))
        }
    }

    /// What changes jobs.
    fn table(&self) -> Table<'_, Self::Store, Self::Queue> {
        Table {
            store: self.store(),
            job_queue: self.job_queue(Lane::Default),
            bulk_queue: self.job_queue(Lane::Bulk),
            state_queue: self.state_queue(),
        }
    }
}
