//! What a caller wants made of a source, in words instead of FFmpeg options: containers, codecs, sizes, rates.
//!
//! Only data and what is true of it whatever the source is. `spec` reads it from a request, `plan` turns it into command lines.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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

/// What streams are wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Container {
    /// MP4 that starts at once.
    Mp4,
    /// `QuickTime`, for editing.
    Mov,
    /// `WebM`.
    Webm,
    /// Matroska.
    Mkv,
    /// Sound in MP4.
    M4a,
    /// MP3.
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// A moving GIF.
    Gif,
    /// Segments with HLS playlists.
    Hls,
    /// Segments with a DASH manifest.
    Dash,
    /// Segments with both.
    Cmaf,
}

/// One picture stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VideoSpec {
    /// How it is coded.
    pub codec: VideoCodec,
    /// Lines at most; never more than the source has.
    #[serde(default)]
    pub height: Option<u32>,
    /// Pixels across at most; never more than the source has.
    #[serde(default)]
    pub width: Option<u32>,
    /// Constant quality, on the codec's own scale.
    #[serde(default)]
    pub crf: Option<f64>,
    /// Mean rate in bits a second.
    #[serde(default)]
    pub bitrate: Option<u64>,
    /// Highest rate in bits a second, over a buffer of two seconds.
    #[serde(default)]
    pub maxrate: Option<u64>,
    /// Frames a second; unset: as the source.
    #[serde(default)]
    pub fps: Option<f64>,
    /// How much work the encoder does, in its own words: `veryfast` for H.264 and H.265, a number for AV1 and VP9.
    #[serde(default)]
    pub speed: Option<String>,
    /// Two passes, for a mean rate that is kept.
    #[serde(default)]
    pub two_pass: bool,
    /// What becomes of a high dynamic range.
    #[serde(default)]
    pub hdr: Hdr,
}

/// How pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum VideoCodec {
    /// H.264, for every player.
    H264,
    /// H.265, half the size on newer devices.
    H265,
    /// AV1.
    Av1,
    /// VP9.
    Vp9,
    /// `ProRes`, for editing.
    Prores,
    /// The GIF of 1989.
    Gif,
    /// As in the source, not encoded again.
    Copy,
}

/// One sound stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AudioSpec {
    /// How it is coded.
    pub codec: AudioCodec,
    /// Mean rate in bits a second.
    #[serde(default)]
    pub bitrate: Option<u64>,
    /// Channels; unset: as the source, two at most.
    #[serde(default)]
    pub channels: Option<u32>,
    /// Loudness that it is brought to, in LUFS (EBU R 128).
    #[serde(default)]
    pub loudness_lufs: Option<f64>,
}

/// How sound is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum AudioCodec {
    /// AAC, for every player.
    Aac,
    /// MP3.
    Mp3,
    /// Opus.
    Opus,
    /// PCM, for editing.
    Pcm,
    /// As in the source, not encoded again.
    Copy,
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

/// A word on the wire, and what it means.
pub(crate) type Words<T> = [(&'static str, T)];

impl Container {
    /// All of them, by their names.
    pub(crate) const WORDS: &'static Words<Self> = &[
        ("mp4", Self::Mp4),
        ("mov", Self::Mov),
        ("webm", Self::Webm),
        ("mkv", Self::Mkv),
        ("m4a", Self::M4a),
        ("mp3", Self::Mp3),
        ("opus", Self::Opus),
        ("gif", Self::Gif),
        ("hls", Self::Hls),
        ("dash", Self::Dash),
        ("cmaf", Self::Cmaf),
    ];

    /// Whether it is a folder of segments rather than a file.
    pub fn packaged(self) -> bool {
        matches!(self, Self::Hls | Self::Dash | Self::Cmaf)
    }

    /// Whether it has HLS playlists.
    pub fn has_hls(self) -> bool {
        matches!(self, Self::Hls | Self::Cmaf)
    }

    /// Whether it has a DASH manifest.
    pub fn has_dash(self) -> bool {
        matches!(self, Self::Dash | Self::Cmaf)
    }

    /// Its word on the wire, which is also the extension of a file.
    pub fn extension(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, container)| *container == self);
        found.map_or("bin", |(word, _)| word)
    }

    /// FFmpeg's muxer for a file of it.
    pub(crate) fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 | Self::M4a => "mp4",
            Self::Mov => "mov",
            Self::Webm => "webm",
            Self::Mkv => "matroska",
            Self::Mp3 => "mp3",
            Self::Opus => "ogg",
            Self::Gif => "gif",
            Self::Hls | Self::Dash | Self::Cmaf => "dash",
        }
    }

    /// Whether it has a moov atom that belongs in front.
    pub(crate) fn relocates(self) -> bool {
        matches!(self, Self::Mp4 | Self::Mov | Self::M4a)
    }

    /// What pictures it can hold, the usual first.
    pub(crate) fn video_codecs(self) -> &'static [VideoCodec] {
        use VideoCodec::{Av1, Copy, Gif, H264, H265, Prores, Vp9};
        match self {
            Self::Mp4 => &[H264, H265, Av1, Vp9, Copy],
            Self::Mov => &[Prores, H264, H265, Copy],
            Self::Webm => &[Vp9, Av1, Copy],
            Self::Mkv => &[H264, H265, Av1, Vp9, Prores, Copy],
            Self::Gif => &[Gif],
            Self::Hls | Self::Dash | Self::Cmaf => &[H264, H265],
            Self::M4a | Self::Mp3 | Self::Opus => &[],
        }
    }

    /// What sound it can hold, the usual first.
    pub(crate) fn audio_codecs(self) -> &'static [AudioCodec] {
        use AudioCodec::{Aac, Copy, Mp3, Opus, Pcm};
        match self {
            Self::Mp4 => &[Aac, Mp3, Opus, Copy],
            Self::Mov => &[Pcm, Aac, Copy],
            Self::Webm => &[Opus, Copy],
            Self::Mkv => &[Aac, Opus, Mp3, Pcm, Copy],
            Self::M4a | Self::Hls | Self::Dash | Self::Cmaf => &[Aac],
            Self::Mp3 => &[Mp3],
            Self::Opus => &[Opus],
            Self::Gif => &[],
        }
    }
}

