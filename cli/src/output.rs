//! The only code that prints. Data goes to stdout, all else to stderr; `--quiet` leaves errors alone.

#![expect(
    clippy::unused_self,
    reason = "all printing goes through the one value that knows how"
)]

use std::{
    fmt::Display,
    io::{IsTerminal, Write, stderr, stdout},
};

use console::Term;
use serde::Serialize;

use crate::args::Common;

/// How to print, for one run of the command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(common: &Common) -> Self {
        Self {
            json: common.json,
            quiet: common.quiet,
        }
    }

    /// A line of data.
    pub(crate) fn data(self, line: impl Display) {
        // A reader that went away, as `head` does, is no error of ours.
        writeln!(stdout(), "{line}").ok();
    }

    /// A value as JSON.
    pub(crate) fn json(self, value: &impl Serialize) -> anyhow::Result<()> {
        self.data(serde_json::to_string(value)?);
        Ok(())
    }

    /// A line that tells what goes on.
    pub(crate) fn note(self, line: impl Display) {
        if !self.quiet {
            writeln!(stderr(), "{line}").ok();
        }
    }

    /// An error and what to do about it.
    pub(crate) fn error(self, error: &dyn Display, hint: Option<&str>) {
        writeln!(stderr(), "error: {error}").ok();
        if let Some(hint) = hint {
            writeln!(stderr(), "  hint: {hint}").ok();
        }
    }

    /// Whether a moving progress bar makes sense.
    pub(crate) fn bars(self) -> bool {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        !self.quiet && !self.json && !dumb && stderr().is_terminal()
    }
}

/// Prints a completion script.
pub(crate) fn raw(bytes: &[u8]) {
    stdout().write_all(bytes).ok();
}

/// Rows as a table with aligned columns; the first row is the heading. On a terminal it is as wide as that, and what is too long is cut.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let (_, width) = Term::stdout().size();
    let width = if stdout().is_terminal() {
        usize::from(width)
    } else {
        usize::MAX
    };
    table_within(rows, width)
}

/// Narrowest that a column is made.
const NARROWEST: usize = 10;

fn table_within(rows: &[Vec<String>], most: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let mut widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let between = 2 * columns.saturating_sub(1);
    // The first column stays whole: it is what other commands are given.
    while widths.iter().sum::<usize>() + between > most
        && let Some(widest) = widths.iter_mut().skip(1).max()
        && *widest > NARROWEST
    {
        *widest -= 1;
    }
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{:<width$}", cut(cell, *width)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn cut(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_the_terminal_and_its_first_column_stays_whole() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["ID", "STATE", "ERROR"]),
            row([
                "job_0123456789",
                "ERROR",
                "source_unreadable: no moov atom was found",
            ]),
        ];
        let whole = table_within(&rows, usize::MAX);
        assert!(whole.ends_with("no moov atom was found"), "{whole}");
        let narrow = table_within(&rows, 40);
        assert_eq!(
            narrow,
            "ID              STATE  ERROR\njob_0123456789  ERROR  source_unreadabl…"
        );
    }
}
