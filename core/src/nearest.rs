//! "Did you mean": the known name nearest to one that is not known.

/// Longest name that is compared, in bytes; nobody misspells longer ones by a letter or two.
const MAX_BYTES: usize = 64;

/// The candidate that differs from `name` by the fewest edits, if that is few enough to be a slip.
pub fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    if name.len() > MAX_BYTES {
        return None;
    }
    let slip = (name.chars().count() / 3).max(1);
    candidates
        .iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&name.to_lowercase(), candidate),
                *candidate,
            )
        })
        .filter(|(edits, _)| *edits <= slip)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_nonsense_does_not() {
        let names = ["source_path", "dest_path", "preset"];
        assert_eq!(nearest("souce_path", &names), Some("source_path"));
        assert_eq!(nearest("Preset", &names), Some("preset"));
        assert_eq!(nearest("banana", &names), None);
        assert_eq!(nearest(&"x".repeat(10_000), &names), None);
    }
}
