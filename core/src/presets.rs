//! Named settings, so that nobody has to write FFmpeg options. Only data.

use crate::{
    legacy_presets,
    options::Pair,
    output::{AudioSpec, Container, OutputSpec, USUAL_LADDER, VideoCodec, VideoSpec},
    spec::PassSpec,
};

/// Named settings.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name on the wire.
    pub name: &'static str,
    /// Grows whenever what it makes changes.
    pub version: u32,
    /// What it gives, in one line.
    pub description: &'static str,
    /// What it stands for.
    pub recipe: Recipe,
}

/// What a preset stands for.
#[derive(Clone, Copy, Debug)]
pub enum Recipe {
    /// FFmpeg runs.
    Passes(fn() -> Vec<PassSpec>),
    /// Outputs.
    Outputs(fn() -> Vec<OutputSpec>),
}

impl Preset {
    const fn of_outputs(
        name: &'static str,
        description: &'static str,
        outputs: fn() -> Vec<OutputSpec>,
    ) -> Self {
        Self {
            name,
            version: 2,
            description,
            recipe: Recipe::Outputs(outputs),
        }
    }

    const fn of_passes(
        name: &'static str,
        description: &'static str,
        passes: fn() -> Vec<PassSpec>,
    ) -> Self {
        Self {
            name,
            version: 1,
            description,
            recipe: Recipe::Passes(passes),
        }
    }

    /// The FFmpeg runs that it stands for; none if it is written in outputs.
    pub fn passes(&self) -> Vec<PassSpec> {
        match self.recipe {
            Recipe::Passes(passes) => passes(),
            Recipe::Outputs(_) => Vec::new(),
        }
    }

    /// The outputs that it stands for; none if it is written in FFmpeg runs.
    pub fn outputs(&self) -> Vec<OutputSpec> {
        match self.recipe {
            Recipe::Passes(_) => Vec::new(),
            Recipe::Outputs(outputs) => outputs(),
        }
    }
}

/// The preset of `nommer encode` and `nommer submit` when none is named.
pub const DEFAULT: &str = "web-mp4-720p";

/// Every preset.
pub const ALL: [Preset; 22] = [
    Preset::of_outputs(
        "web-mp4-480p",
        "MP4 for the web: H.264 at most 480 lines high, AAC 128k",
        || web_mp4(480),
    ),
    Preset::of_outputs(
        "web-mp4-720p",
        "MP4 for the web: H.264 at most 720 lines high, AAC 128k",
        || web_mp4(720),
    ),
    Preset::of_outputs(
        "web-mp4-1080p",
        "MP4 for the web: H.264 at most 1080 lines high, AAC 128k",
        || web_mp4(1_080),
    ),
    Preset::of_outputs(
        "web-mp4-2160p",
        "MP4 for the web: H.264 at most 2160 lines high, AAC 128k",
        || web_mp4(2_160),
    ),
    Preset::of_outputs(
        "web-mp4-1080p-small",
        "MP4 half the size for newer devices: H.265 at most 1080 lines high, AAC 128k",
        || video(Container::Mp4, VideoCodec::H265, 1_080),
    ),
    Preset::of_outputs(
        "web-webm-1080p",
        "WebM: VP9 at most 1080 lines high, Opus 96k",
        || video(Container::Webm, VideoCodec::Vp9, 1_080),
    ),
    Preset::of_outputs(
        "av1-1080p",
        "MP4 with AV1 at most 1080 lines high, AAC 128k",
        || video(Container::Mp4, VideoCodec::Av1, 1_080),
    ),
    Preset::of_outputs(
        "hls-abr",
        "HLS: H.264 at 1080, 720, 480 and 240 lines, AAC 128k, segments of 4 s; dest_path is a folder",
        || packaged(Container::Hls),
    ),
    Preset::of_outputs(
        "dash-abr",
        "DASH: H.264 at 1080, 720, 480 and 240 lines, AAC 128k, segments of 4 s; dest_path is a folder",
        || packaged(Container::Dash),
    ),
    Preset::of_outputs(
        "cmaf-abr",
        "HLS and DASH over the same segments: H.264 at 1080, 720, 480 and 240 lines, AAC 128k; dest_path is a folder",
        || packaged(Container::Cmaf),
    ),
    Preset::of_outputs("audio-mp3-192", "MP3 at 192k", || {
        audio(Container::Mp3, None)
    }),
    Preset::of_outputs(
        "audio-aac-128",
        "AAC at 128k in an M4A that starts at once",
        || audio(Container::M4a, None),
    ),
    Preset::of_outputs("audio-opus-96", "Opus at 96k", || {
        audio(Container::Opus, None)
    }),
    Preset::of_outputs(
        "audio-podcast",
        "MP3 at 192k, brought to the loudness of podcasts: -16 LUFS",
        || audio(Container::Mp3, Some(-16.0)),
    ),
    Preset::of_outputs(
        "gif-preview",
        "a moving GIF, at most 240 lines high, 10 frames a second",
        gif,
    ),
    Preset::of_outputs(
        "archive-prores",
        "ProRes 422 HQ with PCM in a MOV, for editing",
        prores,
    ),
    Preset::of_passes(
        "copy",
        "the same video and audio in an MP4 that starts at once; nothing is encoded again",
        copy,
    ),
    Preset::of_passes(
        "legacy/web_medium",
        "the original client's web_medium: two passes, H.264 Baseline, AAC",
        legacy_presets::web_medium,
    ),
    Preset::of_passes(
        "legacy/android_low",
        "the original client's android_low: two passes, H.264 Baseline, AAC",
        legacy_presets::android_low,
    ),
    Preset::of_passes(
        "legacy/cb_low",
        "the original client's cb_low: two passes, H.264 Baseline, AAC",
        legacy_presets::cb_low,
    ),
    Preset::of_passes(
        "legacy/cb_medium",
        "the original client's cb_medium: two passes, H.264 Baseline, AAC",
        legacy_presets::cb_medium,
    ),
    Preset::of_passes(
        "legacy/cb_high",
        "the original client's cb_high: two passes, H.264 Baseline, AAC",
        legacy_presets::cb_high,
    ),
];