impl VideoCodec {
    /// All of them, by their names.
    pub(crate) const WORDS: &'static Words<Self> = &[
        ("h264", Self::H264),
        ("h265", Self::H265),
        ("av1", Self::Av1),
        ("vp9", Self::Vp9),
        ("prores", Self::Prores),
        ("gif", Self::Gif),
        ("copy", Self::Copy),
    ];

    /// FFmpeg's encoder.
    pub(crate) fn encoder(self) -> &'static str {
        match self {
            Self::H264 => "libx264",
            Self::H265 => "libx265",
            Self::Av1 => "libsvtav1",
            Self::Vp9 => "libvpx-vp9",
            Self::Prores => "prores_ks",
            Self::Gif => "gif",
            Self::Copy => "copy",
        }
    }

    /// The quality that is used when neither quality nor rate is given, and the worst on its scale; none where it has no such scale.
    pub(crate) fn quality(self) -> Option<(f64, f64)> {
        match self {
            Self::H264 => Some((22.0, 51.0)),
            Self::H265 => Some((26.0, 51.0)),
            Self::Av1 => Some((35.0, 63.0)),
            Self::Vp9 => Some((32.0, 63.0)),
            Self::Prores | Self::Gif | Self::Copy => None,
        }
    }

    /// The words for its speeds, the usual first; none where it has none.
    pub(crate) fn speeds(self) -> &'static [&'static str] {
        match self {
            Self::H264 | Self::H265 => &[
                "veryfast",
                "ultrafast",
                "superfast",
                "faster",
                "fast",
                "medium",
                "slow",
                "slower",
                "veryslow",
            ],
            Self::Av1 => &[
                "8", "0", "1", "2", "3", "4", "5", "6", "7", "9", "10", "11", "12", "13",
            ],
            Self::Vp9 => &["4", "0", "1", "2", "3", "5", "6", "7", "8"],
            Self::Prores | Self::Gif | Self::Copy => &[],
        }
    }
}

impl AudioCodec {
    /// All of them, by their names.
    pub(crate) const WORDS: &'static Words<Self> = &[
        ("aac", Self::Aac),
        ("mp3", Self::Mp3),
        ("opus", Self::Opus),
        ("pcm", Self::Pcm),
        ("copy", Self::Copy),
    ];

    /// FFmpeg's encoder.
    pub(crate) fn encoder(self) -> &'static str {
        match self {
            Self::Aac => "aac",
            Self::Mp3 => "libmp3lame",
            Self::Opus => "libopus",
            Self::Pcm => "pcm_s16le",
            Self::Copy => "copy",
        }
    }

    /// The rate that is used when none is given, in bits a second; none where it has none.
    pub(crate) fn usual_bitrate(self) -> Option<u64> {
        match self {
            Self::Aac => Some(128_000),
            Self::Mp3 => Some(192_000),
            Self::Opus => Some(96_000),
            Self::Pcm | Self::Copy => None,
        }
    }
}

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
