//! Runs seeds as fast as this machine can, or hunts for the planted bugs. See `cargo xtask help`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command that talks to a terminal"
)]

mod hunt;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use anyhow::{Context as _, bail};
use nommer_simulation::run;

/// Runs between two lines of progress.
const PROGRESS: u64 = 100_000;

/// Lines of the log that are shown of a run that broke a promise.
const TAIL: usize = 60;

struct Args {
    seeds: u64,
    first: u64,
    alone: bool,
    mutants: bool,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).map(|args| work(&args)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("simulate: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> anyhow::Result<Args> {
    let mut parsed = Args {
        seeds: 2_000,
        first: 0,
        alone: true,
        mutants: false,
    };
    let mut asked_for_seed = false;
    while let Some(arg) = args.next() {
        if arg == "--mutants" {
            parsed.mutants = true;
            continue;
        }
        let value = args
            .next()
            .with_context(|| format!("`{arg}` needs a number"))?;
        let number = value
            .parse()
            .with_context(|| format!("`{arg} {value}`: not a whole number"))?;
        match arg.as_str() {
            "--seeds" => (parsed.seeds, parsed.alone) = (number, false),
            "--seed" => (parsed.first, asked_for_seed) = (number, true),
            _ => bail!("unexpected argument `{arg}`; there are --seeds N, --seed S and --mutants"),
        }
    }
    parsed.alone &= asked_for_seed;
    Ok(parsed)
}

fn work(args: &Args) -> bool {
    if args.mutants {
        return hunt::all(args.seeds);
    }
    if args.alone {
        let seen = run(args.first, None, true);
        for line in &seen.log {
            println!("{line}");
        }
        return verdict(args.first, seen.violation.as_deref());
    }
    many(args.first, args.seeds)
}

fn verdict(seed: u64, violation: Option<&str>) -> bool {
    match violation {
        Some(what) => println!("seed {seed}: {what}"),
        None => println!("seed {seed}: every promise was kept"),
    }
    violation.is_none()
}

/// What all threads have done together.
#[derive(Default)]
struct Tally {
    next: AtomicU64,
    jobs: AtomicU64,
    hours: AtomicU64,
    /// The lowest seed that broke a promise, plus one; zero if none did.
    broken: AtomicU64,
}

fn many(first: u64, count: u64) -> bool {
    let begun = Instant::now();
    let tally = Tally::default();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| take(&tally, first, count, begun));
        }
    });
    let took = begun.elapsed().as_secs_f64();
    let done = tally.next.load(Ordering::Relaxed).min(count);
    println!(
        "{done} seeds from {first} in {took:.1} s on {threads} threads: {:.0} seeds/s; {} jobs, {} virtual hours",
        lossy(done) / took,
        tally.jobs.load(Ordering::Relaxed),
        tally.hours.load(Ordering::Relaxed) / 3_600,
    );
    let broken = tally.broken.load(Ordering::Relaxed);
    let Some(seed) = broken.checked_sub(1) else {
        println!("every promise was kept");
        return true;
    };
    let again = run(seed, None, true);
    for line in &again.log[again.log.len().saturating_sub(TAIL)..] {
        println!("{line}");
    }
    verdict(seed, again.violation.as_deref());
    println!("see it again: cargo xtask simulate --seed {seed}");
    false
}

/// Takes seeds until there are no more, or one broke a promise.
fn take(tally: &Tally, first: u64, count: u64, begun: Instant) {
    while tally.broken.load(Ordering::Relaxed) == 0 {
        let number = tally.next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return;
        }
        let seed = first + number;
        let seen = run(seed, None, false);
        let jobs = u64::try_from(seen.jobs).unwrap_or(0);
        tally.jobs.fetch_add(jobs, Ordering::Relaxed);
        tally
            .hours
            .fetch_add(seen.lasted.as_secs(), Ordering::Relaxed);
        if seen.violation.is_some() {
            tally.broken.store(seed + 1, Ordering::Relaxed);
        }
        if number > 0 && number.is_multiple_of(PROGRESS) {
            eprintln!("{number} seeds after {} s", begun.elapsed().as_secs());
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
fn lossy(number: u64) -> f64 {
    number as f64
}
