//! The bodies of requests, for the description of the API alone: `spec` reads and checks them.

mod choices;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

pub use choices::{
    AudioChoice, ClockText, HeightText, Moment, OptionValue, Rate, RateText, Rung, RungRequest,
    Speed, Time, VideoChoice,
};

use crate::{
    extras::{CaptionMode, Metric, Position},
    notify::NotifyFormat,
    output::{AudioCodec, Container, Hdr, VideoCodec},
};

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

/// A request for an upload.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadRequest {
    /// Its name, without folders.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^./\\%?#\x00-\x1f\x7f ][^/\\%?#\x00-\x1f\x7f]*$",
        example = "holiday.mov"
    )]
    pub filename: String,
    /// How many bytes there will be: exactly so many.
    #[schema(minimum = 1)]
    pub bytes: u64,
    /// What it is, such as `video/mp4`.
    #[schema(
        max_length = 127,
        pattern = "^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$"
    )]
    pub content_type: Option<String>,
}

/// A request to put the parts of an upload together.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompletionRequest {
    /// All parts, in the order of their numbers.
    #[schema(min_items = 2, max_items = 1000)]
    pub parts: Vec<ArrivedPart>,
}

/// A part that arrived.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArrivedPart {
    /// Which one it is, from 1 on.
    #[schema(minimum = 1, maximum = 1000)]
    pub number: u32,
    /// The header `ETag` of the answer to it, with its quotes or without.
    #[schema(min_length = 1, max_length = 130)]
    pub etag: String,
}

/// A request for a look at a source.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeRequest {
    /// Where the media is, as in a job.
    #[schema(example = "s3://in-bucket/holiday.mov")]
    pub source_path: String,
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

/// One output: a file, or a folder of segments with its manifests.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputRequest {
    /// Its name within the job: the container's unless it is given.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,31}$")]
    pub name: Option<String>,
    /// What it is wrapped in: `mp4` unless it is given.
    pub container: Option<Container>,
    /// Where it goes below a `dest_path` that ends in `/`: its name and the container's extension unless it is given.
    #[schema(max_length = 300)]
    pub path: Option<String>,
    /// Its pictures: what is usual in the container unless it is given.
    pub video: Option<VideoChoice>,
    /// The renditions of a packaged output, as heights such as `"720p"` or as `{"height": 720, "bitrate": "2.8M"}`.
    #[schema(min_items = 1, max_items = 12)]
    pub ladder: Option<Vec<Rung>>,
    /// Its sound: what is usual in the container unless it is given.
    pub audio: Option<AudioChoice>,
    /// Length of a segment in seconds, a multiple of 2: 4 unless it is given.
    #[schema(minimum = 2, maximum = 60)]
    pub segment_seconds: Option<u32>,
}

/// One picture stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VideoRequest {
    /// How it is coded.
    pub codec: Option<VideoCodec>,
    /// Lines at most; never more than the source has.
    #[schema(minimum = 16, maximum = 8_704)]
    pub height: Option<u32>,
    /// Pixels across at most; never more than the source has.
    #[schema(minimum = 16, maximum = 8_704)]
    pub width: Option<u32>,
    /// Constant quality, on the codec's own scale.
    pub crf: Option<f64>,
    /// Mean rate, as `"5M"` or bits a second.
    pub bitrate: Option<Rate>,
    /// Highest rate, as `"5M"` or bits a second.
    pub maxrate: Option<Rate>,
    /// Frames a second: those of the source unless it is given.
    #[schema(minimum = 1, maximum = 240)]
    pub fps: Option<f64>,
    /// How much work the encoder does: `veryfast` and its like for H.264 and H.265, a number for AV1 and VP9.
    pub speed: Option<Speed>,
    /// Two passes, for a `bitrate` that is kept.
    pub two_pass: Option<bool>,
    /// What becomes of a high dynamic range: `tonemap` unless it is given.
    pub hdr: Option<Hdr>,
}

/// One sound stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AudioRequest {
    /// How it is coded.
    pub codec: Option<AudioCodec>,
    /// Mean rate, as `"128k"` or bits a second.
    pub bitrate: Option<Rate>,
    /// Channels: those of the source, two at most, unless it is given.
    #[schema(minimum = 1, maximum = 8)]
    pub channels: Option<u32>,
    /// Loudness that it is brought to, in LUFS (EBU R 128).
    #[schema(minimum = -70, maximum = -5)]
    pub loudness_lufs: Option<f64>,
}

/// Still pictures. Give one of `poster_at` and `interval`, or both.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThumbnailsRequest {
    /// When `poster.jpg` is taken, as a time or as a share such as `"10%"`.
    pub poster_at: Option<Moment>,
    /// Seconds between two thumbnails.
    #[schema(minimum = 0.5, maximum = 3_600)]
    pub interval: Option<f64>,
    /// Pixels across a thumbnail: 160 unless it is given.
    #[schema(minimum = 16, maximum = 1_920)]
    pub width: Option<u32>,
    /// Whether many of them share a file.
    pub sprite: Option<bool>,
    /// The list of thumbnails is always written; only `true` may be said.
    pub vtt: Option<bool>,
}

