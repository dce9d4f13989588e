//! What must survive any bytes: each target reads them as strangers' input is read, and panics when a promise is broken.
//!
//! Two runners share the targets and the corpora: [`run()`] mutates at random and works with any compiler; `coverage/` is for
//! cargo-fuzz, which looks for new paths through the code and needs a nightly one.

mod mutate;
mod run;
mod targets;

pub use run::{Bound, run};

/// One target: its name, which is also that of its corpus, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 5] = [
    ("job", targets::job),
    ("filtergraph", targets::filtergraph),
    ("uri", targets::uri),
    ("moov", targets::moov),
    ("progress", targets::progress),
];

/// Puts bytes to the target of this name, for runners that make their own cases.
///
/// # Panics
/// When there is no such target, or it breaks a promise.
pub fn run_one(name: &str, bytes: &[u8]) {
    let target = TARGETS.into_iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("there is no target {name:?}"));
    target(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_survives_a_short_run() {
        for target in TARGETS {
            let cases = run(target, Bound::Cases(20_000), 1);
            assert_eq!(cases, 20_000);
        }
    }

    /// A tenth of what `cargo xtask fuzz --cases 1000000 moov` runs.
    #[test]
    fn a_hundred_thousand_mutated_films_are_survived() {
        let moov = TARGETS
            .into_iter()
            .find(|(name, _)| *name == "moov")
            .unwrap();
        assert_eq!(run(moov, Bound::Cases(100_000), 2), 100_000);
    }

    #[test]
    #[should_panic(expected = "found")]
    fn a_broken_promise_stops_the_run() {
        run(
            ("uri", |bytes| assert!(bytes.len() < 10, "found")),
            Bound::Cases(10_000),
            3,
        );
    }
}
