//! From outputs in words to command lines: one decode for all of them.

mod allowed;
mod expected;
mod overrides;
mod products;

use std::time::Duration;

use allowed::{Made, allowed, stills, tell_of_source};
use expected::expected;
pub(super) use products::work_name;
use products::{POSTER_FILE, STILLS, caption_products, product};

use super::{
    ANALYSIS_WEIGHT, Demuxers, Pass, Plan, Product, SOURCE_FILE, WATERMARK_FILE,
    encoders::{self, Slot, Turn},
    overlay::Overlay,
    picture::{self, Branch, Picture},
    stills::Stills,
};
use crate::{
    error::JobError,
    options::{OptionPolicy, Pair},
    probe::{Probe, pinned},
    spec::JobSpec,
};

/// The file name of a DASH manifest.
pub const DASH_MANIFEST: &str = "manifest.mpd";

/// The file name of the HLS playlist that names the others.
pub const HLS_MANIFEST: &str = "master.m3u8";

/// Makes the plan for a source that `demuxer` reads. The segments of what is packaged go into a folder `parts` beside the manifests.
pub(super) fn compile(
    spec: &JobSpec,
    probe: &Probe,
    demuxers: Demuxers<'_>,
    policy: &OptionPolicy,
    parts: &str,
) -> Result<Plan, JobError> {
    let mut warnings = Vec::new();
    let made = spec
        .outputs
        .iter()
        .map(|output| allowed(output, probe, &mut warnings))
        .collect::<Result<Vec<_>, _>>()?;
    tell_of_source(probe, &made, &mut warnings);
    let compiler = Compiler {
        spec,
        probe,
        demuxers,
        parts,
        made: &made,
        stills: stills(spec, probe, &mut warnings),
        overrides: overrides::overrides(spec, policy, &mut warnings)?,
    };
    let two = made
        .iter()
        .flat_map(|made| &made.pictures)
        .any(|picture| picture.spec.two_pass);
    let mut passes = Vec::new();
    if two {
        passes.push(Pass {
            args: compiler.args(Turn::First),
            weight: ANALYSIS_WEIGHT,
        });
    }
    passes.push(Pass {
        args: compiler.args(if two { Turn::Second } else { Turn::Only }),
        weight: 1.0,
    });
    let outputs = made.iter().map(|made| Product {
        expected: expected(spec, probe, demuxers.source, made),
        ..product(made.spec)
    });
    Ok(Plan {
        passes,
        products: outputs
            .chain(compiler.still_products())
            .chain(caption_products(spec))
            .collect(),
        scores: compiler.scores(),
        duration: length(spec, probe),
        warnings,
    })
}

/// How long the media lasts that is made.
fn length(spec: &JobSpec, probe: &Probe) -> Option<Duration> {
    let whole = probe.duration;
    spec.clip.map_or(whole, |clip| clip.length(whole))
}

/// Compiles one job for one source.
pub(super) struct Compiler<'a> {
    pub(super) spec: &'a JobSpec,
    pub(super) probe: &'a Probe,
    demuxers: Demuxers<'a>,
    parts: &'a str,
    pub(super) made: &'a [Made<'a>],
    stills: Stills,
    overrides: Vec<Pair>,
}

