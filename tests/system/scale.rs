//! Scale over the AWS adapters: however many runs there are at once, together they launch what one would.

use jiff::Timestamp;
use nommer_core::{
    id::JobId,
    job::Job,
    ports::{Backend as _, Fleet as _, FleetStore as _, JobStore as _},
    sealed::SealedSecrets,
    settings::Settings,
};
use nommer_scale::scale;
use serde_json::json;

use crate::conformance::{
    World as _,
    worlds::{Aws, fleet_of},
};

/// Runs at once.
const RUNS: usize = 20;

fn job(number: u32) -> Job {
    let id: JobId = format!("job_{number:032x}").parse().unwrap();
    let spec = json!({
        "source_path": "s3://bucket/in.mp4",
        "dest_path": format!("s3://bucket/{number}.mp4"),
        "passes": [{}],
        "max_attempts": 3,
    });
    let spec = serde_json::from_value(spec).unwrap();
    Job::new(id, spec, SealedSecrets::default(), Timestamp::now())
}

/// How many instances there are after 20 runs at once, with so many jobs that wait.
async fn launched_for(jobs: u32, settings: &Settings) -> usize {
    let world = Aws::new().await;
    let backend = world.backend(settings);
    let fleet = fleet_of().await;
    for number in 0..jobs {
        backend.store().create(&job(number), None).await.unwrap();
    }
    let now = Timestamp::now();
    let runs = (0..RUNS).map(|_| scale(&backend, &fleet, settings, now));
    for run in futures_util::future::join_all(runs).await {
        run.unwrap();
    }
    let machines = fleet.machines().await.unwrap();
    let (record, _) = backend.store().fleet().await.unwrap();
    let known: Vec<_> = record
        .reservations
        .iter()
        .map(|place| place.token.clone())
        .collect();
    for machine in &machines {
        assert!(
            known.contains(&machine.token),
            "{machine:?} is not in {known:?}"
        );
    }
    machines.len()
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.fleet.max = 3;
    settings.fleet.jobs_per_instance = 1;
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_runs_at_once_launch_one_instance_for_one_job() {
    assert_eq!(launched_for(1, &settings()).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_runs_at_once_never_launch_more_than_the_maximum() {
    assert_eq!(launched_for(30, &settings()).await, 3);
}
