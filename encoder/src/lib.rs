//! The encoder: the daemon on each instance, and the only code that runs ffmpeg.

pub mod child;
pub mod sandbox;
