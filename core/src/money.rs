//! What work costs: prices of instances, the cost of a job, of a month, and estimates before anything runs.
//!
//! A price that is not known makes a cost unknown, never zero. Nothing here stops anything: limits are the planner's and the job's.

mod estimate;
mod job_cost;
mod prices;
mod spend;
mod work;

pub use estimate::{JobShape, slot_time};
pub use job_cost::{JobCost, Meter};
pub use prices::{LOCAL_TYPE, Market, PriceSettings, list_date};
pub use spend::{Billed, Spend};
pub use work::WorkAverage;

use std::time::Duration;

/// What `time` costs at a price for an hour, both in US dollars.
pub fn usd_for(time: Duration, usd_per_hour: f64) -> f64 {
    time.as_secs_f64() / 3_600.0 * usd_per_hour
}

#[cfg(test)]
mod tests;
