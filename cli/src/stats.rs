//! `nommer stats`: what a system did lately.

use nommer_core::api::StatsView;

use crate::{
    client::Client,
    failure::Failure,
    fleet::usd,
    jobs::in_one_unit,
    output::{Output, table},
};

pub(crate) async fn run(window: &str, client: &Client, output: Output) -> Result<(), Failure> {
    let stats = client.stats(window).await?;
    if output.json {
        return Ok(output.json(&stats)?);
    }
    output.data(table(&rows(&stats)));
    if !stats.complete {
        output.note("there are more jobs than are counted: these are the newest");
    }
    Ok(())
}

fn rows(stats: &StatsView) -> Vec<Vec<String>> {
    let seconds = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |s| format!("{s:.1} s"));
    let window = in_one_unit(stats.window_seconds);
    let lines = [
        ("WAITING", stats.waiting.to_string()),
        ("  the oldest for", seconds(stats.oldest_waiting_seconds)),
        ("RUNNING", stats.running.to_string()),
        ("SUBMITTED", format!("{} in {window}", stats.submitted)),
        (
            "  finished",
            format!(
                "{} ({:.1} an hour)",
                stats.finished, stats.finished_per_hour
            ),
        ),
        ("  failed", stats.failed.to_string()),
        ("  canceled", stats.canceled.to_string()),
        (
            "WAIT",
            format!(
                "p50 {}, p95 {}",
                seconds(stats.wait_p50_seconds),
                seconds(stats.wait_p95_seconds)
            ),
        ),
        (
            "ENCODED",
            format!(
                "{:.2} h of media in {:.2} h",
                stats.source_hours, stats.encode_hours
            ),
        ),
        ("COST", usd(stats.usd)),
    ];
    lines
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect()
}
