//! Outcomes side by side: means over seeds, as a table of text.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Arrival, Outcome, zero_wait_bound};

/// What one policy did with one kind of day, over several seeds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// The policy.
    pub name: String,
    /// Mean over the seeds of cost over the work-conservation bound.
    pub cost_over_work: f64,
    /// Mean of cost over what a clairvoyant would pay that lets no job wait.
    pub cost_over_zero_wait: f64,
    /// Mean of the median wait, in seconds.
    pub p50_secs: f64,
    /// Mean of the 95th percentile of the wait, in seconds.
    pub p95_secs: f64,
    /// The most machines at once in any seed.
    pub peak: u32,
    /// Mean number of launches.
    pub launches: f64,
}

impl Summary {
    /// Summarizes outcomes, each with the trace it came from.
    pub fn of(name: &str, runs: &[(Vec<Arrival>, Outcome)], billed_boot: Duration) -> Self {
        let mean = |value: &dyn Fn(&(Vec<Arrival>, Outcome)) -> f64| {
            let count = u32::try_from(runs.len().max(1)).unwrap_or(u32::MAX);
            runs.iter().map(value).sum::<f64>() / f64::from(count)
        };
        Self {
            name: name.to_owned(),
            cost_over_work: mean(&|(_, outcome)| outcome.cost_over_work()),
            cost_over_zero_wait: mean(&|(jobs, outcome)| {
                let bound = zero_wait_bound(jobs, billed_boot).max(Duration::from_millis(1));
                outcome.billed.div_duration_f64(bound)
            }),
            p50_secs: mean(&|(_, outcome)| outcome.wait(50).as_secs_f64()),
            p95_secs: mean(&|(_, outcome)| outcome.wait(95).as_secs_f64()),
            peak: runs
                .iter()
                .map(|(_, outcome)| outcome.peak())
                .max()
                .unwrap_or(0),
            launches: mean(&|(_, outcome)| f64::from(outcome.launches)),
        }
    }
}

/// Renders a table with one line for each policy.
pub fn render_table(title: &str, rows: &[Summary]) -> String {
    let wide = rows
        .iter()
        .map(|row| row.name.chars().count())
        .max()
        .unwrap_or(0)
        .max(title.len());
    let mut table = format!(
        "{title:<wide$}  cost/work  cost/zero-wait  p50 wait s  p95 wait s  peak  launches\n"
    );
    for row in rows {
        writeln!(
            table,
            "{:<wide$}  {:>9.3}  {:>14.3}  {:>10.1}  {:>10.1}  {:>4}  {:>8.1}",
            row.name,
            row.cost_over_work,
            row.cost_over_zero_wait,
            row.p50_secs,
            row.p95_secs,
            row.peak,
            row.launches,
        )
        .expect("writing to a string cannot fail");
    }
    table
}
