//! `outputs[]` and `clip` of a request, and what cannot be made of them whatever the source is.

mod video;

use serde_json::Value;

use self::video::{MOST_LINES, video};
use super::{SpecError, fields::Fields};
use crate::output::{
    AudioCodec, AudioSpec, Clip, Container, KEYFRAME_SECONDS, MOST_OUTPUTS, MOST_RENDITIONS,
    OutputSpec, SEGMENT_SECONDS, USUAL_LADDER, VideoSpec,
};

/// Longest name of an output, in bytes.
const NAME_BYTES: usize = 32;

/// Longest path of an output, in bytes.
const PATH_BYTES: usize = 300;

/// Reads `outputs`.
pub(super) fn outputs(value: &Value) -> Result<Vec<OutputSpec>, SpecError> {
    let list = value
        .as_array()
        .filter(|list| (1..=MOST_OUTPUTS).contains(&list.len()));
    let list = list.ok_or_else(|| {
        SpecError::invalid(
            "/outputs",
            format!("outputs must be a list of 1 to {MOST_OUTPUTS} objects"),
        )
    })?;
    let mut outputs: Vec<OutputSpec> = Vec::new();
    for (number, value) in list.iter().enumerate() {
        let at = format!("/outputs/{number}");
        let output = output(value, &at)?;
        if outputs.iter().any(|other| other.name == output.name) {
            let message = format!("name {:?} is that of another output", output.name);
            return Err(SpecError::invalid(format!("{at}/name"), message));
        }
        if outputs
            .iter()
            .any(|other| other.place(false) == output.place(false))
        {
            return Err(SpecError::invalid(
                format!("{at}/path"),
                "path is that of another output",
            ));
        }
        outputs.push(output);
    }
    Ok(outputs)
}

fn output(value: &Value, at: &str) -> Result<OutputSpec, SpecError> {
    let known = [
        "name",
        "container",
        "path",
        "video",
        "audio",
        "ladder",
        "segment_seconds",
    ];
    let fields = Fields::new(value, at.to_owned(), &known)?;
    let container = fields
        .word("container", Container::WORDS)?
        .unwrap_or(Container::Mp4);
    let name = match fields.text("name")? {
        None => container.extension().to_owned(),
        Some(name) if is_name(name) => name.to_owned(),
        Some(_) => {
            let form = format!(
                "must be 1 to {NAME_BYTES} of a-z, 0-9, - and _, and begin with a letter or digit"
            );
            return Err(fields.refuse("name", form));
        }
    };
    let output = OutputSpec {
        path: path(&fields)?,
        video: pictures(&fields, container)?,
        audio: sound(&fields, container)?,
        segment_seconds: segment_seconds(&fields, container)?,
        ..OutputSpec::new(&name, container)
    };
    if output.video.is_empty() && output.audio.is_none() {
        return Err(fields.refuse("video", "and audio are both off: nothing is left to make"));
    }
    if container.packaged() && output.video.is_empty() {
        return Err(fields.refuse(
            "video",
            format!(
                "cannot be off in {}; for sound alone use m4a or mp3",
                container.extension()
            ),
        ));
    }
    Ok(output)
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=NAME_BYTES).contains(&name.len())
        && name.bytes().next().is_some_and(letter)
        && name
            .bytes()
            .all(|byte| letter(byte) || byte == b'-' || byte == b'_')
}

/// A path below the destination that cannot leave it.
fn path(fields: &Fields<'_>) -> Result<Option<String>, SpecError> {
    let Some(path) = fields.text("path")? else {
        return Ok(None);
    };
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    let whole = |part: &str| !matches!(part, "" | "." | "..");
    let odd = |letter: char| letter.is_control() || matches!(letter, '\\' | '%' | '?' | '#');
    if path.len() > PATH_BYTES || path.contains(odd) || !trimmed.split('/').all(whole) {
        let form = format!(
            "must be a path below dest_path of at most {PATH_BYTES} bytes, without `..`, `\\`, `%`, `?` and `#`"
        );
        return Err(fields.refuse("path", form));
    }
    Ok(Some(trimmed.to_owned()))
}

fn segment_seconds(fields: &Fields<'_>, container: Container) -> Result<u32, SpecError> {
    let Some(seconds) = fields.small("segment_seconds", KEYFRAME_SECONDS, 60)? else {
        return Ok(SEGMENT_SECONDS);
    };
    if !container.packaged() {
        return Err(fields.refuse("segment_seconds", "is for hls, dash and cmaf"));
    }
    if seconds % KEYFRAME_SECONDS != 0 {
        return Err(fields.refuse(
            "segment_seconds",
            format!("must be a multiple of {KEYFRAME_SECONDS}, the distance of keyframes"),
        ));
    }
    Ok(seconds)
}

