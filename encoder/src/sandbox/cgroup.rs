//! Reads which memory limit the service manager has put on this process. Never sets one.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Where version 2 of the control groups is mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// The memory limit of the control group of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cgroup {
    /// No control groups of version 2 here.
    Absent,
    /// Control groups, but no memory limit on this one or any above it.
    Unlimited,
    /// The lowest limit on this group and those above it, in bytes.
    Limited(u64),
}

/// The group of the current process.
pub(super) fn current() -> Cgroup {
    let Ok(own) = std::fs::read_to_string("/proc/self/cgroup") else {
        return Cgroup::Absent;
    };
    let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::/")) else {
        return Cgroup::Absent;
    };
    let group = Path::new(ROOT).join(path);
    if !group.join("cgroup.procs").exists() {
        return Cgroup::Absent;
    }
    group
        .ancestors()
        .take_while(|folder| folder.starts_with(ROOT))
        .filter_map(|folder| std::fs::read_to_string(folder.join("memory.max")).ok())
        .filter_map(|limit| limit.trim().parse().ok())
        .min()
        .map_or(Cgroup::Unlimited, Cgroup::Limited)
}
