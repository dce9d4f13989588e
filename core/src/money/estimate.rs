//! How long a job will take on one job slot, before it has run: from the media's length and the options of its passes.
//!
//! A model, not a promise: encoders compare it with what jobs really took, and that ratio (the pace) corrects it.

use std::time::Duration;

use crate::{options::Pair, output::OutputSpec, plan::pass_weight, spec::PassSpec};

/// Time of every job besides encoding: fetching, probing, starting programs, delivering.
const OVERHEAD: Duration = Duration::from_secs(2);

/// Seconds of one slot for one second of media, 720 lines high, x264 at preset medium.
/// Two cores of the machine of `docs/benchmarks.md`, halved for two slots, do about this.
const MEDIUM_720P: f64 = 0.5;

/// The same for sound alone, and for streams that are copied.
const SOUND: f64 = 0.02;
const COPY: f64 = 0.005;

/// Lines of a picture whose height is not known.
const USUAL_HEIGHT: u32 = 720;

/// Time against preset medium, by x264's own names.
const X264_PRESETS: [(&str, f64); 9] = [
    ("ultrafast", 0.15),
    ("superfast", 0.2),
    ("veryfast", 0.3),
    ("faster", 0.55),
    ("fast", 0.8),
    ("medium", 1.0),
    ("slow", 1.7),
    ("slower", 3.0),
    ("veryslow", 5.5),
];

/// Time against x264, by encoder: orders of magnitude at usual settings.
const CODECS: [(&str, f64); 6] = [
    ("libx265", 4.0),
    ("hevc", 4.0),
    ("libvpx-vp9", 5.0),
    ("libsvtav1", 3.0),
    ("libaom-av1", 20.0),
    ("mpeg4", 0.3),
];

/// What is known of a job before it runs.
#[derive(Clone, Copy, Debug)]
pub struct JobShape<'a> {
    /// Its passes.
    pub passes: &'a [PassSpec],
    /// Its outputs, if it is not written in passes.
    pub outputs: &'a [OutputSpec],
    /// Seconds of media in the source.
    pub media_seconds: f64,
    /// Lines of the source's picture, if known.
    pub height: Option<u32>,
}

/// Time on one job slot. A length that is no length counts as none.
pub fn slot_time(shape: &JobShape<'_>) -> Duration {
    let last = shape.passes.len().saturating_sub(1);
    let per_second: f64 = shape
        .passes
        .iter()
        .enumerate()
        .map(|(number, pass)| pass_weight(number, last) * rate(&pass.outfile_options, shape.height))
        .sum::<f64>()
        + shape
            .outputs
            .iter()
            .map(|output| of_output(output, shape.height))
            .sum::<f64>();
    let encoding = Duration::try_from_secs_f64(shape.media_seconds * per_second);
    OVERHEAD.saturating_add(encoding.unwrap_or_default())
}

/// Seconds of one slot for one second of media.
fn rate(options: &[Pair], source_height: Option<u32>) -> f64 {
    let codec = value(options, &["c:v", "vcodec", "codec:v"]);
    if options.iter().any(|pair| pair.name == "vn") {
        return SOUND;
    }
    if codec == Some("copy") {
        return COPY;
    }
    let factor = |table: &[(&str, f64)], name: Option<&str>| {
        let found = table.iter().find(|(known, _)| Some(*known) == name);
        found.map_or(1.0, |(_, factor)| *factor)
    };
    let height = value(options, &["vf", "filter:v"]).and_then(scaled_height);
    let lines = match (height, source_height) {
        (Some(height), Some(source)) => height.min(source),
        (Some(height), None) | (None, Some(height)) => height,
        (None, None) => USUAL_HEIGHT,
    };
    let area = (f64::from(lines) / f64::from(USUAL_HEIGHT)).powi(2);
    MEDIUM_720P
        * area.max(0.05)
        * factor(&CODECS, codec)
        * factor(&X264_PRESETS, value(options, &["preset"]))
}

/// The same for an output: each of its pictures is encoded for itself.
fn of_output(output: &OutputSpec, source_height: Option<u32>) -> f64 {
    let pictures = output.video.iter().map(|video| {
        let passes = if video.two_pass { 1.5 } else { 1.0 };
        let scale = video
            .height
            .map(|height| Pair::new("vf", &format!("scale=-2:{height}")));
        let codec = Pair::new("c:v", video.codec.encoder());
        let speed = video
            .speed
            .as_deref()
            .or(video.codec.speeds().first().copied());
        let speed = speed.map(|speed| Pair::new("preset", speed));
        let options: Vec<Pair> = [Some(codec), scale, speed].into_iter().flatten().collect();
        passes * rate(&options, source_height)
    });
    let sound = if output.audio.is_some() { SOUND } else { 0.0 };
    sound + pictures.sum::<f64>()
}

fn value<'a>(options: &'a [Pair], names: &[&str]) -> Option<&'a str> {
    let pair = options
        .iter()
        .rev()
        .find(|pair| names.contains(&pair.name.as_str()))?;
    pair.value.as_deref()
}

/// The height that a filter graph scales to, as far as its numbers tell: `scale=-2:'min(720,ih)'`, `scale='640:…'`.
fn scaled_height(graph: &str) -> Option<u32> {
    let (_, arguments) = graph.split_once("scale=")?;
    let arguments = arguments.trim_start_matches(['\'', '"']);
    let (width, height) = arguments.split_once(':').unwrap_or((arguments, ""));
    let own = height.split([',', ';']).next().and_then(lines);
    own.or_else(|| match lines(width) {
        Some(width) => Some(width * 9 / 16),
        None => lines(arguments),
    })
}

/// The first number that can be that of a picture's lines or columns.
fn lines(text: &str) -> Option<u32> {
    text.split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .find(|number| (100..=8_640).contains(number))
}
