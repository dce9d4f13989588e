//! The logs of functions: lines on standard output, as Lambda's settings for logs ask. Nothing else is set up here.
//!
//! As the runtime's own subscriber, with a level in the place of its filters: those bring an engine for regular expressions into each zip.

use tracing_subscriber::filter::LevelFilter;

use crate::environment::optional;

/// Writes log lines from now on: those of `AWS_LAMBDA_LOG_LEVEL`, or else `RUST_LOG`, or else `info`, as JSON if
/// `AWS_LAMBDA_LOG_FORMAT` says so.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html>
pub fn log_to_lambda() {
    let level = optional("AWS_LAMBDA_LOG_LEVEL").or_else(|| optional("RUST_LOG"));
    let lines = tracing_subscriber::fmt()
        .with_target(false)
        .with_ansi(false)
        .without_time()
        .with_max_level(self::level(level.as_deref()));
    let format = optional("AWS_LAMBDA_LOG_FORMAT");
    if format.is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        lines.json().init();
    } else {
        lines.init();
    }
}

/// The level by its name. Lambda knows one that there is not here, and what nobody knows is `info`.
fn level(name: Option<&str>) -> LevelFilter {
    match name {
        Some(name) if name.eq_ignore_ascii_case("fatal") => LevelFilter::ERROR,
        Some(name) => name.parse().unwrap_or(LevelFilter::INFO),
        None => LevelFilter::INFO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_that_lambda_names_is_known_and_others_are_info() {
        let known = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
        let levels = known.map(|name| level(Some(name)));
        assert_eq!(
            levels,
            [
                LevelFilter::TRACE,
                LevelFilter::DEBUG,
                LevelFilter::INFO,
                LevelFilter::WARN,
                LevelFilter::ERROR,
                LevelFilter::ERROR,
            ]
        );
        assert_eq!(level(None), LevelFilter::INFO);
        assert_eq!(level(Some("nommer=debug")), LevelFilter::INFO);
    }
}
