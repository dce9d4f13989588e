//! Outcomes side by side: means over seeds, as a table of text.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Arrival, Contender, Outcome, World, simulate, zero_wait_bound};

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
    /// Runs a contender through each of the days, with the seeds that follow the world's, and summarizes.
    pub fn of(name: &str, days: &[Vec<Arrival>], world: &World, contender: &Contender) -> Self {
        let outcomes: Vec<_> = (world.seed..)
            .zip(days)
            .map(|(seed, day)| {
                let world = World {
                    seed,
                    ..world.clone()
                };
                simulate(day, &world, contender)
            })
            .collect();
        let days_and_outcomes = days.iter().zip(&outcomes);
        let over_zero_wait = days_and_outcomes.map(|(day, outcome)| {
            let bound = zero_wait_bound(day, world.billed_boot).max(Duration::from_millis(1));
            outcome.billed.div_duration_f64(bound)
        });
        Self {
            name: name.to_owned(),
            cost_over_work: mean(outcomes.iter().map(Outcome::cost_over_work)),
            cost_over_zero_wait: mean(over_zero_wait),
            p50_secs: mean(
                outcomes
                    .iter()
                    .map(|outcome| outcome.wait(50).as_secs_f64()),
            ),
            p95_secs: mean(
                outcomes
                    .iter()
                    .map(|outcome| outcome.wait(95).as_secs_f64()),
            ),
            peak: outcomes.iter().map(Outcome::peak).max().unwrap_or(0),
            launches: mean(outcomes.iter().map(|outcome| f64::from(outcome.launches))),
        }
    }
}

/// The mean, zero of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
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