fn pictures(fields: &Fields<'_>, container: Container) -> Result<Vec<VideoSpec>, SpecError> {
    let Some(usual) = container.video_codecs().first().copied() else {
        for key in ["video", "ladder"] {
            if fields
                .get(key)
                .is_some_and(|value| value != &Value::Bool(false))
            {
                return Err(fields.refuse(
                    key,
                    format!(
                        "is not for {}, which holds sound alone",
                        container.extension()
                    ),
                ));
            }
        }
        return Ok(Vec::new());
    };
    let base = match fields.get("video") {
        None | Some(Value::Bool(true)) => VideoSpec::new(usual),
        Some(Value::Bool(false)) if fields.get("ladder").is_none() => return Ok(Vec::new()),
        Some(value) => video(value, fields.pointer("video"), container)?,
    };
    match fields.get("ladder") {
        Some(value) if container.packaged() => rungs(value, &base, fields),
        Some(_) => Err(fields.refuse(
            "ladder",
            "is for hls, dash and cmaf; name an output for each size instead",
        )),
        None if container.packaged() && base.height.is_none() && base.width.is_none() => {
            Ok(USUAL_LADDER.map(|height| base.at_height(height)).to_vec())
        }
        None => Ok(vec![base]),
    }
}

fn rungs(
    value: &Value,
    base: &VideoSpec,
    parent: &Fields<'_>,
) -> Result<Vec<VideoSpec>, SpecError> {
    let list = value
        .as_array()
        .filter(|list| (1..=MOST_RENDITIONS).contains(&list.len()));
    let form = format!(
        "must be a list of 1 to {MOST_RENDITIONS} heights such as \"720p\" or {{\"height\": 720, \"bitrate\": \"2.8M\"}}"
    );
    let list = list.ok_or_else(|| parent.refuse("ladder", &form))?;
    let mut rungs: Vec<VideoSpec> = Vec::new();
    for (number, value) in list.iter().enumerate() {
        let at = format!("{}/{number}", parent.pointer("ladder"));
        let rung = rung(value, &at, base)?;
        if rungs.iter().any(|other| other.height == rung.height) {
            return Err(SpecError::invalid(at, "it is as high as another rendition"));
        }
        rungs.push(rung);
    }
    // The best first: players take the first rendition of a list to begin with, and the split of the picture follows it.
    rungs.sort_by_key(|rung| std::cmp::Reverse(rung.height));
    Ok(rungs)
}

fn rung(value: &Value, at: &str, base: &VideoSpec) -> Result<VideoSpec, SpecError> {
    let Some(text) = value.as_str() else {
        let fields = Fields::new(value, at.to_owned(), &["height", "bitrate"])?;
        let height = fields.small("height", 16, MOST_LINES)?;
        let height = height.ok_or_else(|| fields.refuse("height", "is missing"))?;
        let bitrate = fields.bitrate("bitrate")?;
        return Ok(VideoSpec {
            maxrate: bitrate.or(base.at_height(height).maxrate),
            bitrate,
            crf: base.crf.filter(|_| bitrate.is_none()),
            ..base.at_height(height)
        });
    };
    let lines = text.strip_suffix('p').and_then(|lines| lines.parse().ok());
    let lines = lines.filter(|lines| (16..=MOST_LINES).contains(lines));
    let refuse =
        || SpecError::invalid(at, format!("{text:?} is no height: write it like \"720p\""));
    lines.map(|lines| base.at_height(lines)).ok_or_else(refuse)
}

fn sound(fields: &Fields<'_>, container: Container) -> Result<Option<AudioSpec>, SpecError> {
    let held = container.audio_codecs();
    let Some(usual) = held.first().copied() else {
        return match fields.get("audio") {
            None | Some(Value::Bool(false)) => Ok(None),
            Some(_) => Err(fields.refuse(
                "audio",
                format!("is not for {}, which has no sound", container.extension()),
            )),
        };
    };
    let value = match fields.get("audio") {
        None | Some(Value::Bool(true)) => return Ok(Some(AudioSpec::new(usual))),
        Some(Value::Bool(false)) => return Ok(None),
        Some(value) => value,
    };
    let fields = Fields::new(
        value,
        fields.pointer("audio"),
        &["codec", "bitrate", "channels", "loudness_lufs"],
    )?;
    let codec = match fields.word("codec", AudioCodec::WORDS)? {
        None => usual,
        Some(codec) if held.contains(&codec) => codec,
        Some(_) => {
            return Err(fields.refuse(
                "codec",
                format!("cannot be held by {}", container.extension()),
            ));
        }
    };
    let free = ["bitrate", "channels", "loudness_lufs"];
    if codec == AudioCodec::Copy
        && let Some(key) = free.into_iter().find(|key| fields.get(key).is_some())
    {
        return Err(fields.refuse(
            key,
            "cannot be set when the codec is \"copy\": nothing is encoded",
        ));
    }
    Ok(Some(AudioSpec {
        codec,
        bitrate: fields.bitrate("bitrate")?.or(codec.usual_bitrate()),
        channels: fields.small("channels", 1, 8)?,
        loudness_lufs: fields.number("loudness_lufs", -70.0, -5.0)?,
    }))
}

/// Reads `clip`.
pub(super) fn clip(value: Option<&Value>) -> Result<Option<Clip>, SpecError> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let fields = Fields::new(value, "/clip".to_owned(), &["start", "end"])?;
    let clip = Clip {
        start: fields.time("start")?.unwrap_or(0.0),
        end: fields.time("end")?,
    };
    if clip.end.is_some_and(|end| end <= clip.start) {
        return Err(fields.refuse("end", "must be later than start"));
    }
    Ok(Some(clip))
}

#[cfg(test)]
mod tests;
