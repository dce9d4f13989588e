//! Containers and codecs: their words, what holds what, and what is usual. Tables, and nothing that depends on a source.

use serde::{Deserialize, Serialize};

/// A word on the wire, and what it means.
pub(crate) type Words<T> = [(&'static str, T)];

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

    /// Extensions that promise it, the usual first; none of what is a folder.
    pub(crate) fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Mp4 => &["mp4", "m4v", "mov"],
            Self::Mov => &["mov", "qt"],
            Self::Webm => &["webm"],
            Self::Mkv => &["mkv", "mka"],
            Self::M4a => &["m4a", "m4b", "mp4"],
            Self::Mp3 => &["mp3"],
            Self::Opus => &["opus", "ogg", "oga"],
            Self::Gif => &["gif"],
            Self::Hls | Self::Dash | Self::Cmaf => &[],
        }
    }

    /// The container that an extension promises first of all.
    pub(crate) fn of_extension(extension: &str) -> Option<Self> {
        let all = Self::WORDS.iter().map(|(_, container)| *container);
        let mut promised = all.filter(|container| container.extensions().contains(&extension));
        promised.next()
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

    /// FFmpeg's demuxer for a file of it.
    pub(crate) fn demuxer(self) -> &'static str {
        match self {
            Self::Mp4 | Self::M4a | Self::Mov => "mov",
            Self::Webm | Self::Mkv => "matroska",
            Self::Mp3 => "mp3",
            Self::Opus => "ogg",
            Self::Gif => "gif",
            Self::Hls | Self::Dash | Self::Cmaf => "hls",
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
            Self::Hls | Self::Dash | Self::Cmaf => &[H264, H265, Av1],
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
