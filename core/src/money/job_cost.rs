//! The cost of one job: the share of an instance that its leases took, all attempts together.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::usd_for;
use crate::lease::elapsed;

/// What a job has cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobCost {
    /// US dollars of the leases that ended.
    pub settled_usd: f64,
    /// Some of them had no known price: the sum is not known either.
    pub unpriced: bool,
    /// The lease that lasts.
    pub running: Option<Meter>,
}

/// A lease that is being paid for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meter {
    /// When it began.
    pub since: Timestamp,
    /// US dollars an hour for one job slot; none if the price is not known.
    #[serde(default)]
    pub slot_hour_usd: Option<f64>,
}

impl JobCost {
    /// A lease begins. One that lasted until now ends.
    pub(crate) fn start(&mut self, slot_hour_usd: Option<f64>, now: Timestamp) {
        self.running = Some(Meter {
            since: now,
            slot_hour_usd,
        });
    }

    /// The lease ended, or is known to have ended by then.
    pub(crate) fn stop(&mut self, at: Timestamp) {
        let Some(meter) = self.running.take() else {
            return;
        };
        match meter.usd(at) {
            Some(usd) => self.settled_usd += usd,
            None => self.unpriced = true,
        }
    }

    /// US dollars so far; none if a price is not known.
    pub fn usd(&self, now: Timestamp) -> Option<f64> {
        if self.unpriced {
            return None;
        }
        let running = match &self.running {
            Some(meter) => meter.usd(now)?,
            None => 0.0,
        };
        Some(self.settled_usd + running)
    }
}

impl Meter {
    fn usd(&self, until: Timestamp) -> Option<f64> {
        self.slot_hour_usd
            .map(|usd| usd_for(elapsed(until, self.since), usd))
    }
}
