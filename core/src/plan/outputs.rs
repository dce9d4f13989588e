//! From outputs in words to command lines: one decode for all of them.

use std::time::Duration;

use super::{
    ANALYSIS_WEIGHT, Pass, Plan, Product, ProductKind, SOURCE_FILE, Sheets,
    encoders::{self, Slot, Turn},
    picture::{self, Branch, Picture},
    stills::Stills,
};
use crate::{
    error::{Code, JobError, Warning},
    output::{AudioSpec, OutputSpec, VideoSpec},
    probe::{Probe, Stream, pinned},
    spec::JobSpec,
};

/// The file name of a DASH manifest.
pub const DASH_MANIFEST: &str = "manifest.mpd";

/// The file name of the HLS playlist that names the others.
pub const HLS_MANIFEST: &str = "master.m3u8";

/// What the poster is called in the work folder, and the folder of the thumbnails. Outputs are called otherwise.
const POSTER_FILE: &str = "poster";
const STILLS: &str = "thumbnails";

/// An output as this source allows it.
struct Made<'a> {
    spec: &'a OutputSpec,
    pictures: Vec<Picture<'a>>,
    audio: Option<&'a AudioSpec>,
}

/// Makes the plan for a source that `demuxer` reads. The segments of what is packaged go into a folder `parts` beside the manifests.
pub(super) fn compile(
    spec: &JobSpec,
    probe: &Probe,
    demuxer: &str,
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
        demuxer,
        parts,
        made: &made,
        stills: stills(spec, probe, &mut warnings),
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
    let outputs = made.iter().map(|made| product(made.spec));
    Ok(Plan {
        passes,
        products: outputs.chain(compiler.still_products()).collect(),
        duration: length(spec, probe),
        warnings,
    })
}

/// How long the media lasts that is made.
fn length(spec: &JobSpec, probe: &Probe) -> Option<Duration> {
    let whole = probe.duration;
    spec.clip.map_or(whole, |clip| clip.length(whole))
}

/// The still pictures that this source allows.
fn stills(spec: &JobSpec, probe: &Probe, warnings: &mut Vec<Warning>) -> Stills {
    let Some(asked) = &spec.thumbnails else {
        return Stills::default();
    };
    if let Some(shown) = probe.video().and_then(picture::shown) {
        return Stills::new(asked, shown, length(spec, probe));
    }
    let detail = "the source has no pictures, so there are no thumbnails";
    warnings.push(Warning::new("no_thumbnails", detail));
    Stills::default()
}

fn product(output: &OutputSpec) -> Product {
    let relocate = output.container.relocates();
    let kind = if output.container.packaged() {
        ProductKind::Package(output.container)
    } else {
        ProductKind::File { relocate }
    };
    Product {
        name: Some(output.name.clone()),
        file: work_name(output),
        kind,
    }
}

/// What an output is called in the work folder.
fn work_name(output: &OutputSpec) -> String {
    format!("output-{}", output.name)
}

/// What this source allows of an output. What it does not allow is left out and told, or refused if nothing would be left.
fn allowed<'a>(
    spec: &'a OutputSpec,
    probe: &Probe,
    warnings: &mut Vec<Warning>,
) -> Result<Made<'a>, JobError> {
    let name = &spec.name;
    let missing = |what: &str, hint: &str| {
        let message = format!("output {name:?} needs {what}, and the source holds none");
        JobError::new(Code::SourceUnreadable, message).with_hint(hint)
    };
    let audio = spec.audio.as_ref().filter(|_| probe.audio().is_some());
    if spec.video.is_empty() && audio.is_none() {
        return Err(missing("sound", "leave the output out"));
    }
    if spec.audio.is_some() && audio.is_none() {
        let detail = format!("output {name:?}: the source has no sound, so the output has none");
        warnings.push(Warning::new("no_audio", detail));
    }
    if spec.video.is_empty() {
        return Ok(Made {
            spec,
            pictures: Vec::new(),
            audio,
        });
    }
    let Some(video) = probe.video() else {
        return Err(missing(
            "pictures",
            "to encode its sound alone, ask for m4a, mp3 or opus",
        ));
    };
    Ok(Made {
        spec,
        pictures: pictures(spec, video, warnings),
        audio,
    })
}

