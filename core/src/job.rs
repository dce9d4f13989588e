//! A job: one request to encode a source, and all that has become of it.
//!
//! ```text
//!            claim            encode           upload          publish, finish
//!  PENDING ────────► DOWNLOADING ───► ENCODING ───► UPLOADING ────────────────► FINISHED
//!     ▲  ▲               │               │              │
//!     │  └── release, ───┴───────────────┴──────────────┤
//!     │      lapse, fail with attempts left             ├── fail ──────────────► ERROR
//!     │                                                 ├── attempts used up ──► ABANDONED
//!     └── (a lapsed lease may also be claimed directly) └── cancel ────────────► CANCELED
//! ```
//!
//! The record is the truth: queue messages only hint at it. Every change goes through [`Job::apply`], which never does IO and
//! never looks at a clock. States at the right are ends and never change again.

mod apply;
mod enter;
mod event;
mod files;
mod news;
mod outline;
mod published;
mod repair;
mod state;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use event::{Applied, Denied, Effect, Event};
pub use files::OutputFile;
pub use outline::JobOutline;
pub use published::Published;
pub use state::{JobState, Stage, StateName};

use crate::{
    batch::BatchPlace,
    error::{JobError, Warning},
    id::{JobId, KeyId},
    lease::elapsed,
    log::JobLog,
    money::JobCost,
    notify::Subscription,
    probe::Stream,
    progress::Progress,
    sealed::SealedSecrets,
    spec::JobSpec,
    unset::unset,
    uri::MediaUri,
};

/// The version of the stored record. A reader that finds a higher one leaves the record alone.
pub const SCHEMA: u32 = 1;

/// Beyond so long, prune is not late but was not there. It runs every minute, and a run that fails is followed by another.
const PRUNE_LATE: Duration = Duration::from_mins(10);

/// How many state changes a job remembers.
///
/// Each attempt makes at most four, and attempts are bounded; releases of interrupted instances are not, so the oldest go.
const HISTORY_LIMIT: usize = 64;

/// One job, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Version of this record's shape, see [`SCHEMA`].
    pub schema: u32,
    /// Its name.
    pub id: JobId,
    /// What the caller asked for; never changes.
    pub spec: JobSpec,
    /// The API key that submitted it; none if the operator did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyId>,
    /// The job that this one repeats, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
    /// The batch that it is of, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchPlace>,
    /// Who hears of it beside the address in `spec`: decided when it was submitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Subscription>,
    /// Encrypted parts of the addresses in `spec`. Those of source and destination are dropped when the job ends.
    #[serde(default, skip_serializing_if = "unset")]
    pub sealed: SealedSecrets,
    /// Where it stands.
    pub state: JobState,
    /// Number of the last state change, or of what was told since; notifications carry it.
    pub sequence: u64,
    /// Number of leases ever given; the newest is the only valid one.
    pub epoch: u64,
    /// Number of leases that count against `max_attempts`.
    pub attempts: u32,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When it was first claimed.
    #[serde(default, skip_serializing_if = "unset")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "unset")]
    pub ended_at: Option<Timestamp>,
    /// When anything was last heard of it: its submission, a claim, a heartbeat, a state change.
    pub heard_at: Timestamp,
    /// When prune puts a waiting job into the queue again, in case that its message was lost.
    #[serde(default, skip_serializing_if = "unset")]
    pub resend_at: Option<Timestamp>,
    /// How far the present attempt is.
    #[serde(default, skip_serializing_if = "unset")]
    pub progress: Option<Progress>,
    /// When that was last told to somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_told_at: Option<Timestamp>,
    /// What the encoder decided to run and what it found, once it has probed the source.
    #[serde(default, skip_serializing_if = "unset")]
    pub report: Report,
    /// What was published.
    #[serde(default, skip_serializing_if = "unset")]
    pub outputs: Vec<Output>,
    /// The newest state changes, oldest first.
    #[serde(default)]
    pub history: Vec<StateChange>,
    /// What FFmpeg said in the attempt that ends with this change. Stores keep it beside the record; a job that is read has none.
    #[serde(skip)]
    pub log: Option<JobLog>,
    /// What it has cost.
    #[serde(default, skip_serializing_if = "unset")]
    pub cost: JobCost,
}

/// What the encoder of the present attempt found and decided before it encodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The exact command line of each pass.
    #[serde(default, skip_serializing_if = "unset")]
    pub resolved: Vec<Vec<String>>,
    /// What was changed or noticed.
    #[serde(default, skip_serializing_if = "unset")]
    pub warnings: Vec<Warning>,
    /// The version of FFmpeg, as it prints it.
    #[serde(default, skip_serializing_if = "unset")]
    pub ffmpeg_version: Option<String>,
    /// Bytes of the source.
    #[serde(default, skip_serializing_if = "unset")]
    pub source_bytes: Option<u64>,
    /// The source's version tag when it was first read. A later attempt that finds another one fails.
    #[serde(default, skip_serializing_if = "unset")]
    pub source_etag: Option<String>,
    /// Seconds of media in the source.
    #[serde(default, skip_serializing_if = "unset")]
    pub source_seconds: Option<f64>,
    /// FFmpeg's name of the source's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_format: Option<String>,
    /// Bits a second of the source on the whole, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_bitrate: Option<u64>,
    /// What the source holds, as ffprobe says; the first streams of many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_streams: Vec<Stream>,
}

/// Most streams of a source that are told.
pub const MOST_STREAMS: usize = 32;

