//! Many jobs at once: batches, and one action for all that a filter finds.

use serde::Serialize;
use utoipa::ToSchema;

/// A request for many jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    /// The caller's name for the batch.
    #[schema(min_length = 1, max_length = 500)]
    pub name: Option<String>,
    /// Fields that all its jobs share. With `{stem}` and its like in `dest_path`, entries need not say where they go.
    pub job: Option<PartOfJob>,
    /// What each job adds, or says otherwise. `null` takes away what is shared.
    #[schema(min_items = 1, max_items = 500)]
    pub entries: Vec<PartOfJob>,
    /// How many of its jobs are unfinished at most: 3 unless it is given.
    #[schema(minimum = 1, maximum = 100)]
    pub target_queue: Option<u32>,
    /// How often a job is tried again, if it may end better: 2 unless it is given. A job that says `max_attempts` itself is left to that.
    #[schema(minimum = 0, maximum = 9)]
    pub retries: Option<u32>,
}

/// Fields of a job, as many as are to be said. The description shows those of [`JobRequest`](super::JobRequest).
#[derive(Debug, Serialize, ToSchema)]
pub struct PartOfJob {}

/// A request to do one thing to many jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// What.
    pub action: BulkAction,
    /// To which: all that are given must hold. `{}` means every job.
    pub filter: BulkFilter,
    /// Whether jobs that are deleted take what they published along, as `DELETE /v1/jobs/{id}` does. With the action `delete` alone; then at
    /// most 10 jobs in one request.
    pub delete_outputs: Option<bool>,
}

/// What can be done to many jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// Cancel those that have not ended.
    Cancel,
    /// Forget those that have.
    Delete,
    /// Try those that ended badly again, as new jobs.
    Retry,
}

/// Which jobs are meant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkFilter {
    /// Only jobs in this state.
    pub state: Option<crate::job::StateName>,
    /// Only jobs with this external id.
    pub external_id: Option<String>,
    /// Only jobs of this batch.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    pub batch_id: Option<String>,
    /// Only jobs submitted at this time or later.
    #[schema(format = DateTime)]
    pub created_after: Option<String>,
    /// Only jobs submitted before this time.
    #[schema(format = DateTime)]
    pub created_before: Option<String>,
    /// Only jobs of this preset: `name` for each version of it, `name@2` for one.
    pub preset: Option<String>,
    /// Only jobs with this tag.
    pub tag: Option<String>,
    /// Only jobs that hold this text.
    pub q: Option<String>,
    /// `next_cursor` of the answer before.
    pub cursor: Option<String>,
}
