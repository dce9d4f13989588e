//! Processes by pid and start time: a pid alone may name another process by now.

use std::{fs, time::Duration};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

/// One process of this machine, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// Clock ticks from boot to its start, as `/proc/PID/stat` tells.
    pub(crate) started: i64,
}

impl Process {
    /// The living process with this pid.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold blanks and parentheses itself; what follows the last one is regular.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        // A zombie has ended; it only waits for its parent to look.
        let state = fields.next().filter(|state| !matches!(*state, "Z" | "X"))?;
        debug_assert_eq!(state.len(), 1, "proc(5): field 3 is one letter");
        // Field 22, where the state is field 3.
        let started = fields.nth(18)?.parse().ok()?;
        Some(Self { pid, started })
    }

    /// Whether it lives still.
    pub(crate) fn alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Asks it to end with this signal, and ends its group the hard way after `grace`.
    pub(crate) async fn end(self, ask: Signal, grace: Duration) {
        if !self.alive() {
            return;
        }
        let pid = Pid::from_raw(self.pid);
        signal(kill(pid, ask), self);
        let begun = tokio::time::Instant::now();
        while self.alive() && begun.elapsed() < grace {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if self.alive() {
            signal(killpg(pid, Signal::SIGKILL), self);
        }
    }
}

fn signal(sent: Result<(), Errno>, to: Process) {
    match sent {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(pid = to.pid, %error, "a process could not be signaled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_another_with_its_pid() {
        let own = Process::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.alive());
        assert!(
            !Process {
                started: own.started + 1,
                ..own
            }
            .alive()
        );
        assert_eq!(Process::of(-1), None);
    }
}
