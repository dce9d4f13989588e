//! Days of jobs: generated ones of four shapes, and traces read from text. Also the two lower bounds on their cost.

use std::time::Duration;

use super::Random;

/// One job of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When it is submitted, from the start of the trace.
    pub at: Duration,
    /// How long it takes on one job slot.
    pub work: Duration,
}

/// The shape of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Poisson arrivals, one each half minute on average.
    Steady,
    /// As steady on average, between nearly none at night and twice the mean at noon.
    Diurnal,
    /// Bursts of forty jobs within a minute, two hours apart on average.
    Bursty,
    /// Single jobs, twenty minutes apart on average.
    Sparse,
}

/// The length of a generated trace, in seconds.
const DAY: f64 = 86_400.0;

/// Median and sigma of the log-normal work, in seconds: a mean of about 250 s.
const WORK: (f64, f64) = (180.0, 0.8);

/// Mean seconds between steady jobs: some 8 run at a time.
const STEADY_GAP: f64 = 30.0;

/// Jobs in a burst.
const BURST: usize = 40;

/// Seconds over which a burst arrives.
const BURST_SPREAD: f64 = 60.0;

/// Mean seconds between bursts.
const BURST_GAP: f64 = 7_200.0;

/// Mean seconds between sparse jobs.
const SPARSE_GAP: f64 = 1_200.0;

/// The most lines of a trace that are read.
const TRACE_LIMIT: usize = 1_000_000;

/// The longest time, in seconds, that a trace may name: ten years.
const LONGEST: f64 = 315_360_000.0;

impl Workload {
    /// All shapes, with their names.
    pub const ALL: [(&str, Self); 4] = [
        ("steady", Self::Steady),
        ("diurnal", Self::Diurnal),
        ("bursty", Self::Bursty),
        ("sparse", Self::Sparse),
    ];

    /// A day of this shape, in order of arrival.
    pub fn generate(self, seed: u64) -> Vec<Arrival> {
        let mut random = Random::new(seed);
        let mut times = match self {
            Self::Steady => poisson(&mut random, STEADY_GAP),
            Self::Sparse => poisson(&mut random, SPARSE_GAP),
            Self::Diurnal => diurnal(&mut random),
            Self::Bursty => bursty(&mut random),
        };
        times.sort_by(f64::total_cmp);
        times
            .into_iter()
            .map(|at| Arrival {
                at: seconds(at),
                work: seconds(random.log_normal(WORK.0, WORK.1)),
            })
            .collect()
    }
}

fn poisson(random: &mut Random, gap: f64) -> Vec<f64> {
    let mut times = Vec::new();
    let mut at = random.exponential(gap);
    while at < DAY {
        times.push(at);
        at += random.exponential(gap);
    }
    times
}

/// Thins a Poisson stream of twice the rate, so that the rate follows one wave a day.
fn diurnal(random: &mut Random) -> Vec<f64> {
    let mut times = poisson(random, STEADY_GAP / 2.0);
    times.retain(|at| {
        let wave = (1.0 - (std::f64::consts::TAU * at / DAY).cos()) / 2.0;
        random.unit() < wave
    });
    times
}

fn bursty(random: &mut Random) -> Vec<f64> {
    poisson(random, BURST_GAP)
        .into_iter()
        .flat_map(|start| std::iter::repeat_n(start, BURST))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|start| start + BURST_SPREAD * random.unit())
        .collect()
}

/// Why a trace was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// A line is not two numbers of seconds.
    #[error(
        "read trace line {line}: expected `arrival_secs,work_secs` with numbers from 0 to ten years, found {text:?}"
    )]
    Line {
        /// Counted from one.
        line: usize,
        /// The beginning of the line.
        text: String,
    },
    /// There are more jobs than the simulator takes.
    #[error("read trace: more than {TRACE_LIMIT} jobs")]
    TooLong,
}

/// Reads a trace from CSV text with the columns `arrival_secs,work_secs`; a header and empty lines are skipped.
pub fn parse_trace(text: &str) -> Result<Vec<Arrival>, TraceError> {
    let mut jobs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || (index == 0 && line.starts_with("arrival_secs")) {
            continue;
        }
        if jobs.len() == TRACE_LIMIT {
            return Err(TraceError::TooLong);
        }
        jobs.push(parse_line(line).ok_or_else(|| TraceError::Line {
            line: index + 1,
            text: line.chars().take(80).collect(),
        })?);
    }
    jobs.sort_by_key(|job| job.at);
    Ok(jobs)
}

