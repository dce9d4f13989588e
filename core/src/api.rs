//! What `/v1` shows: the JSON shapes that the server writes and the command line reads. Additive changes only.

mod batch;
mod bulk;
mod fleet;
mod job;
mod preset;
mod probe;
mod problem;
#[cfg(feature = "openapi")]
pub mod request;
mod stats;
mod upload;
mod webhook;

pub use batch::{BatchCounts, BatchView, FailureView};
pub use bulk::{BulkRefusal, BulkView};
pub use fleet::{CostView, EncoderState, EncoderView, Estimate, FleetState, FleetView, GONE_SHOWN};
pub use job::{JobView, Resolved, SourceView, Timings};
pub use preset::PresetView;
pub use probe::ProbeView;
pub use problem::{FieldProblem, Problem};
pub use stats::StatsView;
pub use upload::{CompletedUpload, PartView, UploadView};
pub use webhook::{DeliveryView, EndpointView};

use serde::{Deserialize, Serialize};

use crate::{
    output::OutputSpec,
    spec::{JobSpec, PassSpec},
    uri::MediaUri,
};

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

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The entries, newest first.
    pub data: Vec<T>,
    /// What to pass as `cursor` for the next page; absent on the last.
    pub next_cursor: Option<String>,
}
