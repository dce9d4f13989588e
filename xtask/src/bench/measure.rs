//! What a program costs: time, memory, bytes written.
//!
//! The kernel keeps one account for all children that a process ever had, with the largest as the peak of memory. So
//! each program gets a parent of its own: this program again, as `xtask measure`. That parent's own few megabytes are
//! the least that a peak can be.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::Row;
use crate::process;

/// The cost of one run, children included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measurement {
    /// From start to end.
    pub(super) wall: Duration,
    /// User and system time of all threads.
    pub(super) cpu: Duration,
    /// What of it the command took itself, without what it ran. In steps of 10 ms.
    pub(super) own: Duration,
    /// Resident memory at its peak, in bytes.
    pub(super) peak_bytes: u64,
    /// Bytes written to files on a disk; what goes through pipes and sockets is none of them.
    pub(super) written_bytes: u64,
}

/// A command to compare with others.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) label: &'static str,
    pub(super) argv: Vec<OsString>,
}

/// Runs the variants in turn, `rounds` times, and returns their medians.
///
/// Every other round goes backwards, so that a machine that slows down slows all variants alike. The first round
/// fills the page cache and does not count.
///
/// # Errors
/// A variant fails.
pub(super) fn compare(rounds: usize, variants: &[Variant]) -> Result<Vec<Row>> {
    let mut costs = vec![Vec::new(); variants.len()];
    for round in 0..=rounds {
        let mut order: Vec<usize> = (0..variants.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let cost = run_apart(&variants[index].argv)?;
            if round > 0 {
                costs[index].push(cost);
            }
        }
    }
    let rows = variants.iter().zip(&costs).map(|(variant, costs)| Row {
        label: variant.label,
        cost: median(costs),
    });
    Ok(rows.collect())
}

/// Measures a command in a process that runs nothing else.
fn run_apart(argv: &[OsString]) -> Result<Measurement> {
    let xtask = env::current_exe().context("find xtask itself")?;
    process::read(Command::new(xtask).arg("measure").args(argv))?.parse()
}

/// Runs a command, its output dropped, and measures it. Correct for the first command of this process alone.
///
/// # Errors
/// The command cannot be started or fails; the system does not count written bytes, as Linux does.
pub(crate) fn run(argv: &[OsString]) -> Result<Measurement> {
    let (program, args) = argv.split_first().context("a command has a program")?;
    let name = program.display();
    let written_before = written_bytes()?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("start `{name}`"))?;
    let pid = i32::try_from(child.id()).context("read the child's number")?;
    // It stays to be read until it is waited for.
    let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    waitid(Id::Pid(Pid::from_raw(pid)), ended).with_context(|| format!("wait for `{name}`"))?;
    let wall = start.elapsed();
    let own = own_cpu(child.id())?;
    let status = child.wait()?;
    ensure!(status.success(), "`{name}` failed: {status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("read what the children used")?;
    Ok(Measurement {
        wall,
        cpu: duration(usage.user_time())? + duration(usage.system_time())?,
        own,
        peak_bytes: u64::try_from(usage.max_rss())? * 1024,
        written_bytes: written_bytes()? - written_before,
    })
}

/// CPU time of a process, user and system, of all threads that there are and were; of none of its children.
pub(super) fn own_cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold anything; after it the fields are counted from the third.
    let (_, fields) = stat.rsplit_once(')').context("a process has a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks
        .map(|field| field.parse::<u64>().unwrap_or_default())
        .sum();
    // Linux shows times in hundredths of a second, whatever its own clock does.
    Ok(Duration::from_millis(ticks * 10))
}

fn duration(time: TimeVal) -> Result<Duration> {
    let seconds = u64::try_from(time.tv_sec())?;
    let micros = u64::try_from(time.tv_usec())?;
    Ok(Duration::from_secs(seconds) + Duration::from_micros(micros))
}

/// Bytes written to disks by this process and by the children it has waited for: `write_bytes` in proc(5). They count when a page of a
/// file is first changed in memory, and in memory alone there are no disks: on tmpfs it is nothing.
fn written_bytes() -> Result<u64> {
    let io =
        fs::read_to_string("/proc/self/io").context("read /proc/self/io, which only Linux has")?;
    let count = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    count
        .and_then(|count| count.parse().ok())
        .context("find write_bytes in /proc/self/io")
}

/// The median of each quantity on its own; the upper one of two.
fn median(costs: &[Measurement]) -> Measurement {
    fn of<T: Ord>(costs: &[Measurement], quantity: fn(&Measurement) -> T) -> T {
        let mut values: Vec<T> = costs.iter().map(quantity).collect();
        values.sort_unstable();
        values.swap_remove(values.len() / 2)
    }
    Measurement {
        wall: of(costs, |cost| cost.wall),
        cpu: of(costs, |cost| cost.cpu),
        own: of(costs, |cost| cost.own),
        peak_bytes: of(costs, |cost| cost.peak_bytes),
        written_bytes: of(costs, |cost| cost.written_bytes),
    }
}

/// Five numbers: wall, CPU and own CPU time in microseconds, peak memory and written bytes.
impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [wall, cpu, own] = [self.wall, self.cpu, self.own].map(|time| time.as_micros());
        let (peak, written) = (self.peak_bytes, self.written_bytes);
        write!(f, "{wall} {cpu} {own} {peak} {written}")
    }
}

impl FromStr for Measurement {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let numbers: Result<Vec<u64>, _> = line.split(' ').map(str::parse).collect();
        let numbers = numbers.with_context(|| format!("read the measurement `{line}`"))?;
        let [wall, cpu, own, peak_bytes, written_bytes] = numbers[..] else {
            anyhow::bail!("read the measurement `{line}`: five numbers expected");
        };
        Ok(Self {
            wall: Duration::from_micros(wall),
            cpu: Duration::from_micros(cpu),
            own: Duration::from_micros(own),
            peak_bytes,
            written_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(line: &str) -> Measurement {
        line.parse().unwrap()
    }

    #[test]
    fn written_measurement_is_read_back() {
        let line = "1200 900 40 4096000 77";
        assert_eq!(measurement(line).to_string(), line);
        for wrong in ["", "1 2 3 4", "1 2 3 4 5 6", "1 2 3 4 x"] {
            assert!(wrong.parse::<Measurement>().is_err(), "{wrong:?} was read");
        }
    }

    #[test]
    fn median_is_taken_of_each_quantity() {
        let costs = ["1 60 9 30 7", "3 40 8 10 7", "2 50 7 20 7"].map(measurement);
        assert_eq!(median(&costs), measurement("2 50 8 20 7"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn written_bytes_of_a_child_are_counted() {
        // Beside the tests' own program, which lies on a disk. Children of tests that run at the same time are on the same account; they
        // write little.
        let file = env::current_exe().unwrap().with_extension("written");
        let script = format!(
            "head -c 1000000 /dev/zero > '{0}' && head -c 9000000 /dev/zero | cat > /dev/null && rm '{0}'",
            file.display()
        );
        let cost = run(&["sh", "-c", &script].map(OsString::from)).unwrap();
        assert!(
            (1_000_000..2_000_000).contains(&cost.written_bytes),
            "{cost:?}"
        );
        assert!(cost.peak_bytes > 0 && cost.cpu > Duration::ZERO, "{cost:?}");
    }

    #[test]
    fn failure_of_the_program_is_an_error() {
        let error = run(&["false".into()]).unwrap_err();
        assert_eq!(error.to_string(), "`false` failed: exit status: 1");
    }
}
