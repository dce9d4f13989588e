//! What a failed run of FFmpeg means: a code, the lines that tell why, and what to do.
//!
//! FFmpeg's exit code says nothing, so its words are read. What they quote may come from the media; it is cut short and shown, never
//! acted on.

use nommer_core::error::{Code, JobError, Warning};

use crate::child::{Finished, Outcome, SpawnError, Tail};

/// Lines of FFmpeg's that an error shows at most.
const LINES: usize = 3;

/// Longest message, in characters.
const MESSAGE: usize = 1_000;

/// What makes a line worth showing, in lower case.
const TELLING: [&str; 20] = [
    "error",
    "invalid",
    "unknown",
    "not found",
    "no such",
    "not supported",
    "unsupported",
    "failed",
    "denied",
    "no space",
    "could not",
    "cannot",
    "unable",
    "does not",
    "doesn't",
    "only ",
    "must be",
    "unrecognized",
    "not available",
    "too ",
];

/// Lines that follow every failure and tell nothing.
const NOISE: [&str; 1] = ["Conversion failed!"];

/// Words of FFmpeg's that tell what kind of failure it was.
const MEANINGS: [(&str, Code); 15] = [
    ("No space left on device", Code::OutOfDisk),
    ("File too large", Code::OutOfDisk),
    ("Cannot allocate memory", Code::OutOfMemory),
    ("Unknown encoder", Code::UnsupportedCodec),
    ("Unknown decoder", Code::UnsupportedCodec),
    ("Only VP8 or VP9 or AV1", Code::UnsupportedCodec),
    (
        "not currently supported in container",
        Code::UnsupportedCodec,
    ),
    ("codec not supported in", Code::UnsupportedCodec),
    ("Decoder (codec", Code::UnsupportedCodec),
    ("moov atom not found", Code::SourceUnreadable),
    (
        "Invalid data found when processing input",
        Code::SourceUnreadable,
    ),
    ("Error opening input", Code::SourceUnreadable),
    ("could not find codec parameters", Code::SourceUnreadable),
    (
        "Output file does not contain any stream",
        Code::SourceUnreadable,
    ),
    ("End of file", Code::SourceUnreadable),
];

/// The signal that the kernel ends a process with when memory runs out (signal(7)).
const SIGKILL: i32 = 9;

/// The signal for a file that grows past its limit (signal(7)).
const SIGXFSZ: i32 = 25;

/// The error for a run that did not succeed.
pub fn diagnose(finished: &Finished) -> JobError {
    match &finished.outcome {
        Outcome::SpawnFailed(error @ SpawnError::Missing { .. }) => {
            JobError::new(Code::EncoderMissing, error.to_string())
        }
        Outcome::SpawnFailed(error) => JobError::new(Code::EncoderFailed, error.to_string())
            .with_hint("`nommer doctor` tells what the sandbox can do on this machine"),
        Outcome::Stalled => JobError::new(
            Code::TimedOut,
            "ffmpeg neither got on nor worked, and was ended",
        ),
        Outcome::TimedOut => JobError::new(
            Code::TimedOut,
            "ffmpeg took longer than it may, and was ended",
        ),
        Outcome::Canceled => JobError::new(Code::Interrupted, "ffmpeg was ended"),
        Outcome::Failed {
            signal: Some(SIGKILL),
            ..
        } => JobError::new(
            Code::OutOfMemory,
            "ffmpeg was killed, most likely because memory ran out",
        ),
        Outcome::Failed {
            signal: Some(SIGXFSZ),
            ..
        } => JobError::new(
            Code::OutOfDisk,
            "the output grew larger than the disk can take",
        ),
        Outcome::Failed { .. } | Outcome::Success => from_words(&finished.stderr),
    }
}

/// What FFmpeg says of media that it can decode in part only, in version 5 and later.
const DAMAGE: [&str; 6] = [
    "corrupt decoded frame",
    "error while decoding",
    "Error while decoding",
    "Error submitting packet to decoder",
    "corrupt input packet",
    "partial file",
];

