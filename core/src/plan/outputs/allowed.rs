//! What a source allows of what is asked for. What it does not is left out and told, or refused if nothing would be left.

use super::length;
use crate::{
    error::{Code, JobError, Warning},
    output::{AudioSpec, Hdr, OutputSpec, VideoSpec},
    plan::{
        picture::{self, Picture},
        stills::Stills,
    },
    probe::{Probe, Stream},
    spec::JobSpec,
};

/// An output as this source allows it.
pub(in crate::plan) struct Made<'a> {
    pub(in crate::plan) spec: &'a OutputSpec,
    pub(in crate::plan) pictures: Vec<Picture<'a>>,
    pub(in crate::plan) audio: Option<&'a AudioSpec>,
}

/// The still pictures that this source allows.
pub(super) fn stills(spec: &JobSpec, probe: &Probe, warnings: &mut Vec<Warning>) -> Stills {
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

/// What this source allows of an output. What it does not allow is left out and told, or refused if nothing would be left.
pub(super) fn allowed<'a>(
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
        let height = shown.map_or(u32::MAX, |shown| picture::measured_side(shown, rendition));
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
            size: shown.map(|shown| picture::fitted(shown, video, rendition)),
            rendition,
        });
    }
    kept
}

/// What is done to every picture of this source.
pub(super) fn tell_of_source(probe: &Probe, made: &[Made<'_>], warnings: &mut Vec<Warning>) {
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
    if source.is_hdr() && encoded().any(|picture| picture.spec.hdr == Hdr::Tonemap) {
        let detail = "the source has a high dynamic range, which is brought to BT.709; `hdr: keep` keeps it where the codec can";
        warnings.push(Warning::new("tone_mapped", detail));
    }
}
