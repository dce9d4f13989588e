//! What becomes of a notification: when it is tried, and what came of that.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Pauses before each attempt, from the one before: the schedule of the Standard Webhooks specification.
pub(super) const SCHEDULE: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
    Duration::from_secs(10 * 3_600),
];

/// Status that says: this address will never want it again (RFC 9110, 15.5.11).
pub(super) const GONE: u16 = 410;

/// What has become of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DeliveryStatus {
    /// Not delivered yet.
    Due,
    /// The receiver answered with success.
    Delivered,
    /// Every attempt failed, or the receiver said that it is gone.
    Failed,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The first KB of the answer's body, or why there was none.
    pub excerpt: String,
    /// Milliseconds until the answer, or until it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Seconds for which the receiver asked to be left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Answer {
    /// Whether the receiver wants to hear nothing any more (RFC 9110, 15.5.11).
    pub fn is_gone(&self) -> bool {
        self.status == Some(GONE)
    }
}

/// The pause after so many attempts; none after the last.
pub(super) fn pause_after(attempts: u32) -> Option<Duration> {
    let made = usize::try_from(attempts).ok()?;
    SCHEDULE.get(made).copied()
}
