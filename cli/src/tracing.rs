//! Logs of this command: to stderr, at the level of `NOMMER_LOG` or the command's own.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

/// Starts logging.
pub(crate) fn init(default: &str) {
    let filter =
        EnvFilter::try_from_env("NOMMER_LOG").unwrap_or_else(|_unset| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .init();
}
