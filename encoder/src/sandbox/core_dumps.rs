//! No core dumps of our own programs: their memory holds secrets of jobs in the clear.

use nix::sys::resource::{Resource, setrlimit};

/// Lets neither this process nor those that it starts leave an image of its memory behind. Call it first.
///
/// # Errors
/// The kernel refuses, which it does to nobody who asks for less.
pub fn forbid_core_dumps() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
}
