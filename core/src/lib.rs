//! Placeholder.

pub mod moov;