/// One published output: a file, or segments with their manifests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Output {
    /// Its name within the job, if the job names its outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address, without secrets: that of the file, or of the manifest that players are given.
    pub url: String,
    /// The address of the DASH manifest, where `url` is that of a playlist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dash_url: Option<String>,
    /// The renditions of a ladder, the best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renditions: Vec<Rendition>,
    /// Its size, all files together.
    pub bytes: u64,
    /// Its length in seconds.
    #[serde(default)]
    pub duration: Option<f64>,
    /// Pixels across.
    #[serde(default)]
    pub width: Option<u32>,
    /// Pixels down.
    #[serde(default)]
    pub height: Option<u32>,
    /// Codec of the first video stream, by FFmpeg's name.
    #[serde(default)]
    pub video_codec: Option<String>,
    /// Codec of the first audio stream, by FFmpeg's name.
    #[serde(default)]
    pub audio_codec: Option<String>,
    /// How like the source it is, by structural similarity (0 to 1), if that was asked for. Of a ladder each rendition has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssim: Option<f64>,
    /// The same by VMAF (0 to 100).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmaf: Option<f64>,
    /// Version tag at the destination, of the file at `url`.
    #[serde(default)]
    pub etag: Option<String>,
    /// The files beside the one at `url`: segments, other manifests, pictures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<OutputFile>,
    /// What its bytes amount to, as `sha256:` and 64 hexadecimal digits. Only a single file has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

impl Output {
    /// One that there is not, for events that only try out who hears of them.
    pub(crate) fn sample() -> Self {
        Self {
            url: "s3://out/sample.mp4".to_owned(),
            bytes: 1_000,
            ..Self::default()
        }
    }
}

/// One picture of a ladder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rendition {
    /// Pixels across.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// Bits a second of its busiest segment with the sound.
    pub peak_bitrate: u64,
    /// Bits a second on the whole, with the sound.
    pub bitrate: u64,
    /// Its codecs and that of the sound, as RFC 6381 names them.
    pub codecs: Option<String>,
    /// How like the source it is, by structural similarity, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssim: Option<f64>,
    /// The same by VMAF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmaf: Option<f64>,
}

/// One change of state, as the timeline shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StateChange {
    /// Its number, from 1.
    pub sequence: u64,
    /// The state that began.
    pub state: StateName,
    /// When it began.
    pub at: Timestamp,
    /// The attempt it belongs to; 0 before the first.
    pub attempt: u32,
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

/// Free text that the caller attaches to a job and gets back with it.
pub type Metadata = BTreeMap<String, String>;

impl Job {
    /// A new job that waits for an encoder.
    pub fn new(id: JobId, spec: JobSpec, sealed: SealedSecrets, now: Timestamp) -> Self {
        let mut job = Self {
            schema: SCHEMA,
            id,
            spec,
            owner: None,
            retry_of: None,
            batch: None,
            subscriptions: Vec::new(),
            sealed,
            state: JobState::Pending { not_before: None },
            sequence: 0,
            epoch: 0,
            attempts: 0,
            created_at: now,
            started_at: None,
            ended_at: None,
            heard_at: now,
            resend_at: None,
            progress: None,
            progress_told_at: None,
            report: Report::default(),
            outputs: Vec::new(),
            history: Vec::new(),
            log: None,
            cost: JobCost::default(),
        };
        job.record_change(None, now);
        job.resend_at = Some(crate::lease::later(now, enter::RESEND_AFTER));
        job
    }

    /// Where its result goes; nowhere if it is a probe.
    pub fn destination(&self) -> Option<&MediaUri> {
        self.spec.dest_path.as_ref()
    }

    /// The destination that no other live job may use; none once this one has ended.
    pub fn live_destination(&self) -> Option<String> {
        let live = self.destination().filter(|_| !self.state.ended());
        live.map(MediaUri::identity)
    }

    /// Why the job failed, if it did.
    pub fn error(&self) -> Option<&JobError> {
        match &self.state {
            JobState::Error(error) | JobState::Abandoned(error) => Some(error),
            JobState::Pending { .. }
            | JobState::Running { .. }
            | JobState::Finished
            | JobState::Canceled => None,
        }
    }

    /// The details of the present state in words, as notifications carry them; empty if there are none.
    pub fn state_details(&self) -> &str {
        self.history
            .last()
            .and_then(|change| change.details.as_deref())
            .unwrap_or("")
    }

    /// For how long prune has left the job alone although there was something to do. Beyond some minutes, prune itself did not run: a
    /// machine was off, a schedule stopped. That is no silence of the job's.
    pub fn neglected(&self, now: Timestamp) -> Duration {
        neglected(&self.state, self.resend_at, now)
    }

    fn record_change(&mut self, details: Option<String>, now: Timestamp) {
        self.sequence += 1;
        self.heard_at = now;
        if self.history.len() >= HISTORY_LIMIT {
            self.history.remove(0);
        }
        self.history.push(StateChange {
            sequence: self.sequence,
            state: self.state.name(),
            at: now,
            attempt: self.attempts,
            details,
        });
    }
}

/// See [`Job::neglected`].
fn neglected(state: &JobState, resend_at: Option<Timestamp>, now: Timestamp) -> Duration {
    let due = match state {
        JobState::Pending { .. } => resend_at,
        JobState::Running { lease, .. } => Some(lease.until),
        JobState::Finished | JobState::Error(_) | JobState::Abandoned(_) | JobState::Canceled => {
            None
        }
    };
    let late = due.map_or(Duration::ZERO, |due| elapsed(now, due));
    if late > PRUNE_LATE {
        late
    } else {
        Duration::ZERO
    }
}
