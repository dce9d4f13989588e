//! The bodies of requests, for the description of the API alone: `spec` reads and checks them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::notify::NotifyFormat;

/// A request for a job. Give `preset` or `job_options`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// Where the media comes from: `s3://bucket/key`, `https://…`, and in local mode `file:///path` and paths below the served folders.
    #[schema(example = "s3://in-bucket/holiday.mov")]
    pub source_path: String,
    /// Where the result goes.
    #[schema(example = "s3://out-bucket/holiday.mp4")]
    pub dest_path: String,
    /// A preset by its name.
    #[schema(nullable = false, example = "web-mp4-720p")]
    pub preset: Option<String>,
    /// FFmpeg options of one's own.
    #[schema(nullable = false)]
    pub job_options: Option<JobOptions>,
    /// Who is told of the job's states.
    pub notify_url: Option<String>,
    /// How: `json` unless it is given.
    #[schema(nullable = false)]
    pub notify_format: Option<NotifyFormat>,
    /// The caller's own name for the job.
    #[schema(min_length = 1, max_length = 500)]
    pub external_id: Option<String>,
    /// Free text of the caller's, at most 16 entries.
    pub metadata: Option<BTreeMap<String, String>>,
    /// How often the job may be tried: 3 unless it is given.
    #[schema(nullable = false, minimum = 1, maximum = 10)]
    pub max_attempts: Option<u32>,
    /// The most that it may cost, in US dollars.
    #[schema(exclusive_minimum = 0)]
    pub max_cost_usd: Option<f64>,
    /// Seconds of media in the source, for the estimate.
    #[schema(exclusive_minimum = 0)]
    pub duration_seconds: Option<f64>,
}

/// A request for an estimate: a job's, with the height of its picture. The addresses may be left out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EstimateRequest {
    /// As in a job.
    #[schema(nullable = false)]
    pub source_path: Option<String>,
    /// As in a job.
    #[schema(nullable = false)]
    pub dest_path: Option<String>,
    /// As in a job.
    #[schema(nullable = false)]
    pub preset: Option<String>,
    /// As in a job.
    #[schema(nullable = false)]
    pub job_options: Option<JobOptions>,
    /// Seconds of media in the source.
    #[schema(exclusive_minimum = 0)]
    pub duration_seconds: Option<f64>,
    /// Lines of its picture.
    #[schema(minimum = 1, maximum = 65_536)]
    pub height: Option<u32>,
}

/// FFmpeg runs, in order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobOptions {
    /// The original's name for the workflow; only FFmpeg's is known.
    #[schema(nullable = false)]
    pub nommer: Option<String>,
    /// One entry for each run.
    #[schema(min_items = 1, max_items = 8)]
    pub options: Vec<PassRequest>,
}

/// One FFmpeg run. An option is a pair of its name without the dash and its value: text, a number, or null for a flag.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PassRequest {
    /// Options before the input.
    #[schema(nullable = false, value_type = Option<Vec<Vec<serde_json::Value>>>)]
    pub infile_options: Option<Vec<(String, Option<String>)>>,
    /// Options before the output.
    #[schema(nullable = false, value_type = Option<Vec<Vec<serde_json::Value>>>)]
    pub outfile_options: Option<Vec<(String, Option<String>)>>,
    /// Whether the moov atom goes before the media data.
    #[schema(nullable = false)]
    pub move_atom_to_front: Option<bool>,
}

/// A request to do one thing to many jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// What.
    pub action: BulkAction,
    /// To which: all that are given must hold. `{}` means every job.
    pub filter: BulkFilter,
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
    /// Only jobs submitted at this time or later.
    #[schema(format = DateTime)]
    pub created_after: Option<String>,
    /// Only jobs submitted before this time.
    #[schema(format = DateTime)]
    pub created_before: Option<String>,
    /// `next_cursor` of the answer before.
    pub cursor: Option<String>,
}

/// A request to pause the fleet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// Goes on by itself after so many minutes; without, when somebody resumes.
    #[schema(minimum = 1, maximum = 527_040)]
    pub minutes: Option<u32>,
}

/// An answer of the original's route, always under status 200.
#[derive(Debug, Serialize, ToSchema)]
pub struct LegacyAnswer {
    /// Whether the job was taken.
    pub success: bool,
    /// Its id.
    #[schema(nullable = false)]
    pub job_id: Option<String>,
    /// Always `BADINPUT`.
    #[schema(nullable = false)]
    pub error_code: Option<String>,
    /// The stable code.
    #[schema(nullable = false)]
    pub code: Option<crate::error::Code>,
    /// What is wrong, in words.
    #[schema(nullable = false)]
    pub message: Option<String>,
}

/// A preset.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresetView {
    /// What jobs name.
    pub name: String,
    /// What it makes.
    pub description: String,
    /// The FFmpeg runs.
    pub passes: Vec<crate::spec::PassSpec>,
}

/// The system answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
}

/// Which system answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    /// Always `media-nommer`.
    pub name: String,
    /// Its version.
    pub version: String,
}
