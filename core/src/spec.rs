//! What a caller asks for, checked once when it arrives and never changed after.
//!
//! Two shapes come in: the original's (`legacy`) and `/v1`'s. Both become the same [`JobSpec`].

mod batch;
mod check;
mod extras;
pub(crate) mod fields;
mod legacy;
mod outputs;
mod probe;
mod retry;
mod runs;
mod template;
mod terms;
mod thumbnails;
mod v1;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use batch::BatchRequest;
pub use check::Checked;
pub use legacy::parse_legacy;
pub use probe::parse_probe;
pub use retry::RetryRequest;
pub use template::{Names, expand};
pub use v1::{EstimateRequest, parse_estimate, parse_v1};

use crate::{
    address::NetworkRules,
    error::{Code, JobError},
    extras::{Captions, Extras},
    lane::Lane,
    notify::{NotifyFormat, NotifyTarget},
    options::{OptionPolicy, Pair},
    output::{Clip, OutputSpec, POSTER, THUMBNAIL_FOLDER, Thumbnails},
    unset::unset,
    uri::{MediaUri, UriRules},
    watch::WatchRule,
};

/// How often a job may be tried unless it says otherwise.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;

/// Most attempts that a job may ask for.
pub const MOST_ATTEMPTS: u32 = 10;

/// Most passes of one job. Two are usual; more than a few are a mistake.
pub const MOST_PASSES: usize = 8;

/// A checked request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Where the media comes from, without secrets.
    pub source_path: MediaUri,
    /// Where the result goes, without secrets; none for a probe, which has no result but what is found.
    #[serde(default, skip_serializing_if = "unset")]
    pub dest_path: Option<MediaUri>,
    /// The preset that the passes come from, if one was named.
    #[serde(default, skip_serializing_if = "unset")]
    pub preset: Option<String>,
    /// The FFmpeg runs, in order, of a job that is written in FFmpeg's words.
    pub passes: Vec<PassSpec>,
    /// What is to be made, of a job that is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputSpec>,
    /// Still pictures beside the outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnails: Option<Thumbnails>,
    /// The part of the source that is used; none for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
    /// What goes with the outputs.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
    /// Who is told.
    #[serde(default, skip_serializing_if = "unset")]
    pub notify: Option<NotifyTarget>,
    /// The caller's own name for the job.
    #[serde(default, skip_serializing_if = "unset")]
    pub external_id: Option<String>,
    /// Free text of the caller's.
    #[serde(default, skip_serializing_if = "unset")]
    pub metadata: BTreeMap<String, String>,
    /// Words of the caller's by which jobs are told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Seconds that the FFmpeg runs of an attempt may take together, where that is less than the operator allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// How urgent it is, within [`PRIORITIES`](crate::lane::PRIORITIES).
    #[serde(default, skip_serializing_if = "unset")]
    pub priority: i8,
    /// How often the job may be tried.
    pub max_attempts: u32,
    /// The most that it may cost, in US dollars.
    #[serde(default, skip_serializing_if = "unset")]
    pub max_cost_usd: Option<f64>,
    /// Seconds of media in the source, as the caller says: for estimates only.
    #[serde(default, skip_serializing_if = "unset")]
    pub duration_seconds: Option<f64>,
}

impl JobSpec {
    /// The queue that it waits in.
    pub fn lane(&self) -> Lane {
        Lane::of(self.priority)
    }

    /// Where its outputs go, in their order and then its poster, its thumbnails and its captions, below a destination with or without its secret: files, and folders of what is packaged.
    pub fn places(&self, destination: &MediaUri) -> Vec<MediaUri> {
        if !destination.is_folder() {
            return vec![destination.clone()];
        }
        let alone = self.outputs.len() == 1;
        let place = |output: &OutputSpec| destination.join(&output.place(alone));
        let stills = self.thumbnails.as_ref();
        let poster = stills.filter(|stills| stills.poster_at.is_some());
        let others = stills.filter(|stills| stills.interval.is_some());
        let stills = [(poster, POSTER), (others, THUMBNAIL_FOLDER)].into_iter();
        let stills = stills.filter_map(|(wanted, name)| wanted.map(|_| destination.join(name)));
        let captions = self.extras.sidecars().map(Captions::place);
        let captions = captions.map(|name| destination.join(&name));
        let outputs = self.outputs.iter().map(place);
        outputs.chain(stills).chain(captions).collect()
    }

    /// Whether its source is looked at and nothing is made of it.
    pub fn is_probe(&self) -> bool {
        self.dest_path.is_none()
    }

    /// Whether its source is read once and from its beginning to its end: then it can be encoded while it arrives. Options before the
    /// input may seek in it, a second pass and a comparison read it again.
    pub fn reads_once(&self) -> bool {
        if self.is_probe() {
            return true;
        }
        if self.outputs.is_empty() {
            return matches!(&self.passes[..], [only] if only.infile_options.is_empty());
        }
        let mut pictures = self.outputs.iter().flat_map(|output| &output.video);
        self.clip.is_none()
            && self.extras.score.is_none()
            && !pictures.any(|picture| picture.two_pass)
    }
}

/// One FFmpeg run as the caller wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PassSpec {
    /// Options before the input.
    #[serde(default)]
    pub infile_options: Vec<Pair>,
    /// Options before the output.
    #[serde(default)]
    pub outfile_options: Vec<Pair>,
    /// Whether the moov atom goes before the media data.
    #[serde(default)]
    pub move_atom_to_front: bool,
}

/// What requests are checked against.
#[derive(Clone, Debug, Default)]
pub struct SpecRules {
    /// Which addresses are let in.
    pub uris: UriRules,
    /// Which hosts and ports.
    pub network: NetworkRules,
    /// Which FFmpeg options.
    pub options: OptionPolicy,
    /// Format of notifications for jobs from the original's route.
    pub legacy_notify_format: Option<NotifyFormat>,
    /// What is watched: nothing may be written there, or results would start jobs.
    pub watch: Vec<WatchRule>,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {error}")]
pub struct SpecError {
    /// The field, as a JSON pointer (RFC 6901); empty for the whole body.
    pub pointer: String,
    /// What is wrong with it.
    pub error: JobError,
}

impl SpecError {
    /// A refusal.
    pub fn new(pointer: impl Into<String>, code: Code, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            error: JobError::new(code, message),
        }
    }

    pub(crate) fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(pointer, Code::InvalidSpec, message)
    }
}
