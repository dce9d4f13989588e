//! A spawned process group: its signals, its CPU time, and its certain end.

use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

/// Length of the ticks in `/proc/PID/stat`: `USER_HZ` is 100 on every architecture we run on.
const TICK: Duration = Duration::from_millis(10);

/// Places of `pgrp`, `utime` and `stime` among the fields of `/proc/PID/stat` that follow the command's name (`proc(5)`).
const PGRP: usize = 2;
const UTIME: usize = 11;
const STIME: usize = 12;

/// A child that leads a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub(super) struct Group(Child);

impl Group {
    /// Takes over a child that was spawned with `process_group(0)`.
    pub(super) fn new(leader: Child) -> Self {
        Self(leader)
    }

    /// Waits for the leader, which takes the rest of the group with it.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }

    /// Sends a signal to every process in the group, unless the leader has been waited for.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.id() {
            // There may be none left to signal; the wait will tell.
            killpg(Pid::from_raw(group), signal).ok();
        }
    }

    /// User and system time of the group's living processes; nothing where `/proc` does not tell.
    pub(super) fn cpu_time(&self) -> Duration {
        let Some(group) = self.id() else {
            return Duration::ZERO;
        };
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return Duration::ZERO;
        };
        processes
            .filter_map(Result::ok)
            .filter_map(|process| stat_of(&process.path()))
            .filter(|(pgrp, _)| *pgrp == group)
            .map(|(_, cpu)| cpu)
            .sum()
    }

    /// The group's id, as long as it is certainly this group's: until its leader has been waited for.
    fn id(&self) -> Option<i32> {
        self.0.id().and_then(|id| i32::try_from(id).ok())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// The process group and the CPU time of the process with this folder in `/proc`.
fn stat_of(process: &Path) -> Option<(i32, Duration)> {
    let name = process.file_name()?.to_str()?;
    if !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    parse_stat(&std::fs::read(process.join("stat")).ok()?)
}

/// The name stands in parentheses and may hold any byte, so the fields are counted from the last parenthesis.
fn parse_stat(stat: &[u8]) -> Option<(i32, Duration)> {
    let after_name = stat.rsplit(|byte| *byte == b')').next()?;
    let mut fields = std::str::from_utf8(after_name)
        .ok()?
        .split_ascii_whitespace();
    let pgrp = fields.nth(PGRP)?.parse().ok()?;
    let utime: u32 = fields.nth(UTIME - PGRP - 1)?.parse().ok()?;
    let stime: u32 = fields.nth(STIME - UTIME - 1)?.parse().ok()?;
    Some((pgrp, TICK * utime.checked_add(stime)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_does_not_shift_the_fields() {
        let stat = b"17 (a) R 1 99 \xff) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 1 0 1 1 1";
        assert_eq!(parse_stat(stat), Some((42, TICK * 12)));
    }

    #[test]
    fn a_cut_stat_is_nothing() {
        assert_eq!(parse_stat(b"17 (ffmpeg) S 1 42 42 0"), None);
        assert_eq!(parse_stat(b""), None);
    }
}
