//! How many seeds it takes to find each planted bug, as the table of `docs/reliability.md`.

use nommer_simulation::{mutants::Mutant, run};

/// Length of a job's id.
const ID: usize = 36;

/// Hunts for all of them with at most so many seeds each. False if one gets away.
pub(crate) fn all(seeds: u64) -> bool {
    println!("| planted bug | found after runs | what broke |");
    println!("|---|---:|---|");
    let mut all = true;
    for mutant in Mutant::ALL {
        let found =
            (0..seeds).find_map(|seed| Some((seed, run(seed, Some(mutant), false).violation?)));
        match &found {
            Some((seed, what)) => {
                println!("| {} | {} | {} |", mutant.describe(), seed + 1, short(what));
            }
            None => println!("| {} | **not in {seeds}** | |", mutant.describe()),
        }
        all &= found.is_some();
    }
    all
}

/// What broke, without the names of jobs and without details.
fn short(what: &str) -> String {
    let words = what.split_inclusive(' ').map(|word| {
        let from = word.find("job_").unwrap_or(word.len());
        match word.get(from..from + ID) {
            Some(id) => word.replace(id, "a job"),
            None => word.to_owned(),
        }
    });
    let text: String = words.collect();
    let end = text.find([':', '(', '{']).filter(|end| *end > 0);
    text[..end.unwrap_or(text.len())].trim().to_owned()
}
