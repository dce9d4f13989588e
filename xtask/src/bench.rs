//! `cargo xtask bench`: numbers for what the documentation claims, on this machine.
//!
//! Each benchmark compares commands that do the same work, or put a price on some. A table of medians with ratios is
//! printed, and goes into `docs/benchmarks.md` on demand.

mod api;
mod encode;
mod ladder;
mod lambda;
mod latency;
pub(crate) mod measure;
pub(crate) mod moov;
pub(crate) mod planner;
mod report;
mod spawn;
mod stream;

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::args;
use crate::bench::measure::Measurement;
use crate::workspace::Workspace;

/// Where `--write` puts the tables.
const REPORT: &str = "docs/benchmarks.md";

/// FFmpeg, about to make a clip from these sources of its own.
fn lavfi(sources: &[&str]) -> Command {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y"]);
    for source in sources {
        ffmpeg.args(["-f", "lavfi", "-i", source]);
    }
    ffmpeg
}

/// A named comparison.
#[derive(Debug)]
pub(crate) struct Bench {
    /// What `--only` and the report call it.
    pub(crate) name: &'static str,
    /// Gives a table in Markdown.
    run: fn(&Workspace) -> Result<String>,
}

/// One command's cost: the median over all rounds.
#[derive(Debug)]
struct Row {
    label: &'static str,
    cost: Measurement,
}

/// All benchmarks.
pub(crate) const BENCHES: [Bench; 9] = [
    Bench {
        name: "spawn",
        run: |workspace| spawn::run(workspace).map(|rows| report::table(&rows)),
    },
    Bench {
        name: "encode",
        run: |workspace| encode::run(workspace).map(|rows| report::table(&rows)),
    },
    Bench {
        name: "ladder",
        run: |workspace| ladder::run(workspace).map(|rows| report::table(&rows)),
    },
    Bench {
        name: "stream",
        run: |workspace| stream::run(workspace).map(|rows| report::table(&rows)),
    },
    Bench {
        name: "moov",
        run: |workspace| moov::run(workspace).map(|rows| report::table(&rows)),
    },
    Bench {
        name: "latency",
        run: latency::run,
    },
    Bench {
        name: "api",
        run: api::run,
    },
    Bench {
        name: "lambda",
        run: lambda::run,
    },
    Bench {
        name: "planner",
        run: planner::run,
    },
];

/// Runs the benchmarks that `only` names, or all of them.
///
/// # Errors
/// An unknown name; a command that fails; a report without a place for the table.
pub(crate) fn run(workspace: &Workspace, only: &[String], write: bool) -> Result<()> {
    let path = workspace.file(REPORT);
    for bench in args::select(&BENCHES, |bench| bench.name, only)? {
        let table = (bench.run)(workspace).with_context(|| format!("benchmark {}", bench.name))?;
        let section = format!("{table}\n{}\n", report::stamp(bench.name)?);
        println!("## {}\n\n{section}", bench.name);
        if write {
            let old = fs::read_to_string(&path).with_context(|| format!("read {REPORT}"))?;
            let new = report::replace_section(&old, bench.name, &section)
                .with_context(|| format!("update {REPORT}"))?;
            fs::write(&path, new).with_context(|| format!("write {REPORT}"))?;
        }
    }
    Ok(())
}
