//! What failed launches teach: instances that never report open a breaker, refusals by the cloud make us wait.
//!
//! Pure bookkeeping inside the fleet record. It limits launches and never ends an instance.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Hold;

/// Launches allowed on trust, while no instance has reported yet. As the breaker then opens for an hour, an image
/// that never boots is launched three times in any hour at most.
pub const UNPROVEN_LAUNCHES: u32 = 3;

/// How long the breaker stays open after an instance that never reported.
const OPEN_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The first pause after a refused launch. Ten seconds is the most often that a refusing cloud may be asked.
pub const LAUNCH_RETRY_MIN: Duration = Duration::from_secs(10);

/// The longest pause between refused launches: capacity comes back within minutes more often than not.
pub const LAUNCH_RETRY_MAX: Duration = Duration::from_mins(5);

/// The most of a refusal that is kept, in characters.
const ERROR_LIMIT: usize = 300;

/// Whether instances that we launch come up.
///
/// Unproven until the first report, then trusted; open after three in a row that never reported, and then one
/// launch an hour is tried until an instance reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Breaker {
    /// An instance has reported since the breaker last opened.
    pub proven: bool,
    /// Instances in a row that were launched and never reported.
    pub silent: u32,
    /// No launch before this time.
    pub open_until: Option<Timestamp>,
}

impl Breaker {
    /// An instance reported: whatever was wrong is over.
    pub(super) fn reported(&mut self) {
        *self = Self {
            proven: true,
            silent: 0,
            open_until: None,
        };
    }

    /// An instance ended without ever reporting.
    pub(super) fn never_reported(&mut self, now: Timestamp) {
        self.silent = self.silent.saturating_add(1);
        if self.silent >= UNPROVEN_LAUNCHES {
            self.proven = false;
            self.open_until = Some(now.saturating_add(OPEN_FOR).unwrap_or(Timestamp::MAX));
        }
    }

    /// The limit on launches while `unreported` instances are on their way.
    pub(super) fn hold(&self, unreported: u32, now: Timestamp) -> Option<Hold> {
        if self.proven {
            return None;
        }
        let (trust, because) = match self.open_until {
            Some(until) if until > now => (
                0,
                format!(
                    "as {} instances in a row never reported; next try at {until}",
                    self.silent
                ),
            ),
            Some(_) => (
                1,
                format!(
                    "to one trial, as {} instances in a row never reported",
                    self.silent
                ),
            ),
            None => (
                UNPROVEN_LAUNCHES.saturating_sub(self.silent),
                format!("to {UNPROVEN_LAUNCHES} until an instance reports"),
            ),
        };
        Some(Hold {
            launches: trust.saturating_sub(unreported),
            because: format!("held {because}"),
        })
    }
}

/// Launches that the cloud refused: no capacity, no quota, too many calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refusals {
    /// Refused runs of scale in a row.
    pub count: u32,
    /// No launch before this time.
    pub retry_at: Option<Timestamp>,
    /// What the cloud said last, cut to a few hundred characters.
    pub last_error: String,
}

impl Refusals {
    /// A launch was refused. Several refusals of one run count once.
    pub(super) fn refused(&mut self, error: &str, now: Timestamp) {
        self.last_error = error.chars().take(ERROR_LIMIT).collect();
        if self.retry_at.is_some_and(|at| at > now) {
            return;
        }
        let doubled = LAUNCH_RETRY_MIN.saturating_mul(1 << self.count.min(8));
        self.count = self.count.saturating_add(1);
        let pause = doubled.min(LAUNCH_RETRY_MAX);
        self.retry_at = Some(now.saturating_add(pause).unwrap_or(Timestamp::MAX));
    }

    /// A launch was accepted: the next refusal starts with a short pause again. A pause that lasts is kept, as
    /// another launch of the same run may have been refused.
    pub(super) fn accepted(&mut self) {
        self.count = 0;
    }

    /// The limit on launches while a pause lasts.
    pub(super) fn hold(&self, now: Timestamp) -> Option<Hold> {
        let at = self.retry_at.filter(|&at| at > now)?;
        Some(Hold {
            launches: 0,
            because: format!(
                "held as a launch was refused ({}); next try at {at}",
                self.last_error
            ),
        })
    }
}
