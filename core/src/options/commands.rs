//! Everyday FFmpeg commands, held against the list: what people really write must not be refused.

use super::*;

/// Commands that are allowed, one a line: the options before the output, and those before the input if a `|` divides them.
const ALLOWED: &str = include_str!("commands.txt");

/// Commands that are refused, each after a line that says why.
const REFUSED: &str = include_str!("commands_refused.txt");

/// The words of a line; double quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let quoted = |(number, part): (usize, &str)| -> Vec<String> {
        if number % 2 == 1 {
            return vec![part.to_owned()];
        }
        part.split_whitespace().map(str::to_owned).collect()
    };
    line.split('"').enumerate().flat_map(quoted).collect()
}

/// `-c:v libx264 -an`: a word without a dash, or with a digit after it, is a value.
fn pairs(line: &str) -> Vec<Pair> {
    let is_name = |word: &str| {
        word.strip_prefix('-')
            .is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_ascii_digit()))
    };
    let mut pairs: Vec<Pair> = Vec::new();
    for word in words(line) {
        match pairs.last_mut() {
            _ if is_name(&word) => pairs.push(Pair::flag(&word[1..])),
            Some(pair) if pair.value.is_none() => pair.value = Some(word),
            _ => panic!("{line}: {word} belongs to nothing"),
        }
    }
    pairs
}

/// What is said to a command.
fn verdict(line: &str) -> Result<(), OptionError> {
    let (input, output) = line.split_once(" | ").unwrap_or(("", line));
    let policy = OptionPolicy::default();
    check_options(&pairs(input), Side::Input, &policy)?;
    check_options(&pairs(output), Side::Output, &policy).map(|_| ())
}

#[test]
fn everyday_commands_are_allowed() {
    let refused: Vec<String> = ALLOWED
        .lines()
        .filter_map(|line| {
            verdict(line)
                .err()
                .map(|error| format!("{line}\n    {error}"))
        })
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(ALLOWED.lines().count() >= 200);
}

#[test]
fn commands_that_need_what_a_job_has_not_are_refused_for_a_reason() {
    for line in REFUSED.lines().filter(|line| !line.starts_with('#')) {
        assert!(
            verdict(line).is_err(),
            "{line} is allowed; move it to the other list"
        );
    }
}