/// Damage that a run found in its source and concealed: it calls that success.
pub(crate) fn damage(words: &Tail) -> Option<Warning> {
    let mut lines = words.lines();
    let line = lines.find(|line| DAMAGE.iter().any(|damage| line.contains(damage)))?;
    let line: String = plain(line).chars().take(MESSAGE).collect();
    Some(Warning::new(
        "source_damaged",
        format!(
            "parts of the source could not be decoded, and what is missing was made up; look at the output before it is used. The first of FFmpeg's complaints: {line}"
        ),
    ))
}

fn from_words(stderr: &Tail) -> JobError {
    let lines: Vec<String> = stderr
        .lines()
        .map(plain)
        .filter(|line| !line.is_empty())
        .collect();
    let telling = lines
        .iter()
        .filter(|line| !NOISE.contains(&line.as_str()))
        .filter(|line| {
            let line = line.to_lowercase();
            TELLING.iter().any(|words| line.contains(words))
        });
    let mut shown: Vec<&String> = telling.collect();
    if shown.is_empty() {
        shown = lines.iter().collect();
    }
    let shown = &shown[shown.len().saturating_sub(LINES)..];
    let mut message: String = shown
        .iter()
        .map(|line| line.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    if message.is_empty() {
        "ffmpeg ended with an error and said nothing".clone_into(&mut message);
    }
    let message: String = message.chars().take(MESSAGE).collect();
    let meaning = MEANINGS
        .iter()
        .find(|(words, _)| lines.iter().any(|line| line.contains(words)));
    let error = JobError::new(
        meaning.map_or(Code::EncoderFailed, |(_, code)| *code),
        message,
    );
    match hint(&lines) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// A line without the address in `[libx264 @ 0x55d0c8f0]` and without control characters.
fn plain(line: &str) -> String {
    let line: String = line.chars().filter(|letter| !letter.is_control()).collect();
    let Some((name, rest)) = line.split_once(" @ 0x") else {
        return line.trim().to_owned();
    };
    match rest.split_once(']') {
        Some((address, rest)) if address.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{name}]{rest}").trim().to_owned()
        }
        _ => line.trim().to_owned(),
    }
}

fn hint(lines: &[String]) -> Option<&'static str> {
    let said = |words: &str| lines.iter().any(|line| line.contains(words));
    if said("Unknown encoder") {
        return Some(
            "this build of ffmpeg lacks the encoder; `ffmpeg -encoders` lists those that it has",
        );
    }
    if said("Only VP8 or VP9 or AV1") {
        return Some("WebM holds VP8, VP9 or AV1 with Vorbis or Opus; use mp4 for H.264");
    }
    if said("width not divisible by 2") || said("height not divisible by 2") {
        return Some(
            "H.264 needs even sizes: add a filter such as scale=trunc(iw/2)*2:trunc(ih/2)*2",
        );
    }
    if said("moov atom not found") {
        return Some("the source has no index: its recording or its upload was cut off");
    }
    if said("rror while decoding") || said("Error submitting packet to decoder") {
        return Some("the source is damaged, or it is encrypted");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> (Vec<String>, Option<&'static str>) {
        let lines: Vec<String> = text.lines().map(plain).collect();
        let hint = hint(&lines);
        (lines, hint)
    }

    #[test]
    fn addresses_are_cut_out_of_lines() {
        assert_eq!(
            plain("[mov,mp4 @ 0x55d0c8f0] moov atom not found"),
            "[mov,mp4] moov atom not found"
        );
        assert_eq!(plain("a @ 0xyz] b"), "a @ 0xyz] b");
        assert_eq!(plain("\u{1b}[31mred\u{7}"), "[31mred");
    }

    #[test]
    fn known_failures_come_with_advice() {
        let (lines, advice) = lines("[libx264 @ 0x1] width not divisible by 2 (321x181)");
        assert_eq!(lines[0], "[libx264] width not divisible by 2 (321x181)");
        assert!(advice.unwrap().contains("even sizes"));
    }
}
