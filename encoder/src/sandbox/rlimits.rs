//! The resource limits (`setrlimit(2)`) on a sandboxed program.

use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// Time between the signal that announces the CPU limit and the one that enforces it.
const CPU_GRACE: Duration = Duration::from_secs(5);

/// What one process may use. Core dumps are always off: they would hold media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The largest file it may write, in bytes.
    pub file_bytes: Option<u64>,
    /// CPU time it may use, over all its threads; rounded up to seconds.
    pub cpu: Option<Duration>,
    /// Address space it may map, in bytes. Encoders map far more than they use: be generous.
    pub address_space_bytes: Option<u64>,
    /// Files it may have open at once.
    pub open_files: u64,
    /// Threads it may have. In force only in a user namespace, where no others are counted with them (Linux 5.14),
    /// and never for root, whom the kernel exempts.
    pub threads: u64,
}

impl Default for Limits {
    /// No limit on size and time, which depend on the job; enough files for a ladder of segments, and enough
    /// threads for the codecs on a large machine, yet no flood of either.
    fn default() -> Self {
        Self {
            file_bytes: None,
            cpu: None,
            address_space_bytes: None,
            open_files: 256,
            threads: 1024,
        }
    }
}

/// Sets the limits on this process and what it becomes.
pub(super) fn apply(limits: &Limits, own_user_namespace: bool) -> nix::Result<()> {
    lower(Resource::RLIMIT_CORE, 0, 0)?;
    lower(
        Resource::RLIMIT_NOFILE,
        limits.open_files,
        limits.open_files,
    )?;
    if own_user_namespace {
        lower(Resource::RLIMIT_NPROC, limits.threads, limits.threads)?;
    }
    if let Some(bytes) = limits.file_bytes {
        lower(Resource::RLIMIT_FSIZE, bytes, bytes)?;
    }
    if let Some(bytes) = limits.address_space_bytes {
        lower(Resource::RLIMIT_AS, bytes, bytes)?;
    }
    if let Some(cpu) = limits.cpu {
        let secs = cpu
            .as_secs()
            .saturating_add(u64::from(cpu.subsec_nanos() > 0));
        lower(
            Resource::RLIMIT_CPU,
            secs,
            secs.saturating_add(CPU_GRACE.as_secs()),
        )?;
    }
    Ok(())
}

/// Sets a limit, or keeps the one in force where that is lower: raising it may need privilege.
fn lower(resource: Resource, soft: u64, hard: u64) -> nix::Result<()> {
    let (_, ceiling) = getrlimit(resource)?;
    setrlimit(resource, soft.min(ceiling), hard.min(ceiling))
}
