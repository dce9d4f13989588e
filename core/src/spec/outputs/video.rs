//! `video` of an output: one picture, checked against its codec and its container.

use serde_json::Value;

use super::{Fields, SpecError};
use crate::{
    nearest::nearest,
    output::{Container, Hdr, VideoCodec, VideoSpec},
};

/// Most lines or pixels across of a picture: what H.264 can hold, rounded up.
pub(super) const MOST_LINES: u32 = 8_704;

/// Its fields.
const VIDEO: [&str; 10] = [
    "codec", "height", "width", "crf", "bitrate", "maxrate", "fps", "speed", "two_pass", "hdr",
];

/// Reads it.
pub(super) fn video(
    value: &Value,
    at: String,
    container: Container,
) -> Result<VideoSpec, SpecError> {
    let fields = Fields::new(value, at, &VIDEO)?;
    let held = container.video_codecs();
    let codec = match fields.word("codec", VideoCodec::WORDS)? {
        None => held.first().copied().unwrap_or(VideoCodec::H264),
        Some(codec) if held.contains(&codec) => codec,
        Some(_) => {
            return Err(fields.refuse(
                "codec",
                format!("cannot be held by {}", container.extension()),
            ));
        }
    };
    let worst = codec.quality().map_or(0.0, |(_, worst)| worst);
    let spec = VideoSpec {
        codec,
        height: fields.small("height", 16, MOST_LINES)?,
        width: fields.small("width", 16, MOST_LINES)?,
        crf: fields.number("crf", 0.0, worst)?,
        bitrate: fields.bitrate("bitrate")?,
        maxrate: fields.bitrate("maxrate")?,
        fps: fields.number("fps", 1.0, 240.0)?,
        speed: speed(&fields, codec)?,
        two_pass: fields.flag("two_pass")?,
        hdr: fields
            .word("hdr", &[("tonemap", Hdr::Tonemap), ("keep", Hdr::Keep)])?
            .unwrap_or_default(),
    };
    consistent(&fields, &spec)?;
    Ok(spec)
}

fn consistent(fields: &Fields<'_>, spec: &VideoSpec) -> Result<(), SpecError> {
    let set = |key: &str| fields.get(key).is_some();
    if spec.codec == VideoCodec::Copy {
        let rest = VIDEO.iter().copied().filter(|key| *key != "codec");
        if let Some(key) = rest.into_iter().find(|key| set(key)) {
            return Err(fields.refuse(
                key,
                "cannot be set when the codec is \"copy\": nothing is encoded",
            ));
        }
    }
    if spec.codec.quality().is_none() {
        let rates = ["crf", "bitrate", "maxrate", "two_pass"];
        if let Some(key) = rates.into_iter().find(|key| set(key)) {
            return Err(fields.refuse(key, "means nothing to this codec"));
        }
    }
    if spec.crf.is_some() && spec.bitrate.is_some() {
        return Err(fields.refuse(
            "crf",
            "and bitrate exclude each other; cap a quality with maxrate",
        ));
    }
    if spec.two_pass
        && (spec.bitrate.is_none() || !matches!(spec.codec, VideoCodec::H264 | VideoCodec::H265))
    {
        return Err(fields.refuse("two_pass", "needs a bitrate, and h264 or h265"));
    }
    if spec.hdr == Hdr::Keep && matches!(spec.codec, VideoCodec::H264 | VideoCodec::Gif) {
        return Err(fields.refuse("hdr", "can be kept by h265, av1, vp9 and prores only"));
    }
    if spec
        .maxrate
        .zip(spec.bitrate)
        .is_some_and(|(most, mean)| most < mean)
    {
        return Err(fields.refuse("maxrate", "must not be less than bitrate"));
    }
    Ok(())
}

/// A word or a number, as the codec has it.
fn speed(fields: &Fields<'_>, codec: VideoCodec) -> Result<Option<String>, SpecError> {
    let Some(value) = fields.get("speed") else {
        return Ok(None);
    };
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let speeds = codec.speeds();
    if speeds.contains(&text.as_str()) {
        return Ok(Some(text));
    }
    let advice = match (speeds, nearest(&text, speeds)) {
        ([], _) => "means nothing to this codec".to_owned(),
        (_, Some(near)) => format!("is not known; did you mean {near:?}?"),
        (_, None) => format!("must be one of {}", speeds.join(", ")),
    };
    Err(fields.refuse("speed", advice))
}
