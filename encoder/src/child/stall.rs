//! Decides when a program has stalled: it neither gets on nor works for as long as it is given.
//!
//! Both are needed. A slow filter may show no progress for minutes while it works; a blocked one does neither.
//! A program that spins without progress is ended by the limit on wall time.

use std::time::Duration;

use tokio::time::Instant;

/// The share of the window below which CPU time counts as idling: one part in this many.
///
/// A blocked ffmpeg still wakes twice a second to report, which takes about a tenth of that.
const IDLE_SHARE: u32 = 100;

/// How often a window is looked at; a stall is found at most this part of a window late.
const CHECKS_PER_WINDOW: u32 = 4;

/// Watches one program.
#[derive(Debug)]
pub(super) struct StallClock {
    window: Duration,
    quiet_since: Instant,
    cpu_then: Duration,
    advanced: bool,
    next_check: Instant,
}

impl StallClock {
    /// Starts at `now`, when no CPU time is used up.
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        Self {
            window,
            quiet_since: now,
            cpu_then: Duration::ZERO,
            advanced: false,
            next_check: now + window / CHECKS_PER_WINDOW,
        }
    }

    /// Notes that the program got on.
    pub(super) fn advanced(&mut self) {
        self.advanced = true;
    }

    /// When to look next.
    pub(super) fn next_check(&self) -> Instant {
        self.next_check
    }

    /// Looks at the CPU time used so far, and says whether the program has stalled.
    pub(super) fn check(&mut self, now: Instant, cpu: Duration) -> bool {
        self.next_check = now + self.window / CHECKS_PER_WINDOW;
        let worked = cpu.saturating_sub(self.cpu_then) > self.window / IDLE_SHARE;
        if worked || std::mem::take(&mut self.advanced) {
            self.quiet_since = now;
            self.cpu_then = cpu;
        }
        now.duration_since(self.quiet_since) >= self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const WINDOW: Duration = Duration::from_mins(2);

    /// Checks every 30 s what `at` says of that second, and answers when the stall was found.
    fn stalls_at(mut at: impl FnMut(&mut StallClock, u32) -> Duration) -> Option<u32> {
        let start = Instant::now();
        let mut clock = StallClock::new(WINDOW, start);
        (30..=1200).step_by(30).find(|second| {
            let cpu = at(&mut clock, *second);
            clock.check(start + SECOND * *second, cpu)
        })
    }

    #[test]
    fn silence_without_work_is_a_stall_after_one_window() {
        assert_eq!(stalls_at(|_, _| Duration::ZERO), Some(120));
    }

    #[test]
    fn work_without_progress_is_no_stall() {
        assert_eq!(stalls_at(|_, second| SECOND * second), None);
    }

    #[test]
    fn progress_without_work_is_no_stall() {
        let progress = |clock: &mut StallClock, _| {
            clock.advanced();
            Duration::ZERO
        };
        assert_eq!(stalls_at(progress), None);
    }

    #[test]
    fn a_window_begins_at_the_last_progress() {
        let until_300 = |clock: &mut StallClock, second| {
            if second <= 300 {
                clock.advanced();
            }
            Duration::ZERO
        };
        assert_eq!(stalls_at(until_300), Some(420));
    }

    #[test]
    fn waking_up_to_report_is_not_work() {
        let a_ms_a_second = |_: &mut StallClock, second| Duration::from_millis(u64::from(second));
        assert_eq!(stalls_at(a_ms_a_second), Some(120));
    }
}
