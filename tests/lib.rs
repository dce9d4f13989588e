//! The system tests live in `system/`.
