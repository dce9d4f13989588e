//! `nommer-fuzz [--seconds N | --cases N] [--seed N] [TARGET]...`: what `cargo xtask fuzz` runs.

#![expect(clippy::print_stdout, reason = "a build task talks to a terminal")]

use std::{process::ExitCode, time::Duration};

use nommer_fuzz::{Bound, TARGETS, run};

const USAGE: &str = "usage: nommer-fuzz [--seconds N | --cases N] [--seed N] [TARGET]...";

fn main() -> ExitCode {
    let (mut bound, mut seed, mut names) = (Bound::Time(Duration::from_secs(10)), 1, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|number| number.parse().ok());
        match (
            word.as_str(),
            word.starts_with("--").then(&mut number).flatten(),
        ) {
            ("--seconds", Some(seconds)) => bound = Bound::Time(Duration::from_secs(seconds)),
            ("--cases", Some(cases)) => bound = Bound::Cases(cases),
            ("--seed", Some(number)) => seed = number,
            (name, None) if TARGETS.iter().any(|(known, _)| *known == name) => names.push(word),
            _ => {
                println!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    for target in TARGETS {
        if names.is_empty() || names.iter().any(|name| name == target.0) {
            println!("{}: {} cases survived", target.0, run(target, bound, seed));
        }
    }
    ExitCode::SUCCESS
}
