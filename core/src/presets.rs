//! Named settings for one MP4, so that nobody has to write FFmpeg options. Only data.

use crate::{legacy_presets, options::Pair, spec::PassSpec};

/// A named list of passes.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it gives, in one line.
    pub description: &'static str,
    /// Its passes.
    pub passes: fn() -> Vec<PassSpec>,
}

/// The preset of `nommer encode` and `nommer submit` when none is named.
pub const DEFAULT: &str = "web-mp4-720p";

/// Every preset.
pub const ALL: [Preset; 9] = [
    Preset {
        name: "web-mp4-480p",
        description: "MP4 for the web: H.264 High at most 480 lines high, AAC 128k",
        passes: || web_mp4(480),
    },
    Preset {
        name: "web-mp4-720p",
        description: "MP4 for the web: H.264 High at most 720 lines high, AAC 128k",
        passes: || web_mp4(720),
    },
    Preset {
        name: "web-mp4-1080p",
        description: "MP4 for the web: H.264 High at most 1080 lines high, AAC 128k",
        passes: || web_mp4(1080),
    },
    Preset {
        name: "copy",
        description: "the same video and audio in an MP4 that starts at once; nothing is encoded again",
        passes: copy,
    },
    Preset {
        name: "legacy/web_medium",
        description: "the original client's web_medium: two passes, H.264 Baseline, AAC",
        passes: || legacy_presets::web_medium(),
    },
    Preset {
        name: "legacy/android_low",
        description: "the original client's android_low: two passes, H.264 Baseline, AAC",
        passes: || legacy_presets::android_low(),
    },
    Preset {
        name: "legacy/cb_low",
        description: "the original client's cb_low: two passes, H.264 Baseline, AAC",
        passes: || legacy_presets::cb_low(),
    },
    Preset {
        name: "legacy/cb_medium",
        description: "the original client's cb_medium: two passes, H.264 Baseline, AAC",
        passes: || legacy_presets::cb_medium(),
    },
    Preset {
        name: "legacy/cb_high",
        description: "the original client's cb_high: two passes, H.264 Baseline, AAC",
        passes: || legacy_presets::cb_high(),
    },
];

/// The preset with this name.
pub fn find(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name)
}

/// H.264 at a constant quality, never larger than the source, with even sizes and square pixels in 4:2:0.
fn web_mp4(height: u32) -> Vec<PassSpec> {
    let scale = format!("scale=-2:'trunc(min({height},ih)/2)*2',setsar=1");
    let pairs = [
        ("c:v", "libx264"),
        ("preset", "veryfast"),
        ("crf", "22"),
        ("profile:v", "high"),
        ("pix_fmt", "yuv420p"),
        ("vf", &scale),
        ("c:a", "aac"),
        ("b:a", "128k"),
        ("ac", "2"),
        ("f", "mp4"),
    ];
    one_pass(&pairs)
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
            for pass in (preset.passes)() {
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
