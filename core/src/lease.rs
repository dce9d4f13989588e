//! The right to work on a job: bound to a time, to one instance and to an epoch that only grows.
//!
//! A lease decides who may write; it never decides what the work is.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::InstanceId;

/// How far the clocks of different machines may disagree. Those of EC2 and Lambda agree to milliseconds; one's own machine may not.
pub const CLOCK_MARGIN: Duration = Duration::from_secs(30);

/// Proof of a lease. Whoever holds an older one has lost the job, whatever its clock says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeaseToken {
    /// The job's epoch when the lease was taken; each claim adds one.
    pub epoch: u64,
    /// Who took it.
    pub instance: InstanceId,
}

/// A time-bound right to work on a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// Proof for the holder.
    pub token: LeaseToken,
    /// When it ends unless a heartbeat extends it.
    pub until: Timestamp,
}

impl Lease {
    /// Whether the lease ended at least `margin` ago. The margin covers clocks that disagree.
    pub fn lapsed(&self, now: Timestamp, margin: Duration) -> bool {
        later(self.until, margin) <= now
    }
}

/// `at` plus `by`, stopping at the end of time rather than failing.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// How long ago `earlier` was at `now`; zero when it lies in the future.
pub fn elapsed(now: Timestamp, earlier: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lapses_only_after_its_end_and_the_margin() {
        let until = Timestamp::from_second(1_000).unwrap();
        let token = LeaseToken {
            epoch: 1,
            instance: "i-1".parse().unwrap(),
        };
        let lease = Lease { token, until };
        let margin = Duration::from_secs(30);
        assert!(!lease.lapsed(until, margin));
        assert!(!lease.lapsed(Timestamp::from_second(1_029).unwrap(), margin));
        assert!(lease.lapsed(Timestamp::from_second(1_030).unwrap(), margin));
    }

    #[test]
    fn time_arithmetic_stops_at_the_ends() {
        assert_eq!(
            later(Timestamp::MAX, Duration::from_secs(1)),
            Timestamp::MAX
        );
        let now = Timestamp::from_second(10).unwrap();
        assert_eq!(
            elapsed(now, Timestamp::from_second(20).unwrap()),
            Duration::ZERO
        );
    }
}
