//! From a spec and a probe to the exact command line of each FFmpeg run. Decides everything, runs nothing.
//!
//! FFmpeg reads [`SOURCE_FILE`] and writes [`OUTPUT_FILE`] in its working folder. It is given no other name, no address and no
//! text of the caller's that did not pass the option checks.

mod container;
mod demuxers;
mod encoders;
mod outputs;
mod overlay;
mod picture;
mod scores;
mod stills;

use std::time::Duration;

pub use demuxers::Demuxers;
pub use outputs::{DASH_MANIFEST, HLS_MANIFEST};
pub use scores::Score;
pub use stills::Sheets;

use container::{add_format, has_moov};

use crate::{
    error::{Code, JobError, Warning},
    options::{OptionPolicy, Pair, Side, check_options},
    output::Container,
    probe::{Probe, pinned},
    spec::{JobSpec, PassSpec},
};

/// Name of the fetched source in the working folder. Without an extension: the demuxer is given, not guessed.
pub const SOURCE_FILE: &str = "source";

/// Name of the watermark in the working folder, of a job that has one.
pub const WATERMARK_FILE: &str = "watermark";

/// Name of the captions in the working folder that become part of the pictures, as SRT.
pub const BURNED_FILE: &str = "burned.srt";

/// Name of the result in the working folder.
pub const OUTPUT_FILE: &str = "output";

/// Work of an analysis pass compared with the last pass: x264's fast first pass takes about half as long.
const ANALYSIS_WEIGHT: f64 = 0.5;

/// The share of pass `number` in the whole work, in no particular unit, when `last` is the number of the last pass.
pub(crate) fn pass_weight(number: usize, last: usize) -> f64 {
    if number == last { 1.0 } else { ANALYSIS_WEIGHT }
}

/// All FFmpeg runs of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The runs, in order.
    pub passes: Vec<Pass>,
    /// What they leave in the work folder, in the order of the job's outputs.
    pub products: Vec<Product>,
    /// What is compared with the source when they are done.
    pub scores: Vec<Score>,
    /// How long the media lasts that they make, if it is known.
    pub duration: Option<Duration>,
    /// What was rewritten or added, and why.
    pub warnings: Vec<Warning>,
}

/// What FFmpeg leaves in the work folder of one output.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// The name of the output, of a job that names its outputs.
    pub name: Option<String>,
    /// The file, or the folder of what is packaged.
    pub file: String,
    /// What it is.
    pub kind: ProductKind,
    /// How long it must last, by what the source says of itself; none where that cannot be known.
    pub expected: Option<Duration>,
}

impl Product {
    /// Whether so many seconds are as much as there must be. Streams of a source need not end together, and times are rounded.
    pub fn is_whole(&self, seconds: f64) -> bool {
        let expected = self.expected.map_or(0.0, |expected| expected.as_secs_f64());
        seconds + SLACK_SECONDS + expected * SLACK_SHARE >= expected
    }
}

/// What may be missing of an output: so many seconds and such a share.
const SLACK_SECONDS: f64 = 1.0;
const SLACK_SHARE: f64 = 0.02;

/// What FFmpeg leaves of one output.
#[derive(Clone, Debug, PartialEq)]
pub enum ProductKind {
    /// A file.
    File {
        /// Whether its moov atom goes before the media data.
        relocate: bool,
    },
    /// A folder of segments with their manifests.
    Package(Container),
    /// A folder of thumbnails.
    Sheets(Sheets),
    /// Captions beside the outputs, those of this number in the job's list. They are no file in the work folder.
    Captions(usize),
}

/// One FFmpeg run.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// The arguments, without the program's name.
    pub args: Vec<String>,
    /// Its share of the whole work, in no particular unit.
    pub weight: f64,
}

/// The options that every run begins with.
fn global_args() -> Vec<String> {
    let ours = [
        "-y",
        "-nostdin",
        "-hide_banner",
        "-nostats",
        "-progress",
        "pipe:1",
    ];
    ours.map(str::to_owned).to_vec()
}

