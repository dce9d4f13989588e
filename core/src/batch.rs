//! A batch: many jobs that are known beforehand and made a few at a time, each seen to its end.
//!
//! ```text
//!  not begun ──► live ──► finished
//!      │           ├────► failed
//!      └───────────┴────► canceled
//! ```
//!
//! The record counts; what each job is made of lies beside it, an [`Entry`] each. An entry is noted as live before its job is made, and
//! the job's name follows from the batch's, so that whoever dies in between makes nothing twice. Nothing here does IO.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Code, JobError},
    id::{BatchId, JobId, KeyId},
    job::{Job, StateName},
    notify::Subscription,
    sealed::SealedSecrets,
    spec::{BatchRequest, JobSpec},
};

/// Most entries of a batch. What failed is in its record, and a record has an end.
pub const MOST_ENTRIES: usize = 500;

/// How many jobs of a batch are unfinished at a time, unless it says otherwise.
pub const TARGET_QUEUE: u32 = 3;

/// Most jobs of a batch that are unfinished at a time: each is looked at whenever one ends.
pub const MOST_TARGET_QUEUE: u32 = 100;

/// How often a job is tried again, unless the batch says otherwise.
pub const RETRIES: u32 = 2;

/// Longest text of a failure that is kept, in bytes.
const FAILURE_BYTES: usize = 300;

/// A batch, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// The caller's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The API key that submitted it; none if the operator did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyId>,
    /// Who hears of its jobs: decided when it was submitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Subscription>,
    /// How many entries it has.
    pub entries: u32,
    /// How many of its jobs are unfinished at most.
    pub target_queue: u32,
    /// How often each job is tried again.
    pub retries: u32,
    /// The first entry that was not begun.
    pub next: u32,
    /// Entries that were begun and whose end was not seen.
    pub live: Vec<Live>,
    /// How many jobs ended well.
    pub finished: u32,
    /// How many entries were canceled, before they had a job or after.
    pub canceled: u32,
    /// What failed.
    pub failures: Vec<BatchFailure>,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When somebody wanted no more of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_asked_at: Option<Timestamp>,
    /// When its last job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// An entry that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Its number, from 0.
    pub entry: u32,
    /// Whether its job is known to have been made. Until then whoever comes by makes it.
    pub made: bool,
}

/// An entry that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchFailure {
    /// Its number, from 0.
    pub entry: u32,
    /// Where its media comes from, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_path: Option<String>,
    /// Why.
    pub error: JobError,
}

/// What the job of one entry is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What is asked for.
    pub spec: JobSpec,
    /// Encrypted parts of its addresses, sealed for its job.
    #[serde(default)]
    pub sealed: SealedSecrets,
}

/// Where a job belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchPlace {
    /// The batch.
    pub id: BatchId,
    /// The entry's number, from 0.
    pub entry: u32,
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BatchState {
    /// It has jobs that have not ended.
    Running,
    /// Nobody wants more of it, and some of its jobs have not ended.
    Canceling,
    /// All its jobs have ended, well or badly.
    Finished,
    /// Nobody wanted more of it, and all its jobs have ended.
    Canceled,
}

impl Batch {
    /// A batch of which nothing is begun.
    pub fn new(id: BatchId, request: &BatchRequest, owner: Option<KeyId>, now: Timestamp) -> Self {
        Self {
            id,
            name: request.name.clone(),
            owner,
            subscriptions: Vec::new(),
            entries: u32::try_from(request.len()).unwrap_or(u32::MAX),
            target_queue: request.target_queue,
            retries: request.retries,
            next: 0,
            live: Vec::new(),
            finished: 0,
            canceled: 0,
            failures: Vec::new(),
            created_at: now,
            cancel_asked_at: None,
            ended_at: None,
        }
    }

    /// The name of an entry's job.
    pub fn job_id(&self, entry: u32) -> JobId {
        self.id.job(entry)
    }

    /// Where it stands.
    pub fn state(&self) -> BatchState {
        match (self.ended_at, self.cancel_asked_at) {
            (None, None) => BatchState::Running,
            (None, Some(_)) => BatchState::Canceling,
            (Some(_), None) => BatchState::Finished,
            (Some(_), Some(_)) => BatchState::Canceled,
        }
    }

    /// Entries that wait for their turn.
    pub fn waiting(&self) -> u32 {
        self.entries.saturating_sub(self.next)
    }

    /// The job of an entry, to be made now.
    pub fn job_of(&self, number: u32, entry: Entry, now: Timestamp) -> Job {
        let mut job = Job::new(self.job_id(number), entry.spec, entry.sealed, now);
        job.owner.clone_from(&self.owner);
        job.subscriptions.clone_from(&self.subscriptions);
        job.batch = Some(BatchPlace {
            id: self.id.clone(),
            entry: number,
        });
        job
    }

    /// Notes how the job of a live entry stands. One that was made and is gone was deleted, so it had ended.
    pub fn note(&mut self, entry: u32, job: Option<&Job>) {
        let Some(place) = self.live.iter().position(|live| live.entry == entry) else {
            return;
        };
        let Some(job) = job else {
            if self.live.get(place).is_some_and(|live| live.made) {
                let message = "its job was deleted before its end was seen";
                self.fail(entry, None, JobError::new(Code::NotFound, message));
            }
            return;
        };
        if let Some(live) = self.live.get_mut(place) {
            live.made = true;
        }
        match job.state.name() {
            StateName::Finished => self.finished += 1,
            StateName::Canceled => self.canceled += 1,
            StateName::Error | StateName::Abandoned => {
                let error = job.error().cloned();
                let error =
                    error.unwrap_or_else(|| JobError::new(Code::Internal, "no reason given"));
                return self.fail(entry, Some(job.spec.source_path.redacted()), error);
            }
            StateName::Pending
            | StateName::Downloading
            | StateName::Encoding
            | StateName::Uploading => return,
        }
        self.live.remove(place);
    }

    /// Notes that a live entry failed.
    pub fn fail(&mut self, entry: u32, source_path: Option<String>, mut error: JobError) {
        self.live.retain(|live| live.entry != entry);
        cut(&mut error.message);
        self.failures.push(BatchFailure {
            entry,
            source_path: source_path.map(|mut path| {
                cut(&mut path);
                path
            }),
            error,
        });
    }

    /// Begins entries until as many are live as shall be, and no more than there is room for.
    pub fn begin(&mut self, room: u32) {
        let live = u32::try_from(self.live.len()).unwrap_or(u32::MAX);
        let more = self.target_queue.saturating_sub(live);
        for _ in 0..more.min(room).min(self.waiting()) {
            self.live.push(Live {
                entry: self.next,
                made: false,
            });
            self.next += 1;
        }
    }

    /// Begins nothing more.
    pub fn cancel(&mut self, now: Timestamp) {
        if self.ended_at.is_none() && self.cancel_asked_at.is_none() {
            self.cancel_asked_at = Some(now);
            self.canceled += self.waiting();
            self.next = self.entries;
        }
    }

    /// Ends it, if nothing is left.
    pub fn conclude(&mut self, now: Timestamp) {
        if self.ended_at.is_none() && self.waiting() == 0 && self.live.is_empty() {
            self.ended_at = Some(now);
        }
    }
}

/// Cuts a text to what is kept of it.
fn cut(text: &mut String) {
    if text.len() > FAILURE_BYTES {
        text.truncate(text.floor_char_boundary(FAILURE_BYTES - 4));
        text.push('…');
    }
}
