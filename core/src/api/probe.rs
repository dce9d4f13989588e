//! What `/v1/probes` shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SourceView;
use crate::{
    error::JobError,
    id::{JobId, KeyId},
    job::{Job, StateName},
};

/// A look at a source: asked for, and in the end what was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProbeView {
    /// Always `probe`.
    pub object: String,
    /// Its name.
    pub id: JobId,
    /// Where it stands: from `PENDING` over `DOWNLOADING` to `FINISHED`, or another end of jobs.
    pub state: StateName,
    /// The API key that asked for it; absent if the operator did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyId>,
    /// Where the media is, without secrets.
    pub source_path: String,
    /// What was found; absent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceView>,
    /// Why nothing was found, if it failed.
    pub error: Option<JobError>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl From<&Job> for ProbeView {
    fn from(job: &Job) -> Self {
        Self {
            object: "probe".to_owned(),
            id: job.id.clone(),
            state: job.state.name(),
            owner: job.owner.clone(),
            source_path: job.spec.source_path.redacted(),
            source: SourceView::of(&job.report),
            error: job.error().cloned(),
            created_at: job.created_at,
            finished_at: job.ended_at,
        }
    }
}
