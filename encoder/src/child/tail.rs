//! Keeps the end of a text that may never end.

use std::collections::VecDeque;
use std::fmt;

/// Bytes that are kept: what a person may want to read of a failed run.
pub const MAX_TAIL_BYTES: usize = 64 * 1024;

/// The last lines of a program's standard error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
    left_out: u64,
}

impl Tail {
    /// Adds a line, and lets go of the oldest ones when there is no room.
    pub(super) fn push(&mut self, line: &str) {
        self.bytes += cost(line);
        self.lines.push_back(line.to_owned());
        while self.bytes > MAX_TAIL_BYTES {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= cost(&oldest);
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// The lines that were kept, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// How many lines before those were let go.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// What a line counts: its bytes, and its own upkeep, so that short lines are bounded too.
fn cost(line: &str) -> usize {
    line.len() + size_of::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_the_beginning_let_go() {
        let mut tail = Tail::default();
        for number in 0..100_000 {
            tail.push(&number.to_string());
        }
        let kept = tail.lines().count();
        assert_eq!(tail.lines().next_back(), Some("99999"));
        assert_eq!(u64::try_from(kept).unwrap() + tail.left_out(), 100_000);
        assert!(
            tail.to_string().len() <= MAX_TAIL_BYTES,
            "{kept} lines kept"
        );
    }

    #[test]
    fn a_short_text_is_kept_whole() {
        let mut tail = Tail::default();
        tail.push("one");
        tail.push("two");
        assert_eq!(
            (tail.to_string().as_str(), tail.left_out()),
            ("one\ntwo\n", 0)
        );
    }
}
