//! One tick of scale over a large backlog: what it costs to expect the work of each job and to plan.
//!
//! Measured in a release build of this program, as everything else that is ours.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nommer_core::{
    fleet::{
        FleetSettings, InstanceState, InstanceView, Observation, plan_scale, remaining_work,
        waiting_job,
    },
    job::{Event, Job, JobOutline},
    money::WorkAverage,
    sealed::SealedSecrets,
    spec::{SpecRules, parse_v1},
};
use serde_json::json;

use crate::{process, workspace::Workspace};

/// Jobs that have not ended, and how many of them run.
const JOBS: u32 = 100_000;
const RUNNING: u32 = 200;

/// Jobs of an instance at a time.
const SLOTS: u32 = 2;

/// Ticks that are measured.
const TICKS: usize = 21;

/// The most that a tick may take.
const LIMIT: Duration = Duration::from_millis(50);

/// What recent jobs taught; any will do.
const AVERAGE: WorkAverage = WorkAverage {
    jobs: 100,
    seconds: 90.0,
    pace: 1.2,
};

/// Builds the release program and lets it measure.
///
/// # Errors
/// The program does not build, or a tick takes too long.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    process::run(&mut workspace.cargo(["build", "--release", "--package", "xtask"]))?;
    let program = workspace.target().join("release/xtask");
    let output = Command::new(&program).arg("plan-scale").output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Measures, in this process; gives a table in Markdown.
///
/// # Errors
/// A tick takes longer than it may.
pub(crate) fn measure() -> Result<String> {
    let jobs = jobs()?;
    let settings = FleetSettings {
        max: 1_000,
        launch_limit: 1_000,
        jobs_per_instance: SLOTS,
        ..FleetSettings::default()
    };
    let now = jobs[0].created_at;
    let mut times = Vec::new();
    for _ in 0..TICKS {
        let begun = Instant::now();
        let waiting: Vec<_> = jobs
            .iter()
            .filter_map(|job| waiting_job(job, Some(&AVERAGE), now))
            .collect();
        let running: Vec<_> = jobs
            .iter()
            .filter(|job| job.state.lease().is_some())
            .map(|job| remaining_work(job, Some(&AVERAGE), now))
            .collect();
        let instances = running.chunks(SLOTS as usize).map(|jobs| InstanceView {
            state: InstanceState::Ready,
            job_slots: SLOTS,
            jobs: jobs.to_vec(),
        });
        let seen = Observation {
            waiting,
            instances: instances.collect(),
            average_work: AVERAGE.mean(),
            ..Observation::default()
        };
        let plan = plan_scale(&seen, &settings, now);
        times.push(begun.elapsed());
        ensure!(
            plan.launch > 0,
            "a backlog asks for capacity: {}",
            plan.reason
        );
    }
    times.sort();
    let (median, longest) = (times[TICKS / 2], times[TICKS - 1]);
    ensure!(
        median <= LIMIT,
        "a tick takes {median:?}, more than {LIMIT:?}"
    );
    let line = |name: &str, time: Duration| {
        format!("| {name} | {:.1} ms |\n", time.as_secs_f64() * 1_000.0)
    };
    Ok(format!(
        "| a tick over {JOBS} jobs | time |\n|---|--:|\n{}{}",
        line("median", median),
        line(&format!("longest of {TICKS}"), longest),
    ))
}

/// The backlog: each job with a length of its own, the first of them running.
fn jobs() -> Result<Vec<JobOutline>> {
    let body = json!({
        "source_path": "s3://in-bucket/a.mov", "dest_path": "s3://out-bucket/a.mp4", "preset": "web-mp4-720p",
    });
    let spec = parse_v1(&body, &SpecRules::default())
        .context("make a job")?
        .spec;
    let now = "2026-01-01T00:00:00Z".parse().context("a time")?;
    (0..JOBS)
        .map(|number| {
            let id = format!("job_{number:032x}").parse().context("an id")?;
            let mut job = Job::new(id, spec.clone(), SealedSecrets::default(), now);
            job.spec.duration_seconds = Some(f64::from(number % 3_600));
            if number < RUNNING {
                let claim = Event::Claim {
                    instance: "i-1".parse().context("an instance")?,
                    lease: Duration::from_secs(60),
                    margin: Duration::ZERO,
                    slot_hour_usd: None,
                };
                job.apply(claim, now);
            }
            Ok(JobOutline::from(&job))
        })
        .collect()
}
