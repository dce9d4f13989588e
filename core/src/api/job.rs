//! A job as callers see it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CostView, redacted};
use crate::{
    error::{JobError, Warning},
    id::{BatchId, InstanceId, JobId, KeyId},
    job::{Job, Output, Report, StateChange, StateName},
    lease::elapsed,
    probe::Stream,
    progress::Progress,
};

/// A job as callers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobView {
    /// Always `job`.
    pub object: String,
    /// Its name.
    pub id: JobId,
    /// Where it stands.
    pub state: StateName,
    /// The details of its state in words; empty if there is nothing to say.
    pub state_details: String,
    /// Attempts counted so far, the present one included.
    pub attempts: u32,
    /// Number of the last state change.
    pub sequence: u64,
    /// The API key that submitted it; absent if the operator did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyId>,
    /// The job that this one repeats, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
    /// The batch that it is of, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// The caller's own name for it.
    pub external_id: Option<String>,
    /// The caller's free text.
    pub metadata: BTreeMap<String, String>,
    /// Words of the caller's by which jobs are told apart.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How urgent it is; below zero, it waits until no other job does.
    #[serde(default)]
    pub priority: i8,
    /// Where the media comes from, without secrets.
    pub source_path: String,
    /// Where the result goes, without secrets.
    pub dest_path: String,
    /// The preset, if one was named.
    pub preset: Option<String>,
    /// How far it is; absent before the first report and after the end.
    pub progress: Option<Progress>,
    /// What was found in the source; absent before it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceView>,
    /// What was published.
    pub outputs: Vec<Output>,
    /// Seconds spent in each stage.
    pub timings: Timings,
    /// What ran.
    pub resolved: Resolved,
    /// What was changed or noticed.
    pub warnings: Vec<Warning>,
    /// Why it failed, if it did.
    pub error: Option<JobError>,
    /// What it has cost.
    #[serde(default)]
    pub cost: CostView,
    /// Who works on it.
    pub encoder_id: Option<InstanceId>,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When it was first claimed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Its newest state changes, oldest first.
    pub events: Vec<StateChange>,
    /// The last lines of what FFmpeg said, if they were asked for and there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub log_tail: Option<String>,
}

impl JobView {
    /// The job as it is at `now`.
    pub fn new(job: &Job, now: Timestamp) -> Self {
        Self {
            object: "job".to_owned(),
            id: job.id.clone(),
            state: job.state.name(),
            state_details: job.state_details().to_owned(),
            attempts: job.attempts,
            sequence: job.sequence,
            owner: job.owner.clone(),
            retry_of: job.retry_of.clone(),
            batch_id: job.batch.as_ref().map(|place| place.id.clone()),
            external_id: job.spec.external_id.clone(),
            metadata: job.spec.metadata.clone(),
            tags: job.spec.tags.clone(),
            priority: job.spec.priority,
            source: SourceView::of(&job.report),
            source_path: job.spec.source_path.redacted(),
            dest_path: redacted(job.destination()),
            preset: job.spec.preset.clone(),
            progress: job.progress.clone().filter(|_| !job.state.ended()),
            outputs: job.outputs.clone(),
            timings: Timings::of(&job.history),
            resolved: Resolved {
                passes: job.report.resolved.clone(),
                ffmpeg_version: job.report.ffmpeg_version.clone(),
            },
            warnings: job.report.warnings.clone(),
            error: job.error().cloned(),
            cost: CostView {
                usd: job.cost.usd(now),
                max_usd: job.spec.max_cost_usd,
            },
            encoder_id: job.state.lease().map(|lease| lease.token.instance.clone()),
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.ended_at,
            events: job.history.clone(),
            log_tail: None,
        }
    }
}

/// What was found in a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SourceView {
    /// Its bytes.
    pub bytes: Option<u64>,
    /// Its length in seconds, if it says.
    pub seconds: Option<f64>,
    /// FFmpeg's name of its container; several names where one demuxer reads many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Bits a second on the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
    /// Its streams, the first of many.
    pub streams: Vec<Stream>,
}

impl SourceView {
    /// What a report says of it; none before it was read.
    pub fn of(report: &Report) -> Option<Self> {
        (!report.source_streams.is_empty()).then(|| Self {
            format: report.source_format.clone(),
            bitrate: report.source_bitrate,
            bytes: report.source_bytes,
            seconds: report.source_seconds,
            streams: report.source_streams.clone(),
        })
    }
}

/// Exactly what ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Resolved {
    /// The command line of each pass.
    pub passes: Vec<Vec<String>>,
    /// The version of FFmpeg.
    pub ffmpeg_version: Option<String>,
}

/// Seconds spent in each stage, all attempts together. A stage that lasts still is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Timings {
    /// Waiting for an encoder.
    pub queued: f64,
    /// Fetching and probing.
    pub download: f64,
    /// FFmpeg.
    pub encode: f64,
    /// Delivering.
    pub upload: f64,
}

impl Timings {
    pub(super) fn of(history: &[StateChange]) -> Self {
        let mut timings = Self::default();
        for (change, next) in history.iter().zip(history.iter().skip(1)) {
            let seconds = elapsed(next.at, change.at).as_secs_f64();
            match change.state {
                StateName::Pending => timings.queued += seconds,
                StateName::Downloading => timings.download += seconds,
                StateName::Encoding => timings.encode += seconds,
                StateName::Uploading => timings.upload += seconds,
                StateName::Finished
                | StateName::Error
                | StateName::Abandoned
                | StateName::Canceled => {}
            }
        }
        timings
    }
}
