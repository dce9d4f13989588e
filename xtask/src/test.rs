//! `cargo xtask test`: every check that a change must pass, in steps.
//!
//! Stops at the first step that fails. Our own lines go to the standard error, so that the standard output
//! ends with what `cargo test` says.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::args;
use crate::audit;
use crate::process;
use crate::tools;
use crate::workspace::Workspace;

/// One check.
#[derive(Debug)]
pub(crate) struct Step {
    /// What `--only` and the summary call it.
    pub(crate) name: &'static str,
    run: fn(&Workspace) -> Result<()>,
}

/// All checks. All of them build with one profile and one set of flags: only clippy is told to deny warnings,
/// because a different `RUSTFLAGS` would build every dependency again.
pub(crate) const STEPS: [Step; 6] = [
    Step {
        name: "tools",
        run: tools::ensure,
    },
    Step {
        name: "fmt",
        run: |workspace| process::run(&mut workspace.cargo(["fmt", "--all", "--check"])),
    },
    Step {
        name: "deny",
        run: audit::dependencies,
    },
    Step {
        name: "clippy",
        run: |workspace| {
            let args = [
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "--deny=warnings",
            ];
            process::run(&mut workspace.cargo(args))
        },
    },
    Step {
        name: "doc",
        run: |workspace| {
            // Private items too: nothing here is published, those who read the documentation work on the code.
            let args = [
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ];
            process::run(workspace.cargo(args).env("RUSTDOCFLAGS", "--deny=warnings"))
        },
    },
    Step {
        name: "test",
        run: |workspace| {
            tools::ensure(workspace)?;
            let mut command = workspace.cargo(["test", "--workspace", "--no-fail-fast"]);
            process::run(command.envs(tools::variables(workspace)))
        },
    },
];

/// Runs the steps that `only` names, or all of them.
///
/// # Errors
/// An unknown step; the first step that fails.
pub(crate) fn run(workspace: &Workspace, only: &[String]) -> Result<()> {
    let mut ran = Vec::new();
    let mut result = Ok(());
    for step in args::select(&STEPS, |step| step.name, only)? {
        eprintln!("==> {}", step.name);
        let start = Instant::now();
        result = (step.run)(workspace).with_context(|| format!("step {} failed", step.name));
        ran.push((step.name, start.elapsed(), result.is_ok()));
        if result.is_err() {
            break;
        }
    }
    eprint!("{}", summary(&ran));
    result
}

/// A line for each step that ran: its name, how long it took, whether it passed.
fn summary(ran: &[(&str, Duration, bool)]) -> String {
    let mut text = String::from("\n");
    for (name, took, passed) in ran {
        let verdict = if *passed { "passed" } else { "FAILED" };
        writeln!(text, "{name:8}{:8.1} s  {verdict}", took.as_secs_f64())
            .expect("a string takes every write");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_has_a_line_for_each_step() {
        let ran = [
            ("tools", Duration::from_millis(1240), true),
            ("fmt", Duration::from_secs(101), false),
        ];
        let expected = "\n\
            tools        1.2 s  passed\n\
            fmt        101.0 s  FAILED\n";
        assert_eq!(summary(&ran), expected);
    }
}
