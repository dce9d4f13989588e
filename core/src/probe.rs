//! What `ffprobe` says about a file, as far as a plan needs it. Numbers come as text, and any of them may be missing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Options before an input: which demuxer reads it, and that nothing else may be opened.
pub(crate) fn pinned(demuxer: &str) -> [&str; 6] {
    [
        "-protocol_whitelist",
        "file,pipe",
        "-format_whitelist",
        demuxer,
        "-f",
        demuxer,
    ]
}

/// The arguments for `ffprobe` on a local file with a known demuxer. It opens nothing but that file.
pub fn probe_args(demuxer: &str, file: &str) -> Vec<String> {
    let fixed = [
        "-v",
        "error",
        "-of",
        "json",
        "-show_format",
        "-show_streams",
    ];
    let file = format!("file:{file}");
    let words = fixed
        .into_iter()
        .chain(pinned(demuxer))
        .chain(["-i", &file]);
    words.map(str::to_owned).collect()
}

/// Facts about one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probe {
    /// How long it lasts, if it says.
    pub duration: Option<Duration>,
    /// FFmpeg's name of the container; several names where one demuxer reads many.
    pub format: Option<String>,
    /// Bits a second on the whole, if it says.
    pub bitrate: Option<u64>,
    /// Its streams, in order.
    pub streams: Vec<Stream>,
}

/// One stream of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Stream {
    /// What it carries.
    pub kind: StreamKind,
    /// FFmpeg's name of its codec.
    pub codec: Option<String>,
    /// Pixels across.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// FFmpeg's name of its pixel format.
    pub pix_fmt: Option<String>,
    /// Width of a pixel against its height, if it says.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<u32>>, min_items = 2, max_items = 2))]
    pub pixel_aspect: Option<(u32, u32)>,
    /// Whether the picture is to be turned by a quarter before it is shown.
    pub sideways: bool,
    /// Whether each frame holds two fields.
    pub interlaced: bool,
    /// Frames a second, on average, if it says.
    pub frame_rate: Option<f64>,
    /// FFmpeg's name of its transfer characteristic.
    pub transfer: Option<String>,
    /// Channels of sound.
    pub channels: Option<u32>,
    /// How long it lasts in seconds, if it says.
    pub seconds: Option<f64>,
}

impl Stream {
    /// Whether it has a high dynamic range: PQ or HLG (ITU-R BT.2100).
    pub fn is_hdr(&self) -> bool {
        matches!(self.transfer.as_deref(), Some("smpte2084" | "arib-std-b67"))
    }
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum StreamKind {
    /// Moving pictures.
    Video,
    /// A picture attached to audio, such as a cover. Not video for our purposes.
    Cover,
    /// Sound.
    Audio,
    /// Anything else.
    #[default]
    Other,
}

impl Probe {
    /// Reads the JSON that `ffprobe` prints.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let raw: RawProbe = serde_json::from_slice(json)?;
        let format = raw.format.unwrap_or_default();
        let format_seconds = seconds(format.duration.as_deref());
        let longest = raw
            .streams
            .iter()
            .filter_map(|stream| seconds(stream.duration.as_deref()))
            .max();
        Ok(Self {
            duration: format_seconds.or(longest),
            format: format.format_name,
            bitrate: whole(format.bit_rate.as_deref()),
            streams: raw
                .streams
                .into_iter()
                .map(RawStream::into_stream)
                .collect(),
        })
    }

    /// The first video stream.
    pub fn video(&self) -> Option<&Stream> {
        self.streams
            .iter()
            .find(|stream| stream.kind == StreamKind::Video)
    }

    /// The first video stream with its number in the file.
    pub fn numbered_video(&self) -> Option<(usize, &Stream)> {
        let mut streams = self.streams.iter().enumerate();
        streams.find(|(_, stream)| stream.kind == StreamKind::Video)
    }

    /// The first audio stream with its number in the file.
    pub fn numbered_audio(&self) -> Option<(usize, &Stream)> {
        let mut streams = self.streams.iter().enumerate();
        streams.find(|(_, stream)| stream.kind == StreamKind::Audio)
    }

    /// The first audio stream.
    pub fn audio(&self) -> Option<&Stream> {
        self.streams
            .iter()
            .find(|stream| stream.kind == StreamKind::Audio)
    }
}

