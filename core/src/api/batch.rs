//! What `/v1` shows of batches. Additive changes only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    batch::{Batch, BatchFailure, BatchState},
    error::Code,
    id::{BatchId, JobId, KeyId},
};

/// A batch as callers see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchView {
    /// Always `batch`.
    pub object: String,
    /// Its name. `GET /v1/jobs?batch_id=…` lists its jobs.
    pub id: BatchId,
    /// The caller's name for it.
    pub name: Option<String>,
    /// The API key that submitted it; absent if the operator did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyId>,
    /// Where it stands.
    pub state: BatchState,
    /// How many entries it has, and where they stand.
    pub counts: BatchCounts,
    /// How many of its jobs are unfinished at most.
    pub target_queue: u32,
    /// How often a job is tried again, if it may end better.
    pub retries: u32,
    /// What failed, in the order in which it did.
    pub failures: Vec<FailureView>,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When its last job ended.
    pub finished_at: Option<Timestamp>,
}

/// How many entries a batch has, and where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchCounts {
    /// All of them.
    pub entries: u32,
    /// Without a job yet.
    pub waiting: u32,
    /// With a job that has not ended.
    pub live: u32,
    /// Ended well.
    pub finished: u32,
    /// Ended badly.
    pub failed: u32,
    /// Canceled, before they had a job or after.
    pub canceled: u32,
}

/// An entry that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailureView {
    /// Its place in `entries`, from 0.
    pub entry: u32,
    /// The job that it had or would have had.
    pub job_id: JobId,
    /// Where its media comes from, without secrets.
    pub source_path: Option<String>,
    /// The stable code.
    pub code: Code,
    /// Why, in words.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl BatchView {
    /// The batch as it is stored.
    pub fn new(batch: &Batch) -> Self {
        let count = |list: usize| u32::try_from(list).unwrap_or(u32::MAX);
        let failure = |failure: &BatchFailure| FailureView {
            entry: failure.entry,
            job_id: batch.job_id(failure.entry),
            source_path: failure.source_path.clone(),
            code: failure.error.code,
            message: failure.error.message.clone(),
            hint: failure.error.hint.clone(),
        };
        Self {
            object: "batch".to_owned(),
            id: batch.id.clone(),
            name: batch.name.clone(),
            owner: batch.owner.clone(),
            state: batch.state(),
            counts: BatchCounts {
                entries: batch.entries,
                waiting: batch.waiting(),
                live: count(batch.live.len()),
                finished: batch.finished,
                failed: count(batch.failures.len()),
                canceled: batch.canceled,
            },
            target_queue: batch.target_queue,
            retries: batch.retries,
            failures: batch.failures.iter().map(failure).collect(),
            created_at: batch.created_at,
            finished_at: batch.ended_at,
        }
    }
}
