//! What the fleet has cost in the present month, metered from run to run.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::usd_for;
use crate::lease::elapsed;

/// The cost of one calendar month (UTC), up to the last run that looked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spend {
    /// The month, as `2026-11`.
    pub month: String,
    /// US dollars of the time that has a price.
    pub usd: f64,
    /// Seconds of instances whose price is not known.
    pub unpriced_seconds: f64,
    /// Until when instances were metered; none before the first.
    pub metered_at: Option<Timestamp>,
}

/// An instance and the time for which it is billed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Billed {
    /// From when.
    pub from: Timestamp,
    /// Until when; now, for one that lives.
    pub until: Timestamp,
    /// Its price in US dollars; none if it is not known.
    pub usd_per_hour: Option<f64>,
}

impl Spend {
    /// Adds what these instances have cost since the last look. Looking twice at the same moment adds nothing, and no instances
    /// change nothing.
    pub fn meter(&mut self, billed: &[Billed], now: Timestamp) {
        let (month, begun) = month_of(now);
        let since = self.metered_at.unwrap_or(Timestamp::MIN).max(begun);
        let time = |one: &Billed| elapsed(one.until.min(now), one.from.max(since));
        if billed.iter().all(|one| time(one) == Duration::ZERO) {
            return;
        }
        if self.month != month {
            *self = Self {
                month,
                ..Self::default()
            };
        }
        for one in billed {
            match one.usd_per_hour {
                Some(usd) => self.usd += usd_for(time(one), usd),
                None => self.unpriced_seconds += time(one).as_secs_f64(),
            }
        }
        self.metered_at = Some(now);
    }

    /// US dollars since the month of `now` began; none if some of it has no known price.
    pub fn month_to_date_usd(&self, now: Timestamp) -> Option<f64> {
        if self.month != month_of(now).0 {
            return Some(0.0);
        }
        (self.unpriced_seconds <= 0.0).then_some(self.usd)
    }
}

/// The name of a moment's month, and when that began.
fn month_of(now: Timestamp) -> (String, Timestamp) {
    let day = now.to_zoned_datetime(TimeZone::UTC).date();
    let begun = day.first_of_month().to_zoned_datetime(TimeZone::UTC);
    let begun = begun.map_or(Timestamp::MIN, |zoned| zoned.timestamp());
    (format!("{:04}-{:02}", day.year(), day.month()), begun)
}
