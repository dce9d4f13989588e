//! The runner for any compiler: mutated seeds, one after the other, until a bound.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    Target,
    mutate::{Dice, mutated},
};

/// When a run ends.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// After so many cases.
    Cases(u64),
    /// After so much time.
    Time(Duration),
}

/// The longest that one case may take. Generous: machines that run tests are slow at times.
const LONGEST: Duration = Duration::from_secs(10);

/// Runs one target on its seeds and on what chance makes of them; how many cases that were.
///
/// # Panics
/// When a target breaks a promise or hangs for seconds: the message of either, after the case itself in hexadecimal digits.
pub fn run((name, target): Target, bound: Bound, seed: u64) -> u64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let seeds = seeds(&folder);
    assert!(
        !seeds.is_empty(),
        "there are no seeds in {}",
        folder.display()
    );
    let (mut dice, begun, mut cases) = (Dice(seed), Instant::now(), 0);
    loop {
        let done = match bound {
            Bound::Cases(most) => cases >= most,
            Bound::Time(most) => cases % 256 == 0 && begun.elapsed() >= most,
        };
        if done {
            return cases;
        }
        let whole = usize::try_from(cases)
            .ok()
            .and_then(|number| seeds.get(number).cloned());
        let case = Case(whole.unwrap_or_else(|| mutated(&seeds, &mut dice)));
        let started = Instant::now();
        target(&case.0);
        assert!(
            started.elapsed() < LONGEST,
            "{name}: this case takes {:?}",
            started.elapsed()
        );
        cases += 1;
    }
}

/// A case that shows itself when it turns out to be one that breaks something.
struct Case(Vec<u8>);

impl Drop for Case {
    #[expect(
        clippy::print_stderr,
        reason = "the case is what a person needs to make a test of it"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut digits = String::new();
            for byte in &self.0 {
                write!(digits, "{byte:02x}").ok();
            }
            eprintln!("the case: {digits}");
        }
    }
}

fn seeds(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .collect()
}