/// Words in one language.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptionsRequest {
    /// Where they come from: SRT or `WebVTT`, in UTF-8. The address may hold no credentials and no query.
    pub source_path: String,
    /// Their language, as in BCP 47: `en` unless it is given.
    #[schema(max_length = 35)]
    pub language: Option<String>,
    /// What players call them: the language unless it is given.
    #[schema(min_length = 1, max_length = 500)]
    pub label: Option<String>,
    /// `sidecar` (unless it is given): `captions/LANGUAGE.vtt` beside the outputs, named in the manifests of what is packaged.
    /// `burn`: part of the pictures.
    pub mode: Option<CaptionMode>,
}

/// A picture that lies on all pictures.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatermarkRequest {
    /// Where it comes from: PNG, JPEG or `WebP`. The address may hold no credentials and no query.
    pub source_path: String,
    /// Where it lies: `bottom-right` unless it is given.
    pub position: Option<Position>,
    /// How much of it is seen: 1 unless it is given.
    #[schema(minimum = 0, maximum = 1)]
    pub opacity: Option<f64>,
    /// Its width in percent of the pictures': 15 unless it is given.
    #[schema(minimum = 1, maximum = 100)]
    pub width_percent: Option<f64>,
}

/// FFmpeg options of one's own beside `outputs`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverridesRequest {
    /// Pairs such as `["x265-params", "aq-mode=3"]`, put after those of every output.
    pub outfile_options: Vec<(String, Option<OptionValue>)>,
}

/// What S3 is told of the outputs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageRequest {
    /// A canned ACL such as `public-read`, of a bucket that takes ACLs.
    pub acl: Option<String>,
    /// A storage class such as `STANDARD_IA`.
    pub storage_class: Option<String>,
    /// The header `Cache-Control` of their answers.
    #[schema(min_length = 1, max_length = 500)]
    pub cache_control: Option<String>,
    /// User metadata: names of a-z, 0-9 and `-`, texts of visible ASCII.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A part of the source.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClipRequest {
    /// Where it begins, as seconds or `"hh:mm:ss"`.
    pub start: Option<Time>,
    /// Where it ends.
    pub end: Option<Time>,
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

/// Fields of a job, as many as are to be said. The description shows those of [`JobRequest`].
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

/// Another try of a job that ended badly.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// Whether outputs that are there already are left alone. A job publishes all of its outputs or none, so that of one which ended badly
    /// all are made again, whatever this says.
    pub only_failed_outputs: Option<bool>,
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

/// A new webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointRequest {
    /// Where: a web address. Its query may hold a token and is kept sealed.
    pub url: String,
    /// What it is to hear of; all but `job.encoding` and `job.uploading` if nothing is said.
    #[schema(min_items = 1)]
    pub events: Option<Vec<crate::notify::EventName>>,
    /// What it is for.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Whether anything is sent to it; true if nothing is said.
    pub enabled: Option<bool>,
}

/// Changes of a webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointChange {
    /// Where.
    pub url: Option<String>,
    /// What it is to hear of.
    #[schema(min_items = 1)]
    pub events: Option<Vec<crate::notify::EventName>>,
    /// What it is for.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Whether anything is sent to it.
    pub enabled: Option<bool>,
}

/// Which event to send as a sample.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRequest {
    /// `job.finished` if nothing is said.
    pub event: Option<crate::notify::EventName>,
}

/// A preset of one's own.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresetRequest {
    /// What it makes.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// What it puts into jobs.
    pub job: JobPart,
}

/// Fields of a job: `outputs` or `job_options`, and what belongs to them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobPart {
    /// As in a job.
    #[schema(nullable = false, min_items = 1, max_items = 16)]
    pub outputs: Option<Vec<OutputRequest>>,
    /// As in a job.
    #[schema(nullable = false)]
    pub job_options: Option<JobOptions>,
    /// As in a job.
    pub thumbnails: Option<ThumbnailsRequest>,
    /// As in a job.
    pub watermark: Option<WatermarkRequest>,
    /// As in a job.
    pub overrides: Option<OverridesRequest>,
    /// As in a job.
    pub file_metadata: Option<BTreeMap<String, String>>,
    /// As in a job.
    pub storage: Option<StorageRequest>,
    /// As in a job.
    #[schema(minimum = 1, maximum = 31_622_400)]
    pub timeout_seconds: Option<u64>,
    /// As in a job.
    #[schema(nullable = false, minimum = 1, maximum = 10)]
    pub max_attempts: Option<u32>,
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
