//! A small share of what `cargo xtask simulate` runs: enough for every change.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use nommer_simulation::{mutants::Mutant, run};

/// Runs in CI.
const SEEDS: u64 = 2_000;

/// In how many runs a planted bug is to be found here. Those that take longer are found by command, see `docs/reliability.md`.
const QUICKLY: u64 = 240;

/// Planted bugs that take more runs than that.
const SLOW: [Mutant; 3] = [
    Mutant::LeaseIgnored,
    Mutant::PublishUnconditional,
    Mutant::LostLaunchRefused,
];

#[test]
fn two_thousand_runs_keep_every_promise() {
    let next = AtomicU64::new(0);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= SEEDS {
                return;
            }
            let seen = run(seed, None, false);
            assert_eq!(seen.violation, None, "cargo xtask simulate --seed {seed}");
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for one in all {
            one.join().unwrap();
        }
    });
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..20 {
        assert_eq!(run(seed, None, true), run(seed, None, true));
    }
}

#[test]
fn runs_meet_what_they_are_to_meet() {
    let logs: Vec<String> = (0..200)
        .flat_map(|seed| run(seed, None, true).log)
        .collect();
    let meets = [
        "crash before",
        "crash after",
        "stands still",
        "hangs",
        "answer to",
        "old listing",
        "jumps",
        "never comes up",
        "two minutes left",
        "is lost",
        "Finished",
        "batch_",
        "put_batch",
        "Canceled",
        "Abandoned",
        "Error",
    ];
    for what in meets {
        assert!(
            logs.iter().any(|line| line.contains(what)),
            "no run had: {what}"
        );
    }
}

#[test]
fn planted_bugs_are_found() {
    for mutant in Mutant::ALL {
        let found = || (0..QUICKLY).any(|seed| run(seed, Some(mutant), false).violation.is_some());
        assert!(SLOW.contains(&mutant) || found(), "{mutant:?} got away");
    }
}
