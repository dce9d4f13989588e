//! What became of one action on many jobs.

use serde::{Deserialize, Serialize};

use crate::{error::Code, id::JobId};

/// What became of one action on many jobs.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BulkView {
    /// Jobs of this page that the filter found.
    pub matched: usize,
    /// Those on which it was done, or had been.
    pub done: usize,
    /// Those on which it was not.
    pub refused: Vec<BulkRefusal>,
    /// What to pass as `filter.cursor` for the next page; absent on the last.
    pub next_cursor: Option<String>,
}

/// Why something was not done to a job.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkRefusal {
    /// The job.
    pub id: JobId,
    /// The stable code.
    pub code: Code,
    /// Why, in words.
    pub detail: String,
}
