//! What the recent jobs of an encoder taught about how long jobs take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Weight of the newest job in the moving averages: some ten jobs are remembered.
const NEWEST: f64 = 0.2;

/// The most that one job may pull at the pace, as a factor in either direction: an estimate can be absurd.
const PACE_LIMIT: f64 = 100.0;

/// Moving averages over finished jobs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkAverage {
    /// How many jobs are in it.
    pub jobs: u32,
    /// Seconds on one job slot.
    pub seconds: f64,
    /// Time taken over time estimated: below one on a machine faster than the estimate's.
    pub pace: f64,
}

impl WorkAverage {
    /// The averages with one more finished job.
    #[must_use]
    pub fn with(before: Option<Self>, taken: Duration, estimated: Option<Duration>) -> Self {
        let seconds = taken.as_secs_f64();
        let pace = estimated
            .filter(|estimated| !estimated.is_zero())
            .map(|estimated| {
                (seconds / estimated.as_secs_f64()).clamp(1.0 / PACE_LIMIT, PACE_LIMIT)
            });
        let Some(before) = before else {
            return Self {
                jobs: 1,
                seconds,
                pace: pace.unwrap_or(1.0),
            };
        };
        let moved = |old: f64, new: f64| old + NEWEST * (new - old);
        Self {
            jobs: before.jobs.saturating_add(1),
            seconds: moved(before.seconds, seconds),
            pace: pace.map_or(before.pace, |pace| moved(before.pace, pace)),
        }
    }

    /// One average of several encoders', each weighed by its jobs; none of none.
    pub fn merged(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().filter(|one| one.jobs > 0).reduce(|a, b| {
            let (x, y) = (f64::from(a.jobs), f64::from(b.jobs));
            let mean = |left: f64, right: f64| (left * x + right * y) / (x + y);
            Self {
                jobs: a.jobs.saturating_add(b.jobs),
                seconds: mean(a.seconds, b.seconds),
                pace: mean(a.pace, b.pace),
            }
        })
    }

    /// The mean time of a job on one slot.
    pub fn mean(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.seconds).ok()
    }
}
