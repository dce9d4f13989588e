//! Which container FFmpeg is to write, where the caller names none.

use super::{has, pair};
use crate::{
    error::{Code, JobError},
    options::Pair,
    spec::JobSpec,
    uri::MediaUri,
};

/// Without `f`, the container comes from the destination's name, unless a disc that is the target has one.
pub(super) fn add_format(output: &mut Vec<Pair>, spec: &JobSpec) -> Result<(), JobError> {
    if has(output, &["f", "target"]) {
        return Ok(());
    }
    let extension = spec
        .dest_path
        .as_ref()
        .and_then(MediaUri::extension)
        .unwrap_or_default()
        .to_lowercase();
    let format = container(&extension).ok_or_else(|| {
        JobError::new(
            Code::InvalidSpec,
            format!(
                "the name of the destination does not tell its container (extension {extension:?})"
            ),
        )
        .with_hint("add [\"f\", \"mp4\"] or another container to outfile_options")
    })?;
    output.push(pair("f", format));
    Ok(())
}

/// Muxers that write ISO media files, which have a moov atom.
pub(super) fn has_moov(format: &str) -> bool {
    ["mp4", "mov", "m4v", "ipod", "psp", "3gp", "3g2"].contains(&format)
}

/// The muxer for a file extension.
fn container(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "mp4" | "m4v" | "m4a" => "mp4",
        "mov" => "mov",
        "webm" => "webm",
        "mkv" => "matroska",
        "mp3" => "mp3",
        "ogg" | "oga" | "ogv" | "opus" => "ogg",
        "flac" => "flac",
        "wav" => "wav",
        "ts" => "mpegts",
        "gif" => "gif",
        _ => return None,
    })
}
