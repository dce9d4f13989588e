//! Tables in Markdown, and their place in the documentation.
//!
//! A section lies between the lines `<!-- bench:NAME -->` and `<!-- /bench -->`; all else is written by hand.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Row;
use crate::process;

const END: &str = "<!-- /bench -->";

/// A line for each command and, from the second on, one for its ratio to the first.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| | wall | CPU | its own | peak memory | written |\n|---|--:|--:|--:|--:|--:|\n",
    );
    let Some(first) = rows.first() else {
        return text;
    };
    for (index, row) in rows.iter().enumerate() {
        let (cost, base) = (&row.cost, &first.cost);
        let cells = [
            millis(cost.wall),
            millis(cost.cpu),
            percent(cost.own, cost.cpu),
            mebibytes(cost.peak_bytes),
            mebibytes(cost.written_bytes),
        ];
        push_line(&mut text, row.label, &cells);
        if index > 0 {
            let ratios = [
                ratio(cost.wall.as_secs_f64(), base.wall.as_secs_f64()),
                ratio(cost.cpu.as_secs_f64(), base.cpu.as_secs_f64()),
                String::new(),
                ratio(float(cost.peak_bytes), float(base.peak_bytes)),
                ratio(float(cost.written_bytes), float(base.written_bytes)),
            ];
            push_line(&mut text, &format!("… to {}", first.label), &ratios);
        }
    }
    text
}

fn push_line(text: &mut String, label: &str, cells: &[String; 5]) {
    writeln!(text, "| {label} | {} |", cells.join(" | ")).expect("a string takes every write");
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// A part of a time, in hundredths of it.
fn percent(part: Duration, whole: Duration) -> String {
    let share = part.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE);
    format!("{:.1} %", share * 100.0)
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", float(bytes) / f64::from(1 << 20))
}

/// The quotient; a dash if there is nothing to divide by.
fn ratio(value: f64, base: f64) -> String {
    if base > 0.0 {
        format!("× {:.2}", value / base)
    } else {
        "–".to_owned()
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

/// When, where and how the numbers were made.
pub(super) fn stamp(bench: &str) -> Result<String> {
    let date = process::read(Command::new("date").args(["-u", "+%F"]))?;
    let cores = thread::available_parallelism().context("count the cores")?;
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu_model(&cpuinfo).unwrap_or("unknown CPU");
    let version = process::read(Command::new("ffmpeg").arg("-version"))?;
    let ffmpeg = version.split(' ').nth(2).unwrap_or("unknown");
    Ok(format!(
        "{date}, {cpu}, {cores} cores, FFmpeg {ffmpeg}: `cargo xtask bench --only {bench} --write`"
    ))
}

/// The model in `/proc/cpuinfo`, which not every architecture names.
fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// The text with a new body in the benchmark's section.
///
/// # Errors
/// The section is not there or does not end.
pub(super) fn replace_section(text: &str, bench: &str, body: &str) -> Result<String> {
    let start = format!("<!-- bench:{bench} -->\n");
    let (before, rest) = text
        .split_once(&start)
        .with_context(|| format!("there is no line `{}`", start.trim_end()))?;
    let (old, after) = rest
        .split_once(END)
        .with_context(|| format!("there is no line `{END}` after `{}`", start.trim_end()))?;
    ensure!(
        !old.contains("<!-- bench:"),
        "there is no line `{END}` between `{}` and the next section",
        start.trim_end()
    );
    Ok(format!("{before}{start}{body}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_relates_every_row_to_the_first() {
        let row = |label, line: &str| Row {
            label,
            cost: line.parse().unwrap(),
        };
        let rows = [
            row("old", "4000000 2000000 0 1048576 0"),
            row("new", "1000000 500000 20000 2097152 1048576"),
        ];
        let expected = "\
            | | wall | CPU | its own | peak memory | written |\n\
            |---|--:|--:|--:|--:|--:|\n\
            | old | 4000.0 ms | 2000.0 ms | 0.0 % | 1.0 MiB | 0.0 MiB |\n\
            | new | 1000.0 ms | 500.0 ms | 4.0 % | 2.0 MiB | 1.0 MiB |\n\
            | … to old | × 0.25 | × 0.25 |  | × 2.00 | – |\n";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn only_the_named_section_is_replaced() {
        let text = "# Title\n<!-- bench:a -->\n1\n<!-- /bench -->\n<!-- bench:b -->\n2\n<!-- /bench -->\nend\n";
        let expected = "# Title\n<!-- bench:a -->\n1\n<!-- /bench -->\n<!-- bench:b -->\nnew\n<!-- /bench -->\nend\n";
        let replaced = replace_section(text, "b", "new\n").unwrap();
        assert_eq!(replaced, expected);
        assert_eq!(replace_section(&replaced, "b", "new\n").unwrap(), expected);
    }

    #[test]
    fn broken_sections_are_not_touched() {
        let unclosed = "<!-- bench:a -->\n1\n<!-- bench:b -->\n2\n<!-- /bench -->\n";
        for (text, bench, missing) in [
            (unclosed, "c", "there is no line `<!-- bench:c -->`"),
            (unclosed, "a", "and the next section"),
            ("<!-- bench:a -->\n", "a", "`<!-- /bench -->` after"),
        ] {
            let message = replace_section(text, bench, "").unwrap_err().to_string();
            assert!(message.contains(missing), "{message}");
        }
    }

    #[test]
    fn cpu_model_is_found_if_there_is_one() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\nflags\t\t: fpu\n";
        assert_eq!(cpu_model(cpuinfo), Some("Fast CPU @ 3 GHz"));
        assert_eq!(cpu_model("processor\t: 0\n"), None);
    }
}
