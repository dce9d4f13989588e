//! The encoder daemon.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    nommer_encoder::sandbox::run_if_sandbox_helper();
    // Nothing can be done when standard error is closed.
    writeln!(std::io::stderr(), "usage: nommer-encoder").ok();
    ExitCode::from(2)
}