#[derive(Deserialize)]
struct RawProbe {
    #[serde(default)]
    streams: Vec<RawStream>,
    format: Option<RawFormat>,
}

#[derive(Default, Deserialize)]
struct RawFormat {
    format_name: Option<String>,
    bit_rate: Option<String>,
    duration: Option<String>,
}

#[derive(Deserialize)]
struct RawStream {
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    pix_fmt: Option<String>,
    duration: Option<String>,
    sample_aspect_ratio: Option<String>,
    field_order: Option<String>,
    avg_frame_rate: Option<String>,
    color_transfer: Option<String>,
    channels: Option<u32>,
    #[serde(default)]
    side_data_list: Vec<RawSideData>,
    #[serde(default)]
    disposition: RawDisposition,
}

#[derive(Deserialize)]
struct RawSideData {
    rotation: Option<f64>,
}

#[derive(Default, Deserialize)]
struct RawDisposition {
    #[serde(default)]
    attached_pic: u8,
}

impl RawStream {
    fn into_stream(self) -> Stream {
        let kind = match self.codec_type.as_deref() {
            Some("video") if self.disposition.attached_pic != 0 => StreamKind::Cover,
            Some("video") => StreamKind::Video,
            Some("audio") => StreamKind::Audio,
            _ => StreamKind::Other,
        };
        let quarter = |side: &RawSideData| {
            side.rotation
                .is_some_and(|angle| (angle % 180.0).abs() > 45.0)
        };
        let field_order = self.field_order.as_deref();
        Stream {
            kind,
            seconds: seconds(self.duration.as_deref()).map(|lasts| lasts.as_secs_f64()),
            pixel_aspect: self.sample_aspect_ratio.as_deref().and_then(ratio),
            sideways: self.side_data_list.iter().any(quarter),
            interlaced: matches!(field_order, Some("tt" | "bb" | "tb" | "bt")),
            frame_rate: self.avg_frame_rate.as_deref().and_then(rate),
            transfer: self.color_transfer,
            channels: self.channels,
            codec: self.codec_name,
            width: self.width,
            height: self.height,
            pix_fmt: self.pix_fmt,
        }
    }
}

/// `4:3`, unless a side is nothing.
fn ratio(text: &str) -> Option<(u32, u32)> {
    let (left, right) = text.split_once(':')?;
    let ratio = (left.parse().ok()?, right.parse().ok()?);
    (ratio.0 > 0 && ratio.1 > 0).then_some(ratio)
}

/// `30000/1001`, unless it is nothing or absurd.
fn rate(text: &str) -> Option<f64> {
    let (frames, seconds) = text.split_once('/')?;
    let rate = frames.parse::<f64>().ok()? / seconds.parse::<f64>().ok()?;
    (rate > 0.0 && rate <= 1_000.0).then_some(rate)
}

/// A number of bits a second, unless it is nothing.
fn whole(text: Option<&str>) -> Option<u64> {
    text?.trim().parse().ok().filter(|bits| *bits > 0)
}

fn seconds(text: Option<&str>) -> Option<Duration> {
    let seconds: f64 = text?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_tolerates_whatever_is_missing() {
        let probe =
            Probe::parse(br#"{"streams":[{"codec_type":"video","duration":"N/A"},{}]}"#).unwrap();
        assert_eq!(probe.duration, None);
        assert!(probe.video().is_some());
        assert_eq!(Probe::parse(b"{}").unwrap(), Probe::default());
        assert!(Probe::parse(b"").is_err());
    }

    #[test]
    fn a_cover_is_not_video() {
        let json = br#"{"streams":[{"codec_type":"video","codec_name":"mjpeg","disposition":{"attached_pic":1}},
            {"codec_type":"audio","codec_name":"mp3","duration":"3.5"}]}"#;
        let probe = Probe::parse(json).unwrap();
        assert_eq!(probe.video(), None);
        assert_eq!(probe.duration, Some(Duration::from_millis(3_500)));
    }

    #[test]
    fn a_frame_rate_that_is_none_is_not_taken() {
        assert_eq!(rate("25/1"), Some(25.0));
        for text in ["0/0", "1/0", "-25/1", "25", "NaN/1", "90000/1"] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    #[test]
    fn a_hostile_duration_is_no_duration() {
        for text in ["-1", "1e400", "NaN", "inf"] {
            assert_eq!(seconds(Some(text)), None, "{text}");
        }
    }
}
