//! Jobs: a new one, an estimate of one, FFmpeg runs in the caller's own words, and the answer of the original's route.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    CaptionsRequest, ClipRequest, OptionValue, OutputRequest, OverridesRequest, StorageRequest,
    ThumbnailsRequest, WatermarkRequest,
};
use crate::{error::Code, extras::Metric, notify::NotifyFormat};

/// A request for a job. Give one of `preset`, `outputs` and `job_options`.
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
    /// What is to be made of the source, all from one decode.
    #[schema(nullable = false, min_items = 1, max_items = 16)]
    pub outputs: Option<Vec<OutputRequest>>,
    /// FFmpeg options of one's own.
    #[schema(nullable = false)]
    pub job_options: Option<JobOptions>,
    /// The part of the source that is used, for `outputs` and presets that stand for some.
    pub clip: Option<ClipRequest>,
    /// Still pictures beside the outputs: a poster, and one every so often with their list in `WebVTT`.
    pub thumbnails: Option<ThumbnailsRequest>,
    /// Words that are shown with the pictures, for `outputs` and presets that stand for some.
    #[schema(nullable = false, min_items = 1, max_items = 16)]
    pub captions: Option<Vec<CaptionsRequest>>,
    /// A picture that lies on all pictures.
    pub watermark: Option<WatermarkRequest>,
    /// FFmpeg options that are put after those of every output.
    pub overrides: Option<OverridesRequest>,
    /// What is written into the files: `title`, `artist`, `album`, `comment`, `copyright`, `date`, `description`, `genre`, `show`.
    pub file_metadata: Option<BTreeMap<String, String>>,
    /// How outputs are compared with their source: `ssim`, or `vmaf` where FFmpeg has libvmaf. It takes a decode of both.
    pub score: Option<Metric>,
    /// What S3 is told of the outputs.
    pub storage: Option<StorageRequest>,
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
    /// How urgent the job is: below zero, it waits until no other does. 0 unless it is given.
    #[schema(minimum = -50, maximum = 50)]
    pub priority: Option<i8>,
    /// The most that it may cost, in US dollars.
    #[schema(exclusive_minimum = 0)]
    pub max_cost_usd: Option<f64>,
    /// Words of the caller's by which jobs are told apart, at most 16.
    #[schema(max_items = 16)]
    pub tags: Option<Vec<String>>,
    /// Seconds that all FFmpeg runs of an attempt may take together, where that is less than the operator allows.
    #[schema(minimum = 1, maximum = 31_622_400)]
    pub timeout_seconds: Option<u64>,
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
    pub outputs: Option<Vec<OutputRequest>>,
    /// As in a job.
    #[schema(nullable = false)]
    pub job_options: Option<JobOptions>,
    /// As in a job.
    pub clip: Option<ClipRequest>,
    /// As in a job.
    pub thumbnails: Option<ThumbnailsRequest>,
    /// As in a job.
    #[schema(nullable = false, min_items = 1, max_items = 16)]
    pub captions: Option<Vec<CaptionsRequest>>,
    /// As in a job.
    pub watermark: Option<WatermarkRequest>,
    /// As in a job.
    pub overrides: Option<OverridesRequest>,
    /// As in a job.
    pub file_metadata: Option<BTreeMap<String, String>>,
    /// As in a job.
    pub score: Option<Metric>,
    /// As in a job.
    pub storage: Option<StorageRequest>,
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
    #[schema(nullable = false)]
    pub infile_options: Option<Vec<(String, Option<OptionValue>)>>,
    /// Options before the output.
    #[schema(nullable = false)]
    pub outfile_options: Option<Vec<(String, Option<OptionValue>)>>,
    /// Whether the moov atom goes before the media data.
    #[schema(nullable = false)]
    pub move_atom_to_front: Option<bool>,
}

/// Another try of a job that ended badly.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// Whether outputs that are there already are left alone. A job makes all of its outputs together, so that of one which ended badly
    /// all are made again, whatever this says.
    pub only_failed_outputs: Option<bool>,
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
    pub code: Option<Code>,
    /// What is wrong, in words.
    #[schema(nullable = false)]
    pub message: Option<String>,
}
