//! What goes with a job's outputs: captions, a watermark, FFmpeg options of one's own, words in the files, and what S3 is told of them.
//!
//! Only data. `spec` reads it from a request, `plan` and the encoder use it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{options::Pair, output::Words, ports::ObjectAttributes, uri::MediaUri};

/// Most captions of one job.
pub const MOST_CAPTIONS: usize = 16;

/// The folder of captions below the destination.
pub const CAPTIONS_FOLDER: &str = "captions/";

/// All of it; usually nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extras {
    /// Words that are shown with the pictures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub captions: Vec<Captions>,
    /// A picture that lies on all pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Watermark>,
    /// FFmpeg options that are put after ours, in every output.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Pair>,
    /// Title, artist and the like, written into the files.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub file_metadata: BTreeMap<String, String>,
    /// How outputs are compared with their source, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Metric>,
    /// What S3 is told of the outputs.
    #[serde(skip_serializing_if = "ObjectAttributes::is_empty")]
    pub storage: ObjectAttributes,
}

impl Extras {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Captions that lie beside the outputs.
    pub fn sidecars(&self) -> impl Iterator<Item = &Captions> {
        let all = self.captions.iter();
        all.filter(|captions| captions.mode == CaptionMode::Sidecar)
    }

    /// Captions that become part of the pictures.
    pub fn burned(&self) -> Option<&Captions> {
        let mut all = self.captions.iter();
        all.find(|captions| captions.mode == CaptionMode::Burn)
    }
}

/// Words in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Captions {
    /// Where they come from: SRT or `WebVTT`.
    pub source_path: MediaUri,
    /// Their language, as in BCP 47.
    pub language: String,
    /// What players call them.
    pub label: String,
    /// What becomes of them.
    pub mode: CaptionMode,
}

impl Captions {
    /// Where they lie below the destination.
    pub fn place(&self) -> String {
        format!("{CAPTIONS_FOLDER}{}.vtt", self.language)
    }
}

/// What becomes of captions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CaptionMode {
    /// They lie beside the outputs, and are named in the manifests of those that are packaged.
    Sidecar,
    /// They become part of the pictures.
    Burn,
}

impl CaptionMode {
    /// Its words.
    pub(crate) const WORDS: &'static Words<Self> =
        &[("sidecar", Self::Sidecar), ("burn", Self::Burn)];
}

/// A picture that lies on all pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watermark {
    /// Where it comes from: PNG, JPEG or `WebP`.
    pub source_path: MediaUri,
    /// Where it lies.
    pub position: Position,
    /// How much of it is seen, 0 to 1.
    pub opacity: f64,
    /// Its width, in percent of the pictures'.
    pub width_percent: f64,
}

/// A place in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Position {
    /// Above, on the left.
    TopLeft,
    /// Above, on the right.
    TopRight,
    /// Below, on the left.
    BottomLeft,
    /// Below, on the right.
    BottomRight,
    /// In the middle.
    Center,
}

impl Position {
    /// Its words.
    pub(crate) const WORDS: &'static Words<Self> = &[
        ("top-left", Self::TopLeft),
        ("top-right", Self::TopRight),
        ("bottom-left", Self::BottomLeft),
        ("bottom-right", Self::BottomRight),
        ("center", Self::Center),
    ];

    /// Where the left upper corner goes, in FFmpeg's words. The margin is a fiftieth of the picture's width.
    pub(crate) fn corner(self) -> &'static str {
        match self {
            Self::TopLeft => "x=W/50:y=W/50",
            Self::TopRight => "x=W-w-W/50:y=W/50",
            Self::BottomLeft => "x=W/50:y=H-h-W/50",
            Self::BottomRight => "x=W-w-W/50:y=H-h-W/50",
            Self::Center => "x=(W-w)/2:y=(H-h)/2",
        }
    }
}

/// How outputs are compared with their source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Metric {
    /// Structural similarity, 0 to 1. Every FFmpeg has it.
    Ssim,
    /// VMAF, 0 to 100. It needs an FFmpeg with libvmaf.
    Vmaf,
}

impl Metric {
    /// Its words.
    pub(crate) const WORDS: &'static Words<Self> = &[("ssim", Self::Ssim), ("vmaf", Self::Vmaf)];

    /// FFmpeg's filter for it.
    pub fn filter(self) -> &'static str {
        match self {
            Self::Ssim => "ssim",
            Self::Vmaf => "libvmaf",
        }
    }

    /// The mean over all pictures, from what the filter says at its end.
    pub fn read(self, said: &str) -> Option<f64> {
        let mark = match self {
            Self::Ssim => " All:",
            Self::Vmaf => "VMAF score: ",
        };
        let (_, after) = said.rsplit_once(mark)?;
        let number = after.split_whitespace().next()?.parse::<f64>().ok()?;
        number.is_finite().then_some(number)
    }
}

/// The demuxer for a still picture that begins with these bytes; none if it is none that we take.
pub fn sniff_picture(head: &[u8]) -> Option<&'static str> {
    match () {
        () if head.starts_with(b"\x89PNG\r\n\x1a\n") => Some("png_pipe"),
        () if head.starts_with(b"\xff\xd8\xff") => Some("jpeg_pipe"),
        () if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") => Some("webp_pipe"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_off_what_the_filters_say() {
        let ssim = "x\n[Parsed_ssim_3] SSIM Y:0.99 (20.1) U:0.98 (19.0) V:0.98 (19.1) All:0.987654 (19.8)\n";
        assert_eq!(Metric::Ssim.read(ssim), Some(0.987_654));
        assert_eq!(
            Metric::Vmaf.read("[libvmaf] VMAF score: 93.5\n"),
            Some(93.5)
        );
        for nothing in ["", "All: ", "SSIM All:inf (inf)"] {
            assert_eq!(Metric::Ssim.read(nothing), None);
        }
    }
}
