//! The encoder: the daemon on each instance, and the only code that runs FFmpeg.
//!
//! [`daemon`] takes jobs from the queue; [`worker`] holds the lease of one; [`attempt`] turns its source into its output, by
//! means of the [`pipeline`]. Neither of these two knows of leases, so they also run in the foreground, without a queue.

pub mod clock;
pub mod daemon;
pub mod heartbeat;
mod leased;
mod point;
pub mod runner;
pub mod worker;

pub mod attempt;
mod beside;
mod checksum;
mod intake;
mod package;
pub mod pipeline;
mod products;
mod publication;
mod scores;
mod source;
mod steps;
mod stream;
pub use steps::look_at_source;
pub mod storage;
pub mod workspace;

pub mod diagnose;
pub mod tools;

pub mod child;
pub mod sandbox;
