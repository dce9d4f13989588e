//! What scale, prune and the statistics look at of a job that has not ended. Of these there may be a hundred thousand at once, and
//! whole records of so many do not fit into a small machine.

use std::time::Duration;

use jiff::Timestamp;

use super::{Job, JobState, neglected};
use crate::{
    fleet::{claimed_at, modeled_work},
    id::{JobId, KeyId},
};

/// A job in outline.
#[derive(Clone, Debug, PartialEq)]
pub struct JobOutline {
    /// Its name.
    pub id: JobId,
    /// The API key that submitted it; none if the operator did.
    pub owner: Option<KeyId>,
    /// Where it stands.
    pub state: JobState,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When its state changed last.
    pub changed_at: Timestamp,
    /// When its newest attempt was claimed.
    pub claimed_at: Option<Timestamp>,
    /// When anything was last heard of it.
    pub heard_at: Timestamp,
    /// When prune puts it into the queue again.
    pub resend_at: Option<Timestamp>,
    /// How long its encoder says that it still needs, in seconds.
    pub eta_seconds: Option<u64>,
    /// Time on one job slot by the model, see [`modeled_work`].
    pub modeled_work: Option<Duration>,
}

impl JobOutline {
    /// See [`Job::neglected`].
    pub fn neglected(&self, now: Timestamp) -> Duration {
        neglected(&self.state, self.resend_at, now)
    }
}

impl From<&Job> for JobOutline {
    fn from(job: &Job) -> Self {
        let progress = job.progress.as_ref();
        Self {
            id: job.id.clone(),
            owner: job.owner.clone(),
            state: job.state.clone(),
            created_at: job.created_at,
            changed_at: job.history.last().map_or(job.created_at, |last| last.at),
            claimed_at: claimed_at(job),
            heard_at: job.heard_at,
            resend_at: job.resend_at,
            eta_seconds: progress.and_then(|progress| progress.eta_seconds),
            modeled_work: modeled_work(job),
        }
    }
}
