//! One spelling for each option, and today's name for those that FFmpeg has dropped. Decides nothing about what is allowed.

use super::Pair;
use crate::error::Warning;

/// The code of every warning here.
const CODE: &str = "legacy_option_rewritten";

/// Spellings that FFmpeg still knows: brought to one, without a word.
const SPELLINGS: [(&str, &str); 16] = [
    ("qscale:v", "q:v"),
    ("qscale:a", "q:a"),
    ("vcodec", "c:v"),
    ("acodec", "c:a"),
    ("scodec", "c:s"),
    ("codec", "c"),
    ("codec:v", "c:v"),
    ("codec:a", "c:a"),
    ("codec:s", "c:s"),
    ("vf", "filter:v"),
    ("af", "filter:a"),
    ("vframes", "frames:v"),
    ("aframes", "frames:a"),
    ("vtag", "tag:v"),
    ("aq", "q:a"),
    ("vb", "b:v"),
];

/// Names that FFmpeg has dropped, or warns about.
const DROPPED: [(&str, &str); 6] = [
    ("vprofile", "profile:v"),
    ("profile", "profile:v"),
    ("b", "b:v"),
    ("ab", "b:a"),
    ("qscale", "q:v"),
    ("vlevel", "level"),
];

/// Values of `target` without a television standard, which FFmpeg took from the source's rate or refused.
const TARGETS: [&str; 5] = ["vcd", "svcd", "dvd", "dv", "dv50"];

/// Encoders that FFmpeg has dropped, and what encodes the same today.
const ENCODERS: [(&str, &str); 2] = [("libfaac", "aac"), ("libvo_aacenc", "aac")];

/// The constant quality that stands for `sameq`, which asked for "the same quality": visually lossless for x264.
const SAME_QUALITY: &str = "18";

/// Options in today's names.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    pub(super) pairs: Vec<Pair>,
    pub(super) warnings: Vec<Warning>,
}

impl Rewritten {
    fn warn(&mut self, from: &str, to: &str) {
        self.warnings
            .push(Warning::new(CODE, format!("{from} → {to}")));
    }

    /// Adds a filter to the chain for video or audio: before what the caller wrote, or after it.
    fn add_filter(&mut self, name: &str, filter: &str, first: bool) {
        let chain = self.pairs.iter_mut().find(|pair| pair.name == name);
        match chain {
            Some(Pair {
                value: Some(chain), ..
            }) if first => *chain = format!("{filter},{chain}"),
            Some(Pair {
                value: Some(chain), ..
            }) => *chain = format!("{chain},{filter}"),
            _ => self.pairs.push(Pair::new(name, filter)),
        }
    }
}

/// Rewrites a list of options. Order and duplicates are kept otherwise.
pub(super) fn rewrite(pairs: &[Pair]) -> Rewritten {
    let mut out = Rewritten::default();
    let mut later = Vec::new();
    for pair in pairs {
        match (pair.name.as_str(), pair.value.as_deref()) {
            ("sameq", None) => {
                out.warn("sameq", &format!("crf {SAME_QUALITY}"));
                out.pairs.push(Pair::new("crf", SAME_QUALITY));
            }
            ("deinterlace", None) => later.push((
                "deinterlace".to_owned(),
                "filter:v",
                "yadif".to_owned(),
                true,
            )),
            ("async", Some(rate)) if rate.bytes().all(|byte| byte.is_ascii_digit()) => {
                let filter = format!("aresample=async={rate}");
                later.push((format!("async {rate}"), "filter:a", filter, false));
            }
            ("vsync", Some(mode)) => {
                let mode = match mode {
                    "0" => "passthrough",
                    "1" => "cfr",
                    "2" => "vfr",
                    "-1" => "auto",
                    other => other,
                };
                out.warn("vsync", &format!("fps_mode {mode}"));
                out.pairs.push(Pair::new("fps_mode", mode));
            }
            ("target", Some(disc)) if TARGETS.contains(&disc) => {
                let target = format!("ntsc-{disc}");
                out.warn(&format!("target {disc}"), &format!("target {target}"));
                out.pairs.push(Pair::new("target", &target));
            }
            _ => rename(pair, &mut out),
        }
    }
    // Filters come last, when the chain that they join is known. A pass without sound needs none for sound.
    let silent = out.pairs.iter().any(|pair| pair.name == "an");
    for (from, chain, filter, first) in later {
        if !(silent && chain == "filter:a") {
            out.warn(&from, &format!("{chain} {filter}"));
            out.add_filter(chain, &filter, first);
        }
    }
    out
}

fn rename(pair: &Pair, out: &mut Rewritten) {
    let look = |table: &[(&str, &'static str)]| {
        table
            .iter()
            .find(|(from, _)| *from == pair.name)
            .map(|(_, to)| *to)
    };
    let mut renamed = pair.clone();
    if let Some(to) = look(&SPELLINGS) {
        to.clone_into(&mut renamed.name);
    } else if let Some(to) = look(&DROPPED) {
        out.warn(&pair.name, to);
        to.clone_into(&mut renamed.name);
    }
    let encoder = renamed
        .value
        .as_deref()
        .filter(|_| renamed.name.starts_with("c:"));
    if let Some((from, to)) = ENCODERS.iter().find(|(from, _)| encoder == Some(*from)) {
        out.warn(from, to);
        renamed.value = Some((*to).to_owned());
    }
    out.pairs.push(renamed);
}
