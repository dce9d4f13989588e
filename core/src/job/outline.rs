//! What scale, prune and the statistics look at of a job that has not ended. Of these there may be a hundred thousand at once, and
//! whole records of so many do not fit into a small machine.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Job, JobState, StateChange, neglected};
use crate::{
    fleet::{claimed_at, modeled_work},
    id::{JobId, KeyId},
    output::OutputSpec,
    progress::Progress,
    spec::PassSpec,
};

/// A job in outline. Reads from a stored [`Job`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Record")]
pub struct JobOutline {
    /// Its name.
    pub id: JobId,
    /// The API key that submitted it; none if the operator did.
    pub owner: Option<KeyId>,
    /// Where it stands.
    pub state: JobState,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When its state changed last.
    pub changed_at: Timestamp,
    /// When its newest attempt was claimed.
    pub claimed_at: Option<Timestamp>,
    /// When anything was last heard of it.
    pub heard_at: Timestamp,
    /// When prune puts it into the queue again.
    pub resend_at: Option<Timestamp>,
    /// How long its encoder says that it still needs, in seconds.
    pub eta_seconds: Option<u64>,
    /// Time on one job slot by the model, from the length of the source, once it was probed or if the caller told.
    pub modeled_work: Option<Duration>,
}

impl JobOutline {
    /// See [`Job::neglected`].
    pub fn neglected(&self, now: Timestamp) -> Duration {
        neglected(&self.state, self.resend_at, now)
    }
}

/// The fields of a stored job that its outline is made of. The others are passed over.
#[derive(Deserialize)]
struct Record {
    id: JobId,
    #[serde(default)]
    owner: Option<KeyId>,
    state: JobState,
    created_at: Timestamp,
    heard_at: Timestamp,
    #[serde(default)]
    resend_at: Option<Timestamp>,
    #[serde(default)]
    progress: Option<Progress>,
    #[serde(default)]
    history: Vec<StateChange>,
    spec: Asked,
    #[serde(default)]
    report: Found,
}

#[derive(Deserialize)]
struct Asked {
    passes: Vec<PassSpec>,
    #[serde(default)]
    outputs: Vec<OutputSpec>,
    #[serde(default)]
    duration_seconds: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Found {
    #[serde(default)]
    source_seconds: Option<f64>,
}

impl From<Record> for JobOutline {
    fn from(job: Record) -> Self {
        let media_seconds = job.report.source_seconds.or(job.spec.duration_seconds);
        Self {
            changed_at: job.history.last().map_or(job.created_at, |last| last.at),
            claimed_at: claimed_at(&job.history),
            eta_seconds: job.progress.and_then(|progress| progress.eta_seconds),
            modeled_work: modeled_work(media_seconds, &job.spec.passes, &job.spec.outputs),
            id: job.id,
            owner: job.owner,
            state: job.state,
            created_at: job.created_at,
            heard_at: job.heard_at,
            resend_at: job.resend_at,
        }
    }
}

impl From<&Job> for JobOutline {
    fn from(job: &Job) -> Self {
        let record = Record {
            id: job.id.clone(),
            owner: job.owner.clone(),
            state: job.state.clone(),
            created_at: job.created_at,
            heard_at: job.heard_at,
            resend_at: job.resend_at,
            progress: job.progress.clone(),
            history: job.history.clone(),
            spec: Asked {
                passes: job.spec.passes.clone(),
                outputs: job.spec.outputs.clone(),
                duration_seconds: job.spec.duration_seconds,
            },
            report: Found {
                source_seconds: job.report.source_seconds,
            },
        };
        record.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        job::Event,
        sealed::SealedSecrets,
        spec::{SpecRules, parse_v1},
    };

    #[test]
    fn the_outline_of_a_stored_job_is_that_of_the_job() {
        let body = json!({"source_path": "s3://in-bucket/a.mov", "dest_path": "s3://out-bucket/a.mp4",
            "preset": "web-mp4-720p", "duration_seconds": 60});
        let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
        let id = "job_1".parse().unwrap();
        let mut job = Job::new(id, spec, SealedSecrets::default(), Timestamp::UNIX_EPOCH);
        let read = |job: &Job| {
            let stored = serde_json::to_string(job).unwrap();
            serde_json::from_str::<JobOutline>(&stored).unwrap()
        };
        assert_eq!(read(&job), JobOutline::from(&job));
        assert!(read(&job).modeled_work.is_some());
        job.owner = Some("key_1".parse().unwrap());
        job.report.source_seconds = Some(30.0);
        let claim = Event::Claim {
            instance: "i-1".parse().unwrap(),
            lease: Duration::from_secs(60),
            margin: Duration::ZERO,
            slot_hour_usd: None,
        };
        let now = Timestamp::from_second(9).unwrap();
        job.apply(claim, now);
        job.progress = Some(Progress {
            pass: 1,
            passes: 1,
            percent: 50.0,
            fps: None,
            speed: None,
            eta_seconds: Some(7),
        });
        let outline = read(&job);
        assert_eq!(outline, JobOutline::from(&job));
        assert_eq!(outline.claimed_at, Some(now));
        assert_eq!(outline.eta_seconds, Some(7));
    }
}
