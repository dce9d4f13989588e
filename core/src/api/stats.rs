//! What a system did lately, in figures: what waits, what ended, how long jobs waited, what they took.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Timings;
use crate::{
    job::{Job, JobOutline, StateName},
    lease::elapsed,
};

/// Figures of the jobs that were submitted within a window, and of what waits and runs now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatsView {
    /// Seconds that the window reaches back.
    pub window_seconds: u64,
    /// Whether all jobs of the window were counted; if there are very many, the newest are.
    pub complete: bool,
    /// Jobs that wait now, whenever they were submitted.
    pub waiting: usize,
    /// Jobs that are worked on now.
    pub running: usize,
    /// Seconds for which the oldest waiting job has waited since it was submitted.
    pub oldest_waiting_seconds: Option<f64>,
    /// Jobs that were submitted.
    pub submitted: usize,
    /// Of those: jobs that are done.
    pub finished: usize,
    /// Jobs that failed, or were given up.
    pub failed: usize,
    /// Jobs that were canceled.
    pub canceled: usize,
    /// Jobs done in an hour, on the whole.
    pub finished_per_hour: f64,
    /// Seconds from submission to the first claim: half of those that were claimed waited no longer.
    pub wait_p50_seconds: Option<f64>,
    /// The same of 95 in 100.
    pub wait_p95_seconds: Option<f64>,
    /// Hours that FFmpeg ran.
    pub encode_hours: f64,
    /// Hours of media in the sources of jobs that are done.
    pub source_hours: f64,
    /// US dollars; absent if a price is not known.
    pub usd: Option<f64>,
}

impl StatsView {
    /// Counts the jobs of a window, and those that have not ended.
    pub fn new(
        recent: &[Job],
        unfinished: &[JobOutline],
        window: Duration,
        now: Timestamp,
    ) -> Self {
        let in_state = |state| {
            recent
                .iter()
                .filter(|job| job.state.name() == state)
                .count()
        };
        let (running, waiting): (Vec<_>, Vec<_>) = unfinished
            .iter()
            .partition(|job| job.state.lease().is_some());
        let finished = in_state(StateName::Finished);
        let mut waits: Vec<f64> = recent
            .iter()
            .filter_map(|job| Some(seconds(job.started_at?, job.created_at)))
            .collect();
        waits.sort_by(f64::total_cmp);
        let done = recent
            .iter()
            .filter(|job| job.state.name() == StateName::Finished);
        let sources: f64 = done.filter_map(|job| job.report.source_seconds).sum();
        let encoding: f64 = recent
            .iter()
            .map(|job| Timings::of(&job.history).encode)
            .sum();
        Self {
            window_seconds: window.as_secs(),
            complete: true,
            waiting: waiting.len(),
            running: running.len(),
            oldest_waiting_seconds: waiting
                .iter()
                .map(|job| seconds(now, job.created_at))
                .max_by(f64::total_cmp),
            submitted: recent.len(),
            finished,
            failed: in_state(StateName::Error) + in_state(StateName::Abandoned),
            canceled: in_state(StateName::Canceled),
            finished_per_hour: count(finished) / (window.as_secs_f64() / 3_600.0),
            wait_p50_seconds: percentile(&waits, 50),
            wait_p95_seconds: percentile(&waits, 95),
            encode_hours: encoding / 3_600.0,
            source_hours: sources / 3_600.0,
            usd: recent.iter().map(|job| job.cost.usd(now)).sum(),
        }
    }
}

fn seconds(later: Timestamp, earlier: Timestamp) -> f64 {
    elapsed(later, earlier).as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of jobs is far below 2^52"
)]
fn count(number: usize) -> f64 {
    number as f64
}

/// The smallest of these sorted figures that so many in a hundred do not exceed.
fn percentile(sorted: &[f64], share: usize) -> Option<f64> {
    let place = (sorted.len() * share).div_ceil(100);
    sorted.get(place.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{job::JobState, lease::later, testing::job};

    #[test]
    fn jobs_are_counted_by_what_became_of_them() {
        let hour = Duration::from_secs(3_600);
        let jobs: Vec<Job> = (1..=20)
            .map(|number| {
                let mut job = job(&json!({}));
                job.started_at = Some(later(job.created_at, Duration::from_secs(number)));
                job.state = JobState::Finished;
                job.report.source_seconds = Some(1_800.0);
                job
            })
            .collect();
        let now = later(jobs[0].created_at, hour);
        let mut waiting = job(&json!({}));
        waiting.started_at = None;
        let stats = StatsView::new(&jobs, &[JobOutline::from(&waiting)], hour * 2, now);
        assert_eq!(
            (stats.submitted, stats.finished, stats.waiting),
            (20, 20, 1)
        );
        assert_eq!(stats.oldest_waiting_seconds, Some(3_600.0));
        assert!((stats.finished_per_hour - 10.0).abs() < 1e-9);
        assert_eq!(
            (stats.wait_p50_seconds, stats.wait_p95_seconds),
            (Some(10.0), Some(19.0))
        );
        assert!((stats.source_hours - 10.0).abs() < 1e-9);
        assert_eq!(stats.usd, Some(0.0));
    }

    #[test]
    fn nothing_is_no_figure_and_one_unknown_price_makes_the_sum_unknown() {
        let now = Timestamp::UNIX_EPOCH;
        let none = StatsView::new(&[], &[], Duration::from_secs(60), now);
        assert_eq!((none.wait_p50_seconds, none.usd), (None, Some(0.0)));
        let mut unpriced = job(&json!({}));
        unpriced.cost.unpriced = true;
        let stats = StatsView::new(
            &[job(&json!({})), unpriced],
            &[],
            Duration::from_secs(60),
            now,
        );
        assert_eq!(stats.usd, None);
    }
}