fn parse_line(line: &str) -> Option<Arrival> {
    let (at, work) = line.split_once(',')?;
    let number = |text: &str| {
        let value: f64 = text.trim().parse().ok()?;
        (0.0..=LONGEST).contains(&value).then(|| seconds(value))
    };
    Some(Arrival {
        at: number(at)?,
        work: number(work)?,
    })
}

/// Seconds as a duration, to the millisecond, so that the order of events does not hang on rounding.
pub(super) fn seconds(value: f64) -> Duration {
    let exact = Duration::from_secs_f64(value.clamp(0.0, LONGEST));
    Duration::from_millis(u64::try_from(exact.as_millis()).expect("ten years of milliseconds fit"))
}

/// The work-conservation bound: no policy can bill fewer slot seconds than the jobs take.
pub fn work_bound(jobs: &[Arrival]) -> Duration {
    jobs.iter().map(|job| job.work).sum()
}

/// The least that a policy could bill which sees the future and lets no job wait, in slot seconds.
///
/// Jobs are stacked on as few slots as run at once. A slot pays one billed boot at first, and in each gap either
/// idles or boots again, whichever is less. Exact for one slot on each instance and no minimum bill.
pub fn zero_wait_bound(jobs: &[Arrival], billed_boot: Duration) -> Duration {
    let mut changes: Vec<(Duration, bool)> = jobs
        .iter()
        .flat_map(|job| [(job.at, true), (job.at + job.work, false)])
        .collect();
    // At one instant the ends come first, so that a slot is handed over.
    changes.sort_unstable();
    let mut idle_since = Vec::new();
    let mut overhead = Duration::ZERO;
    for (at, starts) in changes {
        if !starts {
            idle_since.push(at);
        } else if let Some(since) = idle_since.pop() {
            overhead += billed_boot.min(at.saturating_sub(since));
        } else {
            overhead += billed_boot;
        }
    }
    work_bound(jobs) + overhead
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(at: u64, work: u64) -> Arrival {
        Arrival {
            at: Duration::from_secs(at),
            work: Duration::from_secs(work),
        }
    }

    #[test]
    fn a_day_is_the_same_for_the_same_seed_only() {
        for (name, workload) in Workload::ALL {
            let day = workload.generate(1);
            assert_eq!(day, workload.generate(1), "{name}");
            assert_ne!(day, workload.generate(2), "{name}");
            assert!(day.is_sorted_by_key(|job| job.at), "{name}");
        }
    }

    #[test]
    fn a_diurnal_day_is_busier_at_noon_than_at_night() {
        let day = Workload::Diurnal.generate(3);
        let hour = |from: u64| {
            day.iter()
                .filter(|job| job.at.as_secs() / 3_600 == from)
                .count()
        };
        assert!(
            hour(12) > 10 * hour(0).max(1),
            "{} against {}",
            hour(12),
            hour(0)
        );
    }

    #[test]
    fn a_trace_is_read_and_sorted() {
        let text = "arrival_secs,work_secs\n10, 2.5\n\n0,60\n";
        let jobs = parse_trace(text).unwrap();
        assert_eq!(jobs[0], job(0, 60));
        assert_eq!(jobs[1].work, Duration::from_millis(2_500));
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in ["1", "1,x", "-1,2", "1,inf", "1,NaN", "1,2,3", "1,1e300"] {
            let error = parse_trace(&format!("0,1\n{bad}")).unwrap_err();
            assert!(
                matches!(error, TraceError::Line { line: 2, .. }),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn the_zero_wait_bound_idles_through_short_gaps_and_boots_after_long_ones() {
        let boot = Duration::from_secs(30);
        let cost = |jobs: &[Arrival]| zero_wait_bound(jobs, boot).as_secs();
        assert_eq!(cost(&[]), 0);
        assert_eq!(cost(&[job(0, 100)]), 130);
        assert_eq!(cost(&[job(0, 100), job(110, 100)]), 240);
        assert_eq!(cost(&[job(0, 100), job(500, 100)]), 260);
        assert_eq!(cost(&[job(0, 100), job(50, 100)]), 260);
        assert_eq!(cost(&[job(0, 100), job(100, 100)]), 230);
    }
}
