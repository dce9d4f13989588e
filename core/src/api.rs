//! What `/v1` shows: the JSON shapes that the server writes and the command line reads. Additive changes only.

mod batch;
mod fleet;
mod preset;
mod probe;
#[cfg(feature = "openapi")]
pub mod request;
mod stats;
mod upload;
mod webhook;

pub use batch::{BatchCounts, BatchView, FailureView};
pub use fleet::{CostView, EncoderState, EncoderView, Estimate, FleetState, FleetView, GONE_SHOWN};
pub use preset::PresetView;
pub use probe::ProbeView;
pub use stats::StatsView;
pub use upload::{CompletedUpload, PartView, UploadView};
pub use webhook::{DeliveryView, EndpointView};

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Code, JobError, Warning},
    id::{BatchId, InstanceId, JobId, KeyId},
    job::{Job, Output, Report, StateChange, StateName},
    lease::elapsed,
    output::OutputSpec,
    probe::Stream,
    progress::Progress,
    spec::{JobSpec, PassSpec},
    uri::MediaUri,
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
    fn of(history: &[StateChange]) -> Self {
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

fn redacted(destination: Option<&MediaUri>) -> String {
    destination.map(MediaUri::redacted).unwrap_or_default()
}

/// What a request would become, if it were not a dry run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DryRun {
    /// Always `dry_run`.
    pub object: String,
    /// Where the media would come from, without secrets. Nothing is fetched.
    pub source_path: String,
    /// Where the result would go, without secrets.
    pub dest_path: String,
    /// The FFmpeg runs. The command lines follow when the source is known.
    pub passes: Vec<PassSpec>,
    /// The outputs, of a job that is not written in FFmpeg runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputSpec>,
    /// What it would take and cost.
    pub estimate: Estimate,
}

impl DryRun {
    /// The answer to a request that passed all checks.
    pub fn new(spec: &JobSpec, estimate: Estimate) -> Self {
        Self {
            object: "dry_run".to_owned(),
            source_path: spec.source_path.redacted(),
            dest_path: redacted(spec.dest_path.as_ref()),
            passes: spec.passes.clone(),
            outputs: spec.outputs.clone(),
            estimate,
        }
    }
}

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

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The entries, newest first.
    pub data: Vec<T>,
    /// What to pass as `cursor` for the next page; absent on the last.
    pub next_cursor: Option<String>,
}

/// An error answer after RFC 9457, `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI that names the kind of problem: `urn:media-nommer:error:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What happened this time.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The fields at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldProblem {
    /// The field, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

impl Problem {
    /// The answer for an error, at fault with the field at `pointer` if that is not empty.
    pub fn new(error: &JobError, pointer: &str) -> Self {
        let code = error.code.as_str();
        let mut title = code.replace('_', " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let field = || FieldProblem {
            pointer: pointer.to_owned(),
            detail: error.message.clone(),
        };
        Self {
            kind: format!("urn:media-nommer:error:{code}"),
            title,
            status: error.code.http_status(),
            code: code.to_owned(),
            detail: error.message.clone(),
            hint: error.hint.clone(),
            errors: (!pointer.is_empty()).then(field).into_iter().collect(),
            retryable: error.code.retryable(),
        }
    }
}
