//! `nommer`: the whole system on one machine, and the command line to talk to it.

mod args;
mod batch;
mod batches;
mod client;
mod config;
mod demo;
mod deploy;
mod dev;
mod doctor;
mod encode;
mod encoder;
mod estimate;
mod failure;
mod fleet;
mod forward;
mod guard;
mod jobs;
mod keys;
mod listen;
mod man;
mod migrate;
mod options;
mod output;
mod presets;
mod probe;
mod run;
mod serve;
mod simulate;
mod stats;
mod submit;
mod tracing;
mod trigger;
mod upload;
mod watch;
mod webhooks;

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;

/// Requests are many small pieces of memory on several threads, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // First of all, before any thread exists: this program is also the sandbox that FFmpeg is started through.
    nommer_encoder::sandbox::run_if_sandbox_helper();
    // Neither may an image of this program's memory be left behind, nor of those that it starts. One that could be is no reason to stop.
    nommer_encoder::sandbox::forbid_core_dumps().ok();
    let cli = args::Cli::parse();
    let output = output::Output::new(&cli.common);
    match run::run(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.error(&failure, failure.hint_text());
            failure.exit_code()
        }
    }
}
