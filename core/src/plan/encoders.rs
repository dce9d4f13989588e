//! The options of each encoder: for a picture and for sound, of one stream of an output.

use std::fmt::Display;

use crate::{
    output::{AudioCodec, AudioSpec, Container, KEYFRAME_SECONDS, VideoCodec, VideoSpec},
    probe::Stream,
};

/// Sound of more channels than this is mixed down unless it is asked for: few players take more.
const USUAL_CHANNELS: u32 = 2;

/// Frames a second of a source that does not say.
const USUAL_RATE: f64 = 25.0;

/// Which part of an encode a command line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The only one.
    Only,
    /// The analysis.
    First,
    /// What follows it.
    Second,
}

/// A stream of an output: what it is for FFmpeg's options, and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    /// What stands after an option's name: `:v`, or `:v:1` of several.
    pub(super) suffix: &'a str,
    /// The container that it goes into.
    pub(super) container: Container,
    /// The file of the analysis, of this picture alone.
    pub(super) statistics: &'a str,
}

/// Options in the making.
#[derive(Debug, Default)]
struct Options<'a> {
    args: Vec<String>,
    suffix: &'a str,
}

impl Options<'_> {
    /// An option of this stream.
    fn set(&mut self, name: &str, value: impl Display) {
        self.args.push(format!("-{name}{}", self.suffix));
        self.args.push(format!("{value}"));
    }
}

/// The options of a picture.
pub(super) fn video(spec: &VideoSpec, slot: Slot<'_>, source: &Stream, turn: Turn) -> Vec<String> {
    let mut options = Options {
        args: Vec::new(),
        suffix: slot.suffix,
    };
    options.set("c", spec.codec.encoder());
    let isobmff = slot.container.relocates() || slot.container.packaged();
    let hevc = spec.codec == VideoCodec::H265
        || (spec.codec == VideoCodec::Copy && source.codec.as_deref() == Some("hevc"));
    if hevc && isobmff && turn != Turn::First {
        // What Apple's players look for.
        options.set("tag", "hvc1");
    }
    let speed = spec
        .speed
        .as_deref()
        .or(spec.codec.speeds().first().copied());
    match spec.codec {
        VideoCodec::H264 => {
            options.set("preset", speed.unwrap_or("veryfast"));
            options.set("profile", "high");
        }
        VideoCodec::H265 | VideoCodec::Av1 => options.set("preset", speed.unwrap_or("8")),
        VideoCodec::Vp9 => {
            options.set("deadline", "good");
            options.set("cpu-used", speed.unwrap_or("4"));
            options.set("row-mt", 1);
        }
        VideoCodec::Prores => {
            options.set("profile", 3);
            options.set("vendor", "apl0");
        }
        VideoCodec::Gif | VideoCodec::Copy => {}
    }
    rate(&mut options, spec, slot.container);
    if slot.container.packaged() {
        segments(&mut options, spec, source);
    }
    statistics(&mut options, spec, slot, turn);
    options.args
}

/// Quality or rate, and its cap.
fn rate(options: &mut Options<'_>, spec: &VideoSpec, container: Container) {
    let Some((usual, _)) = spec.codec.quality() else {
        return;
    };
    if let Some(mean) = spec.bitrate {
        options.set("b", mean);
    } else {
        options.set("crf", spec.crf.unwrap_or(usual));
        match (spec.codec, spec.maxrate) {
            // Without a rate of nothing, VP9 takes a quality for a floor.
            (VideoCodec::Vp9, cap) => options.set("b", cap.unwrap_or(0)),
            // A manifest tells the rate that a rendition is capped at. Where there is a quality, the encoder ignores it.
            (_, Some(cap)) if container.packaged() => options.set("b", cap),
            _ => {}
        }
    }
    if let Some(cap) = spec.maxrate.filter(|_| spec.codec != VideoCodec::Av1) {
        options.set("maxrate", cap);
        options.set("bufsize", cap.saturating_mul(2));
    }
}

/// Keyframes where segments may begin.
fn segments(options: &mut Options<'_>, spec: &VideoSpec, source: &Stream) {
    if spec.codec == VideoCodec::Av1 {
        // SVT-AV1 counts frames and takes no times: the nearest number of frames, the same for all renditions.
        let rate = spec.fps.or(source.frame_rate).unwrap_or(USUAL_RATE);
        let frames = (rate * f64::from(KEYFRAME_SECONDS)).round().max(1.0);
        options.set("g", frames);
        return;
    }
    options.set(
        "force_key_frames",
        format!("expr:gte(t,n_forced*{KEYFRAME_SECONDS})"),
    );
    if spec.codec == VideoCodec::H264 {
        options.set("sc_threshold", 0);
    }
}

/// Where the analysis is kept, and what only `x265-params` can say.
fn statistics(options: &mut Options<'_>, spec: &VideoSpec, slot: Slot<'_>, turn: Turn) {
    let pass = match turn {
        Turn::Only => None,
        Turn::First => Some(1),
        Turn::Second => Some(2),
    };
    match (spec.codec, pass) {
        (VideoCodec::H264, Some(pass)) => {
            options.set("pass", pass);
            options.set("x264-params", format!("stats={}", slot.statistics));
        }
        (VideoCodec::H265, pass) => {
            let mut params = vec!["log-level=error".to_owned()];
            if slot.container.packaged() {
                params.push("scenecut=0:open-gop=0".to_owned());
            }
            params.extend(pass.map(|pass| format!("pass={pass}:stats={}", slot.statistics)));
            options.set("x265-params", params.join(":"));
        }
        _ => {}
    }
}

/// The options of sound.
pub(super) fn audio(spec: &AudioSpec, source: &Stream) -> Vec<String> {
    let mut options = Options {
        args: Vec::new(),
        suffix: ":a",
    };
    options.set("c", spec.codec.encoder());
    if spec.codec == AudioCodec::Copy {
        return options.args;
    }
    if let Some(rate) = spec.bitrate {
        options.set("b", rate);
    }
    let many = source
        .channels
        .is_none_or(|channels| channels > USUAL_CHANNELS);
    let mixed = Some(USUAL_CHANNELS).filter(|_| many);
    if let Some(channels) = spec.channels.or(mixed) {
        options.set("ac", channels);
    }
    if let Some(loudness) = spec.loudness_lufs {
        options.set("filter", format!("loudnorm=I={loudness}:TP=-1.5:LRA=11"));
        // The filter works at 192 kHz, and its output would stay there.
        options.set("ar", 48_000);
    }
    options.args
}
