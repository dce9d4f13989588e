//! `nommer-encoder`: the daemon's program on an instance of its own. On one machine the `nommer` command plays this role itself.
//!
//! Without the AWS adapters it can only be what FFmpeg is started through, and says so.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    nommer_encoder::sandbox::run_if_sandbox_helper();
    let words = "this build has no AWS side to take jobs from; on one machine, run `nommer dev`";
    // Nothing can be done when standard error is closed.
    writeln!(std::io::stderr(), "nommer-encoder: {words}").ok();
    ExitCode::from(2)
}
