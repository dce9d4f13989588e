//! `cargo xtask`: the project's build tasks, which need nothing installed but Rust.
//!
//! `test` is all that CI runs. Tools that the tests need are prepared on the way: FFmpeg by the system's package
//! manager, everything else under the target folder. No task writes anywhere else, save `bench --write`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "build tasks talk to a terminal"
)]

mod args;
mod audit;
mod bench;
mod demo;
mod dist;
mod process;
mod prove;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::Task;
use crate::workspace::Workspace;

const HELP: &str = "\
Build tasks of media-nommer.

Usage: cargo xtask TASK

  test [--only STEP]...             everything CI runs, in these steps: tools, fmt, deny, clippy, doc, test
  demo [FILE] [--once] [ARG]...     run the whole system on this machine and encode FILE, or a generated clip;
                                    further arguments go to `nommer dev`
  simulate [--seeds N] [--seed S] [--mutants]
                                    run N seeds of the simulation from S on, 2000 from 0 if not said; with --seed
                                    alone run that one and print what happened; with --mutants hunt the planted
                                    bugs, with at most N seeds each
  model                             explore every state of the job protocol, for more jobs and encoders than `test` does
  bench [--only NAME]... [--write]  measure what the documentation claims: spawn, encode, ladder, stream, moov, latency,
                                    api, lambda, planner; --write puts the tables into docs/benchmarks.md
  dist [--arch x86_64|arm64] [--output FOLDER] [--debug]
                                    build what a deployment uploads: Lambda zips, the encoder's tarball, checksums, into dist/;
                                    --debug builds as tests do
  audit                             look every dependency up in the advisory database, if there is one on this machine
  fuzz [--seconds N | --cases N] [--seed N] [TARGET]...
                                    put mutated input to job, filtergraph, uri, moov, progress, or to those that are named
  measure PROGRAM [ARG]...          run one program and print what it cost: wall, CPU and own CPU time in
                                    microseconds, peak memory in bytes, bytes written
  plan-moov FILE COUNT              plan the relocation of a file's moov box COUNT times: what the bench measures
  plan-scale                        plan one tick of scale over a large backlog: what the bench measures
  help                              print this

Steps and benchmarks run in the order listed. `test` and `demo` install FFmpeg with apt-get where they can.
With `CI` set, builds go outside the checkout unless CARGO_TARGET_DIR says where, and are not incremental.
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    match args::parse(std::env::args_os().skip(1))? {
        Task::Help => {
            print!("{HELP}");
            Ok(())
        }
        Task::Test { only } => test::run(&Workspace::from_env()?, &only),
        Task::Audit => audit::advisories(&Workspace::from_env()?),
        Task::Fuzz { args } => {
            let words = [
                "run",
                "--quiet",
                "--release",
                "--package",
                "nommer-fuzz",
                "--",
            ];
            process::run(Workspace::from_env()?.cargo(words).args(args))
        }
        Task::Demo { args } => demo::run(&Workspace::from_env()?, &args),
        Task::Simulate { args } => prove::simulate(&Workspace::from_env()?, &args),
        Task::Model => prove::model(&Workspace::from_env()?),
        Task::Bench { only, write } => bench::run(&Workspace::from_env()?, &only, write),
        Task::Dist(dist) => dist::run(&Workspace::from_env()?, &dist),
        Task::PlanMoov { file, count } => {
            println!("{} pieces", bench::moov::plan(&file, count)?.len());
            Ok(())
        }
        Task::PlanScale => {
            print!("{}", bench::planner::measure()?);
            Ok(())
        }
        Task::Measure { argv } => {
            println!("{}", bench::measure::run(&argv)?);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_step_and_benchmark() {
        let names = test::STEPS.iter().map(|step| step.name);
        for name in names.chain(bench::BENCHES.iter().map(|bench| bench.name)) {
            assert!(HELP.contains(name), "{name} is missing");
        }
    }
}
