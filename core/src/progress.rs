//! Progress of one pass, from FFmpeg's `-progress` lines, and of the whole job, from its passes.
//!
//! Parsing is tolerant: early values are `0`, `N/A` or padded with blanks, and none of that is an error.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Weight of the newest speed in the moving average that the remaining time is computed from.
///
/// A tenth smooths over scene changes and still follows a real change within some ten reports.
const SPEED_WEIGHT: f64 = 0.1;

/// What the lines of one report say, so far. FFmpeg ends each report with `progress=continue` or `progress=end`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Media time written so far.
    pub out_time: Option<Duration>,
    /// Frames a second of encoding time.
    pub fps: Option<f64>,
    /// Media seconds a second of encoding time.
    pub speed: Option<f64>,
    /// Bytes written so far.
    pub total_size: Option<u64>,
}

/// What one line did to the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A value, or a key that is not used here.
    Part,
    /// The report is complete and more will come.
    Continue,
    /// The report is complete and the pass is done.
    End,
}

impl Report {
    /// Takes in one `key=value` line.
    pub fn take(&mut self, line: &str) -> Line {
        let Some((key, value)) = line.split_once('=') else {
            return Line::Part;
        };
        let value = value.trim();
        match key.trim() {
            "out_time_us" => set(
                &mut self.out_time,
                value.parse().ok().map(Duration::from_micros),
            ),
            "total_size" => set(&mut self.total_size, value.parse().ok()),
            "fps" => set(&mut self.fps, positive(value)),
            "speed" => set(&mut self.speed, positive(value.trim_end_matches('x'))),
            "progress" if value == "end" => return Line::End,
            "progress" => return Line::Continue,
            _ => {}
        }
        Line::Part
    }
}

/// Keeps the last value that could be read.
fn set<T>(field: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *field = value;
    }
}

fn positive(text: &str) -> Option<f64> {
    text.trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number > 0.0)
}

/// How far a job is, as callers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// The pass that runs now, from 1; 0 before the first.
    pub pass: u32,
    /// How many passes there are; 0 until the source was probed.
    pub passes: u32,
    /// Share of the whole encoding work that is done, 0 to 100.
    pub percent: f64,
    /// Frames a second.
    pub fps: Option<f64>,
    /// Media seconds a second.
    pub speed: Option<f64>,
    /// Seconds until the last pass ends; absent until it can be told.
    pub eta_seconds: Option<u64>,
}

/// Turns the reports of all passes into one [`Progress`].
///
/// Each pass has a weight: its share of the whole work. Passes whose media duration is unknown count only when they end.
#[derive(Clone, Debug)]
pub struct Tracker {
    weights: Vec<f64>,
    duration: Option<Duration>,
    pass: usize,
    average_speed: Option<f64>,
    /// The most that was shown. FFmpeg may report no time, or an earlier one, after a later one.
    percent: f64,
}

impl Tracker {
    /// A tracker for passes with these weights over a source that lasts `duration`.
    pub fn new(weights: Vec<f64>, duration: Option<Duration>) -> Self {
        Self {
            weights,
            duration: duration.filter(|duration| !duration.is_zero()),
            pass: 0,
            average_speed: None,
            percent: 0.0,
        }
    }

    /// Goes on to the next pass; its speed has nothing to do with that of the last.
    pub fn next_pass(&mut self) {
        self.pass += 1;
        self.average_speed = None;
    }

    /// The job's progress after `report` of the present pass.
    pub fn progress(&mut self, report: &Report) -> Progress {
        if let Some(speed) = report.speed {
            let average = self.average_speed.unwrap_or(speed);
            self.average_speed = Some(average + SPEED_WEIGHT * (speed - average));
        }
        let within = self.share_of_pass(report);
        let total: f64 = self.weights.iter().sum();
        let done: f64 = self.weights.iter().take(self.pass).sum();
        let weight = self.weights.get(self.pass).copied().unwrap_or(0.0);
        let percent = if total > 0.0 {
            100.0 * (done + weight * within) / total
        } else {
            0.0
        };
        let percent = (percent.clamp(0.0, 100.0) * 10.0).round() / 10.0;
        self.percent = self.percent.max(percent);
        Progress {
            pass: count(self.pass + 1),
            passes: count(self.weights.len()),
            percent: self.percent,
            fps: report.fps,
            speed: report.speed,
            eta_seconds: self.eta(within, weight, total - done),
        }
    }

