//! Every state of the job protocol: what any number of crashes, lapses, duplicates, cancels and repairs can make of one or two
//! jobs and two or three encoders, in whatever order. The transitions are `Job::apply` itself.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]
#![expect(clippy::print_stdout, reason = "the states are counted in the output")]

#[path = "model/protocol.rs"]
mod protocol;

use std::time::Instant;

use protocol::{Flaw, Protocol};
use stateright::{Checker as _, Model as _};

/// Explores everything that can happen and says how much that was.
fn explore(protocol: Protocol) -> usize {
    let begun = Instant::now();
    let text = format!("{protocol:?}");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = protocol.checker().threads(threads).spawn_dfs().join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    println!(
        "{text}: {states} states in {:.1} s, no promise can be broken",
        begun.elapsed().as_secs_f64()
    );
    states
}

/// The property that a flaw breaks first.
fn broken_by(flaw: Flaw) -> &'static str {
    let protocol = Protocol::new(1, 2, 4).with(flaw);
    let checker = protocol.checker().spawn_bfs().join();
    let kept = [
        "ends once",
        "output of the attempt",
        "one holder per epoch",
        "attempts are bounded",
    ];
    let broken = kept
        .into_iter()
        .find(|name| checker.discovery(name).is_some());
    println!(
        "{flaw:?}: breaks {broken:?} within {} states",
        checker.unique_state_count()
    );
    broken.unwrap_or("nothing")
}

#[test]
fn one_job_and_two_encoders_keep_every_promise() {
    assert!(explore(Protocol::new(1, 2, 4)) > 10_000);
}

#[test]
fn the_model_notices_when_a_rule_is_missing() {
    assert_eq!(broken_by(Flaw::NoFencing), "output of the attempt");
    assert_eq!(
        broken_by(Flaw::UnconditionalCommit),
        "output of the attempt"
    );
    assert_eq!(broken_by(Flaw::SameEpoch), "one holder per epoch");
    assert_eq!(broken_by(Flaw::EndsAreNotFinal), "ends once");
    assert_eq!(broken_by(Flaw::AttemptsUncounted), "attempts are bounded");
}

#[test]
#[ignore = "takes minutes: `cargo xtask model`"]
fn more_jobs_and_encoders_keep_every_promise() {
    let mut states = 0;
    for protocol in [
        Protocol::new(1, 2, 8),
        Protocol::new(1, 3, 8),
        Protocol::new(2, 2, 1),
    ] {
        states += explore(protocol);
    }
    println!("{states} states in all");
    assert!(states >= 1_000_000);
}
