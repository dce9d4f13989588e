//! Scale and prune over the AWS adapters: however many runs there are at once, together they launch what one would; and what has
//! ended costs them nothing.

use jiff::Timestamp;
use nommer_core::{
    id::JobId,
    job::{Event, Job},
    ports::{Backend as _, Fleet as _, FleetStore as _, JobFilter, JobStore as _},
    prune::PrunePolicy,
    sealed::SealedSecrets,
    settings::Settings,
};
use nommer_prune::prune;
use nommer_scale::scale;
use serde_json::json;

use crate::{
    conformance::{
        World as _,
        worlds::{Aws, fleet_of},
    },
    counting::Counting,
    emulator::ministack,
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

/// How many jobs have ended in the table. A million takes the emulator half an hour and some gigabytes:
/// `NOMMER_TEST_FINISHED=1000000`.
fn finished() -> u32 {
    std::env::var("NOMMER_TEST_FINISHED").map_or(300, |text| text.parse().unwrap())
}

/// The calls of one run of scale and one of prune, and what they were about.
async fn calls(world: &Aws, counting: &Counting, settings: &Settings) -> Vec<String> {
    let backend = world.backend_at(&counting.url, settings);
    let fleet = fleet_of().await;
    counting.take();
    let now = Timestamp::now();
    Box::pin(scale(&backend, &fleet, settings, now))
        .await
        .unwrap();
    let policy = PrunePolicy::of_fleet(settings);
    Box::pin(prune(&backend, &fleet, &policy, now))
        .await
        .unwrap();
    let calls = counting.take();
    calls.into_iter().map(|call| call.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_have_ended_change_the_calls_of_scale_and_prune_by_nothing() {
    let counting = Counting::before(ministack().url()).await;
    let world = Aws::new().await;
    let settings = settings();
    // The first decision of all is written down.
    calls(&world, &counting, &settings).await;
    let fresh = calls(&world, &counting, &settings).await;
    let numbers: Vec<u32> = (0..finished()).collect();
    for some in numbers.chunks(100) {
        let ended = some.iter().map(|&number| async move {
            let mut job = job(number);
            job.apply(Event::Cancel, Timestamp::now());
            job
        });
        let ended = futures_util::future::join_all(ended).await;
        let stored = ended.iter().map(|job| world.store().create(job, None));
        for stored in futures_util::future::join_all(stored).await {
            stored.unwrap();
        }
    }
    let list = JobFilter {
        limit: 5,
        ..JobFilter::default()
    };
    assert_eq!(world.store().list(&list).await.unwrap().len(), 5);
    let full = calls(&world, &counting, &settings).await;
    assert_eq!(full, fresh);
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
