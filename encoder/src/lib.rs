//! The encoder: the daemon on each instance, and the only code that runs FFmpeg.
//!
//! [`daemon`] takes jobs from the queue; [`worker`] holds the lease of one; [`pipeline`] turns its source into its output. The
//! pipeline knows nothing of leases, so it also runs in the foreground, without a queue.

pub mod daemon;
pub mod heartbeat;
pub mod worker;

pub mod pipeline;
mod steps;
pub use steps::look_at_source;
pub mod storage;
pub mod workspace;

pub mod diagnose;
pub mod tools;

pub mod child;
pub mod sandbox;
