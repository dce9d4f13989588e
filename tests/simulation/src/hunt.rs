//! How many seeds it takes to find each planted bug, as the table of `docs/reliability.md`.

use nommer_simulation::{mutants::Mutant, run};

/// Hunts for all of them with at most so many seeds each. False if one gets away.
pub(crate) fn all(seeds: u64) -> bool {
    println!("| planted bug | found after seeds | what broke |");
    println!("|---|---:|---|");
    let mut all = true;
    for mutant in Mutant::ALL {
        let found =
            (0..seeds).find_map(|seed| Some((seed, run(seed, Some(mutant), false).violation?)));
        match &found {
            Some((seed, what)) => println!("| {} | {} | {what} |", mutant.describe(), seed + 1),
            None => println!("| {} | **not in {seeds}** | |", mutant.describe()),
        }
        all &= found.is_some();
    }
    all
}