    fn share_of_pass(&self, report: &Report) -> f64 {
        match (report.out_time, self.duration) {
            (Some(out_time), Some(duration)) => {
                (out_time.as_secs_f64() / duration.as_secs_f64()).clamp(0.0, 1.0)
            }
            _ => 0.0,
        }
    }

    /// Media left in this pass over its speed, scaled by the work of the passes that follow.
    fn eta(&self, within: f64, weight: f64, weight_left: f64) -> Option<u64> {
        let (speed, duration) = (self.average_speed?, self.duration?);
        if weight <= 0.0 {
            return None;
        }
        let whole_pass = duration.as_secs_f64() / speed;
        let seconds = whole_pass * (weight_left / weight - within);
        Duration::try_from_secs_f64(seconds.max(0.0))
            .ok()
            .map(|eta| eta.as_secs())
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &str) -> (Report, Line) {
        let mut report = Report::default();
        let last = lines.lines().map(|line| report.take(line)).last().unwrap();
        (report, last)
    }

    #[test]
    fn progress_never_goes_back_whatever_is_reported() {
        let mut tracker = Tracker::new(vec![1.0], Some(Duration::from_secs(10)));
        let mut percents = Vec::new();
        for lines in [
            "out_time_us=5000000\nprogress=continue",
            "out_time_us=400000\nprogress=continue",
            "out_time_us=N/A\nprogress=continue",
            "out_time_us=6000000\nprogress=end",
        ] {
            percents.push(tracker.progress(&report(lines).0).percent);
        }
        assert_eq!(percents, [50.0, 50.0, 50.0, 60.0]);
    }

    #[test]
    fn early_reports_without_numbers_are_not_errors() {
        let (report, last) = report(
            "frame=0\nfps=0.00\nout_time_us=N/A\ntotal_size=N/A\nspeed=   0x\nprogress=continue",
        );
        assert_eq!(report, Report::default());
        assert_eq!(last, Line::Continue);
    }

    #[test]
    fn a_full_report_is_read() {
        let (report, last) =
            report("fps=118.2\nout_time_us=2500000\ntotal_size=1234\nspeed=4.92x\nprogress=end");
        assert_eq!(report.out_time, Some(Duration::from_millis(2500)));
        assert_eq!(
            (report.fps, report.speed, report.total_size),
            (Some(118.2), Some(4.92), Some(1234))
        );
        assert_eq!(last, Line::End);
    }

    #[test]
    fn progress_counts_all_passes_by_weight() {
        let mut tracker = Tracker::new(vec![1.0, 3.0], Some(Duration::from_secs(10)));
        let half = Report {
            out_time: Some(Duration::from_secs(5)),
            speed: Some(2.0),
            ..Report::default()
        };
        let first = tracker.progress(&half);
        assert_eq!((first.pass, first.passes), (1, 2));
        assert!((first.percent - 12.5).abs() < 0.01);
        // 2.5 s are left of this pass, and three times a whole pass of 5 s.
        assert_eq!(first.eta_seconds, Some(17));
        tracker.next_pass();
        let second = tracker.progress(&half);
        assert!((second.percent - 62.5).abs() < 0.01);
        assert_eq!(second.eta_seconds, Some(2));
    }

    #[test]
    fn remaining_time_does_not_jump_with_one_slow_report() {
        let mut tracker = Tracker::new(vec![1.0], Some(Duration::from_secs(100)));
        let at = |secs, speed| Report {
            out_time: Some(Duration::from_secs(secs)),
            speed: Some(speed),
            ..Report::default()
        };
        let before = tracker.progress(&at(50, 5.0)).eta_seconds.unwrap();
        let after = tracker.progress(&at(50, 0.5)).eta_seconds.unwrap();
        assert!(after < before * 2, "{before} {after}");
    }

    #[test]
    fn an_unknown_duration_gives_no_false_percent() {
        let progress = Tracker::new(vec![1.0], None).progress(&Report {
            out_time: Some(Duration::from_secs(5)),
            speed: Some(1.0),
            ..Report::default()
        });
        assert!(progress.percent.abs() < f64::EPSILON);
        assert_eq!(progress.eta_seconds, None);
    }
}
