//! When the fleet stood still: paused, or over its budget. Time in which a waiting job is not to blame for silence.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lease::elapsed;

/// How many times are remembered. When there are more, the two oldest become one, the time between them included:
/// a job is rather given up too late than too early.
const REMEMBERED: usize = 16;

/// Times in which nobody was meant to work on jobs, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standstill {
    /// Those that are over: from, until.
    pub past: Vec<(Timestamp, Timestamp)>,
    /// When the present one began.
    pub since: Option<Timestamp>,
}

impl Standstill {
    /// It stands still from now on, unless it does already.
    pub fn begin(&mut self, now: Timestamp) {
        self.since.get_or_insert(now);
    }

    /// It goes on.
    pub fn end(&mut self, now: Timestamp) {
        let Some(since) = self.since.take() else {
            return;
        };
        self.past.push((since, now.max(since)));
        if self.past.len() > REMEMBERED {
            let (from, _) = self.past.remove(0);
            if let Some(oldest) = self.past.first_mut() {
                oldest.0 = from;
            }
        }
    }

    /// How long nothing was heard since `heard_at`, without the time in which nothing could be.
    pub fn silence(&self, heard_at: Timestamp, now: Timestamp) -> Duration {
        let present = self.since.map(|since| (since, now));
        let still: Duration = self
            .past
            .iter()
            .copied()
            .chain(present)
            .map(|(from, until)| elapsed(until.min(now), from.max(heard_at)))
            .sum();
        elapsed(now, heard_at).saturating_sub(still)
    }
}
