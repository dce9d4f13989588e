//! How much work jobs are, as far as their records tell: what the planner weighs. Reads records, plans nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::WaitingJob;
use crate::{
    job::{Job, JobOutline, JobState, StateChange, StateName},
    lease::elapsed,
    money::{JobShape, WorkAverage, slot_time},
    output::OutputSpec,
    spec::PassSpec,
};

/// Time from the end of the last pass to the end of the job: a guess for delivery.
const DELIVERY: Duration = Duration::from_secs(2);

/// The waiting job, if it waits and is not cooling off.
pub fn waiting_job(
    job: &JobOutline,
    average: Option<&WorkAverage>,
    now: Timestamp,
) -> Option<WaitingJob> {
    match &job.state {
        // A job that cools off needs no encoder yet.
        JobState::Pending { not_before } if not_before.is_none_or(|until| until <= now) => {
            Some(WaitingJob {
                work: expected_work(job, average),
                since: job.changed_at,
            })
        }
        JobState::Pending { .. }
        | JobState::Running { .. }
        | JobState::Finished
        | JobState::Error(_)
        | JobState::Abandoned(_)
        | JobState::Canceled => None,
    }
}

/// Time on one job slot: by the model, corrected by the pace of recent jobs.
pub fn expected_work(job: &JobOutline, average: Option<&WorkAverage>) -> Option<Duration> {
    let pace = average.map_or(1.0, |average| average.pace);
    Duration::try_from_secs_f64(job.modeled_work?.as_secs_f64() * pace).ok()
}

/// Time on one job slot, from the source's length, once it was probed or if the caller told: what the pace is measured against.
pub(crate) fn modeled_work(
    media_seconds: Option<f64>,
    passes: &[PassSpec],
    outputs: &[OutputSpec],
) -> Option<Duration> {
    Some(slot_time(&JobShape {
        passes,
        outputs,
        media_seconds: media_seconds?,
        height: None,
    }))
}

/// How long a running job still needs: by its encoder's word, else by what was expected of it and how long it has run.
pub fn remaining_work(
    job: &JobOutline,
    average: Option<&WorkAverage>,
    now: Timestamp,
) -> Option<Duration> {
    if let Some(seconds) = job.eta_seconds {
        return Some(Duration::from_secs(seconds).saturating_add(DELIVERY));
    }
    let whole = expected_work(job, average).or_else(|| average.and_then(WorkAverage::mean))?;
    Some(whole.saturating_sub(elapsed(now, job.claimed_at?)))
}

/// When the newest attempt was claimed.
pub(crate) fn claimed_at(history: &[StateChange]) -> Option<Timestamp> {
    let claimed = |change: &&StateChange| change.state == StateName::Downloading;
    Some(history.iter().rev().find(claimed)?.at)
}

/// How long the newest attempt has lasted, or lasted until the job ended.
pub fn attempt_time(job: &Job, now: Timestamp) -> Option<Duration> {
    Some(elapsed(
        job.ended_at.unwrap_or(now),
        claimed_at(&job.history)?,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        job::{Event, Report},
        progress::Progress,
        testing::{at, change, claim, job, token},
    };

    const AVERAGE: WorkAverage = WorkAverage {
        jobs: 5,
        seconds: 100.0,
        pace: 2.0,
    };

    #[test]
    fn work_is_unknown_before_the_probe_unless_the_caller_tells_the_length() {
        let unknown = job(&json!({}));
        assert_eq!(
            expected_work(&JobOutline::from(&unknown), Some(&AVERAGE)),
            None
        );
        assert_eq!(
            waiting_job(&JobOutline::from(&unknown), None, at(0)).map(|job| job.work),
            Some(None)
        );
        let told = job(&json!({"duration_seconds": 600}));
        let work = expected_work(&JobOutline::from(&told), None).unwrap();
        assert_eq!(
            expected_work(&JobOutline::from(&told), Some(&AVERAGE)),
            Some(work * 2),
            "twice the pace of the model"
        );
    }

    #[test]
    fn the_probe_of_an_earlier_attempt_is_remembered() {
        let mut job = job(&json!({"duration_seconds": 10}));
        change(&mut job, claim("a"), at(0));
        let token = token(&job);
        let report = Report {
            source_seconds: Some(600.0),
            ..Report::default()
        };
        let encode = Event::Encode {
            token: token.clone(),
            report: Box::new(report),
        };
        change(&mut job, encode, at(1));
        let release = Event::Release {
            token,
            reason: "a spot notice".to_owned(),
        };
        change(&mut job, release, at(5));
        let longer = waiting_job(&JobOutline::from(&job), None, at(5))
            .unwrap()
            .work
            .unwrap();
        job.report.source_seconds = None;
        assert!(longer > expected_work(&JobOutline::from(&job), None).unwrap());
    }

    #[test]
    fn a_running_job_needs_what_its_encoder_says_or_the_rest_of_what_is_usual() {
        let mut job = job(&json!({}));
        change(&mut job, claim("a"), at(0));
        assert_eq!(remaining_work(&JobOutline::from(&job), None, at(30)), None);
        assert_eq!(
            remaining_work(&JobOutline::from(&job), Some(&AVERAGE), at(30)),
            Some(Duration::from_secs(70))
        );
        assert_eq!(
            remaining_work(&JobOutline::from(&job), Some(&AVERAGE), at(300)),
            Some(Duration::ZERO)
        );
        job.progress = Some(Progress {
            pass: 1,
            passes: 1,
            percent: 50.0,
            fps: None,
            speed: None,
            eta_seconds: Some(10),
        });
        assert_eq!(
            remaining_work(&JobOutline::from(&job), Some(&AVERAGE), at(300)),
            Some(Duration::from_secs(12))
        );
    }
}