/// The preset with this name, or with this name and its version: `web-mp4-720p@2`.
pub fn find(name: &str) -> Option<&'static Preset> {
    let (name, version) = match name.split_once('@') {
        Some((name, version)) => (name, Some(version.parse::<u32>().ok()?)),
        None => (name, None),
    };
    let found = ALL.iter().find(|preset| preset.name == name)?;
    version
        .is_none_or(|version| version == found.version)
        .then_some(found)
}

fn video(container: Container, codec: VideoCodec, height: u32) -> Vec<OutputSpec> {
    vec![OutputSpec {
        video: vec![VideoSpec {
            height: Some(height),
            ..VideoSpec::new(codec)
        }],
        ..OutputSpec::new("video", container)
    }]
}

fn web_mp4(height: u32) -> Vec<OutputSpec> {
    video(Container::Mp4, VideoCodec::H264, height)
}

fn packaged(container: Container) -> Vec<OutputSpec> {
    let rung = VideoSpec {
        crf: Some(23.0),
        ..VideoSpec::new(VideoCodec::H264)
    };
    vec![OutputSpec {
        video: USUAL_LADDER.map(|height| rung.at_height(height)).to_vec(),
        ..OutputSpec::new("stream", container)
    }]
}

fn audio(container: Container, loudness_lufs: Option<f64>) -> Vec<OutputSpec> {
    let usual = OutputSpec::new("audio", container);
    let audio = usual.audio.clone().map(|audio| AudioSpec {
        loudness_lufs,
        ..audio
    });
    vec![OutputSpec { audio, ..usual }]
}

fn gif() -> Vec<OutputSpec> {
    vec![OutputSpec {
        video: vec![VideoSpec {
            height: Some(240),
            fps: Some(10.0),
            ..VideoSpec::new(VideoCodec::Gif)
        }],
        ..OutputSpec::new("preview", Container::Gif)
    }]
}

fn prores() -> Vec<OutputSpec> {
    vec![OutputSpec::new("video", Container::Mov)]
}

fn copy() -> Vec<PassSpec> {
    one_pass(&[
        ("c:v", "copy"),
        ("c:a", "copy"),
        ("sn", ""),
        ("dn", ""),
        ("f", "mp4"),
    ])
}

fn one_pass(pairs: &[(&str, &str)]) -> Vec<PassSpec> {
    let outfile_options = pairs
        .iter()
        .map(|(name, value)| Pair {
            name: (*name).to_owned(),
            value: (!value.is_empty()).then(|| (*value).to_owned()),
        })
        .collect();
    vec![PassSpec {
        infile_options: Vec::new(),
        outfile_options,
        move_atom_to_front: true,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{OptionPolicy, Side, check_options};

    #[test]
    fn every_preset_passes_our_own_checks() {
        for preset in &ALL {
            for pass in preset.passes() {
                check_options(
                    &pass.outfile_options,
                    Side::Output,
                    &OptionPolicy::default(),
                )
                .unwrap();
                check_options(&pass.infile_options, Side::Input, &OptionPolicy::default()).unwrap();
            }
        }
        assert!(find(DEFAULT).is_some());
    }
}
