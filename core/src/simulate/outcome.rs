//! What came of a simulation: money, waits, and the fleet over time.

use std::time::Duration;

/// What a policy did with a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The work-conservation bound, in slot time.
    pub work: Duration,
    /// What was billed, in slot time: machine time by the slots of a machine.
    pub billed: Duration,
    /// From submit to first start, sorted. A job that never started waited to the end.
    pub waits: Vec<Duration>,
    /// Jobs not finished when the simulation gave up.
    pub unfinished: usize,
    /// Launches that were made.
    pub launches: u32,
    /// Launches that were refused.
    pub refused: u32,
    /// Machines that spot interruptions took.
    pub interruptions: u32,
    /// Jobs that lost their machine and began again.
    pub restarts: u32,
    /// How many machines lived from each moment on.
    pub curve: Vec<(Duration, u32)>,
}

impl Outcome {
    /// Cost over the work-conservation bound: 1 is perfect. Zero when there was no work.
    pub fn cost_over_work(&self) -> f64 {
        if self.work.is_zero() {
            return 0.0;
        }
        self.billed.div_duration_f64(self.work)
    }

    /// The wait that `percent` of the jobs do not exceed.
    pub fn wait(&self, percent: usize) -> Duration {
        let rank = (self.waits.len() * percent.min(100)).div_ceil(100);
        self.waits
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// The most machines that lived at once.
    pub fn peak(&self) -> u32 {
        self.curve.iter().map(|&(_, live)| live).max().unwrap_or(0)
    }
}
