//! What a job makes: outputs and what goes with them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{AudioChoice, Moment, OptionValue, Rate, Rung, Speed, Time, VideoChoice};
use crate::{
    extras::{CaptionMode, Position},
    output::{AudioCodec, Container, Hdr, VideoCodec},
};

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