/// Makes the plan for a source that these demuxers read. Segments, if there are to be any, go into a folder called `parts`.
pub fn plan(
    spec: &JobSpec,
    probe: &Probe,
    demuxers: Demuxers<'_>,
    policy: &OptionPolicy,
    parts: &str,
) -> Result<Plan, JobError> {
    if !spec.outputs.is_empty() {
        return outputs::compile(spec, probe, demuxers, policy, parts);
    }
    let last = spec.passes.len().saturating_sub(1);
    let mut planner = Planner {
        spec,
        probe,
        demuxer: demuxers.source,
        policy,
        warnings: Vec::new(),
    };
    let mut passes = Vec::new();
    for (number, pass) in spec.passes.iter().enumerate() {
        let end = if number == last {
            format!("file:{OUTPUT_FILE}")
        } else {
            "/dev/null".to_owned()
        };
        passes.push(Pass {
            args: planner.args(pass, end)?,
            weight: pass_weight(number, last),
        });
    }
    Ok(Plan {
        passes,
        products: vec![Product {
            name: None,
            file: OUTPUT_FILE.to_owned(),
            // Options may cut and stretch in ways that only FFmpeg knows.
            expected: None,
            kind: ProductKind::File {
                relocate: spec
                    .passes
                    .last()
                    .is_some_and(|pass| pass.move_atom_to_front),
            },
        }],
        scores: Vec::new(),
        duration: probe.duration,
        warnings: planner.warnings,
    })
}

struct Planner<'a> {
    spec: &'a JobSpec,
    probe: &'a Probe,
    demuxer: &'a str,
    policy: &'a OptionPolicy,
    warnings: Vec<Warning>,
}

impl Planner<'_> {
    fn args(&mut self, pass: &PassSpec, end: String) -> Result<Vec<String>, JobError> {
        let input = self.check(&pass.infile_options, Side::Input)?;
        let mut output = self.check(&pass.outfile_options, Side::Output)?;
        need_video(&output, self.probe)?;
        self.add_pixel_format(&mut output);
        add_format(&mut output, self.spec)?;

        let mut args = global_args();
        push_pairs(&mut args, &input);
        args.extend(pinned(self.demuxer).map(str::to_owned));
        args.extend(["-i".to_owned(), format!("file:{SOURCE_FILE}")]);
        if pass.move_atom_to_front && !value(&output, "f").is_some_and(has_moov) {
            let detail = "move_atom_to_front is for MP4 and its kin; this container has no moov atom to move";
            self.warn(Warning::new("not_an_mp4", detail));
        }
        push_pairs(&mut args, &output);
        args.push(end);
        Ok(args)
    }

    fn check(&mut self, pairs: &[Pair], side: Side) -> Result<Vec<Pair>, JobError> {
        let checked = check_options(pairs, side, self.policy)
            .map_err(|error| JobError::new(error.code(), error.to_string()))?;
        for warning in checked.warnings {
            self.warn(warning);
        }
        Ok(checked.args)
    }

    /// Both passes of a job usually earn the same warning; it is told once.
    fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// x264's profiles up to High take 8-bit 4:2:0 only; for another source FFmpeg would fail unless told to convert.
    fn add_pixel_format(&mut self, output: &mut Vec<Pair>) {
        let Some(pix_fmt) = self
            .probe
            .video()
            .and_then(|video| video.pix_fmt.as_deref())
        else {
            return;
        };
        let narrow = value(output, "profile:v")
            .is_some_and(|profile| ["baseline", "main", "high"].contains(&profile));
        let chosen = has(output, &["pix_fmt"])
            || value(output, "filter:v").is_some_and(|graph| graph.contains("format="));
        if narrow && !chosen && !["yuv420p", "yuvj420p", "nv12"].contains(&pix_fmt) {
            output.push(pair("pix_fmt", "yuv420p"));
            let detail =
                format!("the profile needs 4:2:0, the source is {pix_fmt}: added pix_fmt yuv420p");
            self.warn(Warning::new("pixel_format_converted", detail));
        }
    }
}

fn pair(name: &str, value: &str) -> Pair {
    Pair {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    }
}

fn push_pairs(args: &mut Vec<String>, pairs: &[Pair]) {
    for pair in pairs {
        args.push(format!("-{}", pair.name));
        args.extend(pair.value.clone());
    }
}

fn has(pairs: &[Pair], names: &[&str]) -> bool {
    pairs.iter().any(|pair| names.contains(&pair.name.as_str()))
}

fn value<'a>(pairs: &'a [Pair], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .rev()
        .find(|pair| pair.name == name)?
        .value
        .as_deref()
}

/// A job that encodes video needs some: FFmpeg alone would write an audio file under a video's name.
fn need_video(output: &[Pair], probe: &Probe) -> Result<(), JobError> {
    let wants_video = !has(output, &["vn"]) && has(output, &["c:v", "filter:v", "b:v", "s"]);
    if probe.streams.is_empty() {
        return Err(JobError::new(
            Code::SourceUnreadable,
            "the source holds no streams",
        ));
    }
    if wants_video && probe.video().is_none() {
        return Err(
            JobError::new(Code::SourceUnreadable, "the source holds no video stream").with_hint(
                "to encode its audio alone, leave out the video options and add [\"vn\", null]",
            ),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