impl Compiler<'_> {
    /// What is drawn on every picture.
    pub(super) fn overlay(&self) -> Overlay<'_> {
        Overlay::of(&self.spec.extras)
    }

    /// The arguments up to the last input: the source, and the watermark if there is one.
    pub(super) fn inputs(&self) -> Vec<String> {
        let mut args = super::global_args();
        if let Some(clip) = self.spec.clip {
            if clip.start > 0.0 {
                args.extend(["-ss".to_owned(), clip.start.to_string()]);
            }
            if let Some(end) = clip.end {
                args.extend(["-t".to_owned(), (end - clip.start).to_string()]);
            }
        }
        args.extend(pinned(self.demuxers.source).map(str::to_owned));
        args.extend(["-i".to_owned(), format!("file:{SOURCE_FILE}")]);
        let mark = self.demuxers.watermark.filter(|_| self.overlay().reads());
        if let Some(demuxer) = mark {
            args.extend(pinned(demuxer).map(str::to_owned));
            args.extend(["-i".to_owned(), format!("file:{WATERMARK_FILE}")]);
        }
        args
    }

    /// The arguments of one run.
    fn args(&self, turn: Turn) -> Vec<String> {
        let mut args = self.inputs();
        let branches = self.branches(turn);
        if let Some((number, source)) = self.probe.numbered_video().filter(|_| !branches.is_empty())
        {
            let graph = picture::graph(number, source, &branches, self.overlay());
            args.extend(["-filter_complex".to_owned(), graph]);
        }
        let mut branch = 0;
        for made in self.made {
            self.output(&mut args, made, turn, &mut branch);
        }
        if turn != Turn::First {
            let folder = format!("{STILLS}/{}", self.parts);
            args.extend(self.stills.args(branch, POSTER_FILE, &folder));
        }
        args
    }

    /// Everything that goes through filters in one run.
    fn branches(&self, turn: Turn) -> Vec<Branch> {
        let Some(source) = self.probe.video() else {
            return Vec::new();
        };
        let takes_part = |picture: &&Picture<'_>| turn != Turn::First || picture.spec.two_pass;
        let pictures = self.made.iter().flat_map(|made| &made.pictures);
        let filtered = pictures
            .filter(|picture| picture.filtered())
            .filter(takes_part);
        let of = |(number, picture)| Branch::of(picture, number, source);
        let mut branches: Vec<Branch> = filtered.enumerate().map(of).collect();
        if turn != Turn::First {
            branches.extend(self.stills.branches());
        }
        branches
    }

    /// The arguments of one output. `branch` counts the pictures that went before it through filters.
    fn output(&self, args: &mut Vec<String>, made: &Made<'_>, turn: Turn, branch: &mut usize) {
        let mut maps = Vec::new();
        let mut options = Vec::new();
        let several = made.pictures.len() > 1;
        let Some((number, source)) = self.probe.numbered_video().or(self.probe.numbered_audio())
        else {
            return;
        };
        for (index, picture) in made.pictures.iter().enumerate() {
            if turn == Turn::First && !picture.spec.two_pass {
                continue;
            }
            let map = if picture.filtered() {
                *branch += 1;
                format!("[v{}]", *branch - 1)
            } else {
                format!("0:{number}")
            };
            maps.extend(["-map".to_owned(), map]);
            let suffix = if several {
                format!(":v:{index}")
            } else {
                ":v".to_owned()
            };
            let slot = Slot {
                suffix: &suffix,
                container: made.spec.container,
                statistics: &format!("statistics-{}-{index}", made.spec.name),
            };
            let turn = if picture.spec.two_pass {
                turn
            } else {
                Turn::Only
            };
            options.extend(encoders::video(picture.spec, slot, source, turn));
        }
        if turn == Turn::First {
            if !maps.is_empty() {
                args.extend(maps);
                args.extend(options);
                args.extend(["-f", "null", "/dev/null"].map(str::to_owned));
            }
            return;
        }
        if let (Some(audio), Some((number, source))) = (made.audio, self.probe.numbered_audio()) {
            maps.extend(["-map".to_owned(), format!("0:{number}")]);
            options.extend(encoders::audio(audio, source));
        }
        args.extend(maps);
        let first = args.len();
        args.extend(options);
        overrides::add(&self.overrides, args, first);
        for (key, value) in &self.spec.extras.file_metadata {
            args.extend(["-metadata".to_owned(), format!("{key}={value}")]);
        }
        args.extend(self.ending(made));
    }

    /// The muxer of an output and where it writes.
    fn ending(&self, made: &Made<'_>) -> Vec<String> {
        let (output, parts) = (made.spec, self.parts);
        let mut args = vec!["-f".to_owned(), output.container.muxer().to_owned()];
        let file = work_name(output);
        if !output.container.packaged() {
            args.push(format!("file:{file}"));
            return args;
        }
        let sets = if made.audio.is_some() {
            "id=0,streams=v id=1,streams=a"
        } else {
            "id=0,streams=v"
        };
        let options = [
            ("-seg_duration", output.segment_seconds.to_string()),
            ("-use_template", "1".to_owned()),
            ("-use_timeline", "1".to_owned()),
            ("-adaptation_sets", sets.to_owned()),
            (
                "-init_seg_name",
                format!("{parts}/init-$RepresentationID$.m4s"),
            ),
            (
                "-media_seg_name",
                format!("{parts}/$RepresentationID$-$Number%05d$.m4s"),
            ),
            // Playlists are written whatever is asked for: they tell what was made.
            ("-hls_playlist", "1".to_owned()),
            ("-hls_master_name", HLS_MANIFEST.to_owned()),
        ];
        for (name, value) in options {
            args.extend([name.to_owned(), value]);
        }
        args.push(format!("{file}/{DASH_MANIFEST}"));
        args
    }
}

#[cfg(test)]
mod tests;
