//! The only code that prints. Data goes to stdout, all else to stderr; `--quiet` leaves errors alone.

#![expect(
    clippy::unused_self,
    reason = "all printing goes through the one value that knows how"
)]

use std::{
    fmt::Display,
    io::{IsTerminal, Write, stderr, stdout},
};

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

/// Rows as a table with aligned columns; the first row is the heading.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
