//! The deadlines of one program, and what is done at each: it is asked to end, killed, given up.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::Instant;

use super::Patience;
use super::group::Group;
use super::stall::StallClock;

/// Patience beyond this is cut to it, so that adding it to the present cannot overflow.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// Why a program was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Canceled,
    Stalled,
    TimedOut,
}

/// How far the end of a program has come.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Running,
    /// It was asked to end.
    Asked {
        stop: Stop,
        kill_at: Instant,
    },
    /// It was killed. If even that does not help, it is stuck in the kernel and no longer waited for.
    Killed {
        stop: Stop,
        leave_at: Instant,
    },
}

/// The clocks of one program.
#[derive(Debug)]
pub(super) struct Clocks {
    grace: Duration,
    wall: Instant,
    stall: StallClock,
    phase: Phase,
}

impl Clocks {
    /// Starts at `now`.
    pub(super) fn new(patience: Patience, now: Instant) -> Self {
        Self {
            grace: patience.grace.min(LONGEST),
            wall: now + patience.wall.min(LONGEST),
            stall: StallClock::new(patience.stall.min(LONGEST), now),
            phase: Phase::Running,
        }
    }

    /// Whether the program has not been asked to end yet.
    pub(super) fn running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// Why the program was ended, if it was.
    pub(super) fn stopped(&self) -> Option<Stop> {
        match self.phase {
            Phase::Running => None,
            Phase::Asked { stop, .. } | Phase::Killed { stop, .. } => Some(stop),
        }
    }

    /// Notes that the program got on.
    pub(super) fn advanced(&mut self) {
        self.stall.advanced();
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Instant {
        match self.phase {
            Phase::Running => self.wall.min(self.stall.next_check()),
            Phase::Asked { kill_at, .. } => kill_at,
            Phase::Killed { leave_at, .. } => leave_at,
        }
    }

    /// Does what is due at [`Clocks::next`]; answers whether to wait no longer.
    pub(super) fn ring(&mut self, group: &Group) -> bool {
        let now = Instant::now();
        match self.phase {
            Phase::Running if now >= self.wall => self.stop(group, Stop::TimedOut),
            Phase::Running => {
                if self.stall.check(now, group.cpu_time()) {
                    self.stop(group, Stop::Stalled);
                }
            }
            Phase::Asked { stop, .. } => {
                group.signal(Signal::SIGKILL);
                let leave_at = now + self.grace;
                self.phase = Phase::Killed { stop, leave_at };
            }
            Phase::Killed { .. } => return true,
        }
        false
    }

    /// Asks the program to end, and gives it the grace time to do so.
    pub(super) fn stop(&mut self, group: &Group, stop: Stop) {
        group.signal(Signal::SIGTERM);
        let kill_at = Instant::now() + self.grace;
        self.phase = Phase::Asked { stop, kill_at };
    }
}