/// The pictures without those that would be larger than the source.
fn pictures<'a>(
    spec: &'a OutputSpec,
    source: &Stream,
    warnings: &mut Vec<Warning>,
) -> Vec<Picture<'a>> {
    let rendition = spec.container.packaged();
    let shown = picture::shown(source);
    let too_high = |video: &VideoSpec| {
        let height = shown.map_or(u32::MAX, |(_, height)| height);
        video.height.filter(|asked| *asked > height)
    };
    let smallest = spec.video.iter().min_by_key(|video| video.height);
    let all = spec.video.iter().all(|video| too_high(video).is_some());
    let mut kept = Vec::new();
    for video in &spec.video {
        let told = |code, what: &str| {
            let lines = video.height.unwrap_or(0);
            let detail = format!(
                "output {:?}: the source has less than {lines} lines; {what}",
                spec.name
            );
            Warning::new(code, detail)
        };
        match too_high(video) {
            Some(_) if !rendition => warnings.push(told("not_upscaled", "it keeps its size")),
            Some(_) if !(all && smallest == Some(video)) => {
                warnings.push(told("rendition_dropped", "this rendition is left out"));
                continue;
            }
            Some(_) => warnings.push(told(
                "not_upscaled",
                "the only rendition has the size of the source",
            )),
            None => {}
        }
        kept.push(Picture {
            spec: video,
            size: shown.map(|shown| picture::fitted(shown, video)),
            rendition,
        });
    }
    kept
}

/// What is done to every picture of this source.
fn tell_of_source(probe: &Probe, made: &[Made<'_>], warnings: &mut Vec<Warning>) {
    let encoded = || {
        made.iter()
            .flat_map(|made| &made.pictures)
            .filter(|picture| picture.filtered())
    };
    let Some(source) = probe.video().filter(|_| encoded().next().is_some()) else {
        return;
    };
    if source.interlaced {
        warnings.push(Warning::new(
            "deinterlaced",
            "the source is interlaced: frames are made of its fields",
        ));
    }
    if source.is_hdr() && encoded().any(|picture| picture.spec.hdr == crate::output::Hdr::Tonemap) {
        let detail = "the source has a high dynamic range, which is brought to BT.709; `hdr: keep` keeps it where the codec can";
        warnings.push(Warning::new("tone_mapped", detail));
    }
}

struct Compiler<'a> {
    spec: &'a JobSpec,
    probe: &'a Probe,
    demuxer: &'a str,
    parts: &'a str,
    made: &'a [Made<'a>],
    stills: Stills,
}

impl Compiler<'_> {
    /// The arguments of one run.
    fn args(&self, turn: Turn) -> Vec<String> {
        let mut args = super::global_args();
        if let Some(clip) = self.spec.clip {
            if clip.start > 0.0 {
                args.extend(["-ss".to_owned(), clip.start.to_string()]);
            }
            if let Some(end) = clip.end {
                args.extend(["-t".to_owned(), (end - clip.start).to_string()]);
            }
        }
        args.extend(pinned(self.demuxer).map(str::to_owned));
        args.extend(["-i".to_owned(), format!("file:{SOURCE_FILE}")]);
        let branches = self.branches(turn);
        if let Some((number, source)) = self.probe.numbered_video().filter(|_| !branches.is_empty())
        {
            let graph = picture::graph(number, source, &branches);
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

    fn still_products(&self) -> Vec<Product> {
        let product = |name: &str, file: &str, kind| Product {
            name: Some(name.to_owned()),
            file: file.to_owned(),
            kind,
        };
        let poster = || product("poster", POSTER_FILE, ProductKind::File { relocate: false });
        let sheets =
            |sheets: &Sheets| product("thumbnails", STILLS, ProductKind::Sheets(sheets.clone()));
        let poster = self.stills.poster.map(|_| poster());
        let sheets = self.stills.sheets.as_ref().map(sheets);
        poster.into_iter().chain(sheets).collect()
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
        args.extend(options);
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
