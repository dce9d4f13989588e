//! Jobs for tests.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::{
    id::{InstanceId, JobId},
    job::{Applied, Event, Job, Report},
    lease::LeaseToken,
    sealed::SealedSecrets,
    spec::{JobSpec, SpecRules, parse_v1},
};

/// How long leases last in tests.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// So many seconds into the tests' time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

pub(crate) fn instance(name: &str) -> InstanceId {
    name.parse().unwrap()
}

/// A spec with these fields besides the required ones.
pub(crate) fn spec(more: &serde_json::Value) -> JobSpec {
    let mut body = json!({"source_path": "s3://in-bucket/a.mov", "dest_path": "s3://out-bucket/a.mp4", "preset": "copy"});
    let body_map = body.as_object_mut().unwrap();
    for (key, value) in more.as_object().unwrap() {
        // Null takes a field away.
        match value {
            serde_json::Value::Null => body_map.remove(key),
            value => body_map.insert(key.clone(), value.clone()),
        };
    }
    parse_v1(&body, &SpecRules::default()).unwrap().spec
}

/// A new job at time 0.
pub(crate) fn job(more: &serde_json::Value) -> Job {
    Job::new(
        JobId::from_uuid(Uuid::from_u128(1)),
        spec(more),
        SealedSecrets::default(),
        at(0),
    )
}

pub(crate) fn claim(by: &str) -> Event {
    Event::Claim {
        instance: instance(by),
        lease: LEASE,
        margin: Duration::ZERO,
        slot_hour_usd: Some(0.36),
    }
}

/// The token of the lease that is valid now.
pub(crate) fn token(job: &Job) -> LeaseToken {
    job.state.lease().unwrap().token.clone()
}

/// Applies an event that must change the job.
pub(crate) fn change(job: &mut Job, event: Event, now: Timestamp) -> Vec<crate::job::Effect> {
    let asked = format!("{event:?}");
    match job.apply(event, now) {
        Applied::Changed(effects) => effects,
        other => panic!("{asked}: {other:?}"),
    }
}

/// A job that `by` holds, at the stage of this name.
pub(crate) fn job_at(stage: &str, by: &str) -> Job {
    let mut job = job(&json!({}));
    change(&mut job, claim(by), at(0));
    let token = token(&job);
    let steps = [
        (
            "encoding",
            Event::Encode {
                token: token.clone(),
                report: Box::new(Report::default()),
            },
        ),
        (
            "uploading",
            Event::Upload {
                token: token.clone(),
                warnings: Vec::new(),
            },
        ),
        (
            "publishing",
            Event::Publish {
                token: token.clone(),
                lease: LEASE,
            },
        ),
        (
            "finished",
            Event::Finish {
                token,
                outputs: Vec::new(),
            },
        ),
    ];
    if stage != "downloading" {
        for (reached, event) in steps {
            change(&mut job, event, at(0));
            if reached == stage {
                break;
            }
        }
    }
    job
}
