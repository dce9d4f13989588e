//! What a caller wants made of a source, in words instead of FFmpeg options: containers, codecs, sizes, rates.
//!
//! Only data and what is true of it whatever the source is. `spec` reads it from a request, `plan` turns it into command lines.

mod codec;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use codec::Words;
pub use codec::{AudioCodec, Container, VideoCodec};

/// Most outputs of one job: each holds an encoder's memory while all are made from one decode.
pub const MOST_OUTPUTS: usize = 16;

/// Most renditions of one ladder.
pub const MOST_RENDITIONS: usize = 12;

/// The heights of a packaged output that names none. What is higher than the source is left out.
pub const USUAL_LADDER: [u32; 4] = [1_080, 720, 480, 240];

/// Length of a segment unless the caller says otherwise, in seconds: Apple's authoring guide asks for 6, 4 starts sooner.
pub const SEGMENT_SECONDS: u32 = 4;

/// Distance of keyframes in a ladder, in seconds. Segments are multiples of it.
pub const KEYFRAME_SECONDS: u32 = 2;

/// One output: a file, or a folder of segments with its manifests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutputSpec {
    /// Its name within the job.
    pub name: String,
    /// What it is wrapped in.
    pub container: Container,
    /// Where it goes below a destination that is a folder; unset: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its pictures: none, one, or the renditions of a ladder.
    #[serde(default)]
    pub video: Vec<VideoSpec>,
    /// Its sound, if it is to have any.
    #[serde(default)]
    pub audio: Option<AudioSpec>,
    /// Length of a segment in seconds, where there are segments.
    #[serde(default = "segment_seconds")]
    pub segment_seconds: u32,
}

fn segment_seconds() -> u32 {
    SEGMENT_SECONDS
}

/// One picture stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VideoSpec {
    /// How it is coded.
    pub codec: VideoCodec,
    /// Lines at most; never more than the source has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Pixels across at most; never more than the source has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Constant quality, on the codec's own scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crf: Option<f64>,
    /// Mean rate in bits a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
    /// Highest rate in bits a second, over a buffer of two seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maxrate: Option<u64>,
    /// Frames a second; unset: as the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// How much work the encoder does, in its own words: `veryfast` for H.264 and H.265, a number for AV1 and VP9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<String>,
    /// Two passes, for a mean rate that is kept.
    #[serde(default)]
    pub two_pass: bool,
    /// What becomes of a high dynamic range.
    #[serde(default)]
    pub hdr: Hdr,
}

/// One sound stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AudioSpec {
    /// How it is coded.
    pub codec: AudioCodec,
    /// Mean rate in bits a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
    /// Channels; unset: as the source, two at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u32>,
    /// Loudness that it is brought to, in LUFS (EBU R 128).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness_lufs: Option<f64>,
}

/// What becomes of a high dynamic range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Hdr {
    /// Brought to what every screen shows.
    #[default]
    Tonemap,
    /// Kept.
    Keep,
}

/// The part of the source that is used, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Clip {
    /// Where it begins.
    #[serde(default)]
    pub start: f64,
    /// Where it ends; unset: at the source's end.
    #[serde(default)]
    pub end: Option<f64>,
}

/// Still pictures of a source: a poster, and one every so often for a player's timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Thumbnails {
    /// When the poster is taken, if there is to be one.
    #[serde(default)]
    pub poster_at: Option<Moment>,
    /// Seconds between two thumbnails, if there are to be any.
    #[serde(default)]
    pub interval: Option<f64>,
    /// Pixels across a thumbnail; never more than the source has.
    pub width: u32,
    /// Whether many of them share a file.
    pub sprite: bool,
}

/// A time within the media.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Moment {
    /// Seconds from its beginning.
    Seconds(f64),
    /// A share of its length, 0 to 100.
    Percent(f64),
}

/// Where the poster lies below the destination.
pub const POSTER: &str = "poster.jpg";

/// Where the list of thumbnails lies below the destination, and where the pictures do.
pub const THUMBNAILS: &str = "thumbnails.vtt";

/// The folder of the thumbnails' pictures below the destination.
pub const THUMBNAIL_FOLDER: &str = "thumbnails/";

impl Clip {
    /// How long it lasts of a source that lasts so long.
    pub fn length(&self, source: Option<Duration>) -> Option<Duration> {
        let whole = source.map(|source| source.as_secs_f64());
        let end = match (self.end, whole) {
            (Some(end), Some(whole)) => end.min(whole),
            (Some(end), None) => end,
            (None, whole) => whole?,
        };
        Duration::try_from_secs_f64((end - self.start).max(0.0)).ok()
    }
}

impl VideoSpec {
    /// A picture as the codec usually makes it.
    pub fn new(codec: VideoCodec) -> Self {
        Self {
            codec,
            height: None,
            width: None,
            crf: None,
            bitrate: None,
            maxrate: None,
            fps: None,
            speed: None,
            two_pass: false,
            hdr: Hdr::default(),
        }
    }
}

impl VideoSpec {
    /// The same as a rendition of so many lines, its rate capped as the usual ladder is.
    #[must_use]
    pub fn at_height(&self, height: u32) -> Self {
        Self {
            height: Some(height),
            width: None,
            maxrate: Some(rung_bitrate(height)),
            ..self.clone()
        }
    }
}

impl AudioSpec {
    /// Sound as the codec usually makes it.
    pub fn new(codec: AudioCodec) -> Self {
        Self {
            codec,
            bitrate: codec.usual_bitrate(),
            channels: None,
            loudness_lufs: None,
        }
    }
}

impl OutputSpec {
    /// An output as its container usually is.
    pub fn new(name: &str, container: Container) -> Self {
        let video = container.video_codecs().first().copied();
        let audio = container.audio_codecs().first().copied();
        Self {
            name: name.to_owned(),
            container,
            path: None,
            video: video.map(VideoSpec::new).into_iter().collect(),
            audio: audio.map(AudioSpec::new),
            segment_seconds: SEGMENT_SECONDS,
        }
    }

    /// Where it goes below a destination that is a folder. Of a packaged output this is a folder too, and ends in `/`.
    pub fn place(&self, alone: bool) -> String {
        match (&self.path, self.container.packaged()) {
            (Some(path), false) => path.clone(),
            (Some(path), true) => format!("{}/", path.trim_end_matches('/')),
            (None, true) if alone => String::new(),
            (None, true) => format!("{}/", self.name),
            (None, false) => format!("{}.{}", self.name, self.container.extension()),
        }
    }
}

/// The rates of the usual ladder by height, in bits a second: for H.264 in 16:9 at up to 30 frames a second.
const LADDER: [(u32, u64); 7] = [
    (2_160, 12_000_000),
    (1_440, 7_500_000),
    (1_080, 5_000_000),
    (720, 2_800_000),
    (480, 1_200_000),
    (360, 700_000),
    (240, 350_000),
];

/// The highest rate of a rendition of so many lines: that of the usual ladder, or of its nearest rung by area.
fn rung_bitrate(height: u32) -> u64 {
    let nearest = LADDER
        .iter()
        .min_by_key(|(lines, _)| lines.abs_diff(height))
        .map_or((720, 2_800_000), |rung| *rung);
    let (lines, rate) = (u64::from(nearest.0), nearest.1);
    let height = u64::from(height);
    (rate * height * height / (lines * lines)).max(100_000)
}
