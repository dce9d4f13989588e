//! Placeholder.

pub mod fleet;
pub mod simulate;
