//! Repairs over the memory side.

use std::sync::Mutex;

use nommer_core::{
    job::{Job, StateName},
    memory::Memory,
    ports::{LaunchError, Machine},
    sealed::SealedSecrets,
    spec::{SpecRules, parse_v1},
};
use serde_json::json;
use uuid::Uuid;

use super::*;

mod batches;

#[derive(Default)]
struct Ended(Mutex<Vec<InstanceId>>);

impl Fleet for Ended {
    async fn machines(&self) -> Result<Vec<Machine>, StoreError> {
        Ok(Vec::new())
    }

    async fn launch(&self, _token: &str) -> Result<InstanceId, LaunchError> {
        unreachable!("prune never launches")
    }

    async fn terminate(&self, id: &InstanceId) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(id.clone());
        Ok(())
    }
}

const POLICY: PrunePolicy = PrunePolicy {
    lease_margin: Duration::ZERO,
    abandon_after: Duration::from_secs(9 * 3_600),
    silence: Duration::from_secs(120),
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

async fn side() -> (Memory, JobId) {
    let backend = Memory::new(at(0));
    let body = json!({
        "source_path": "s3://in-bucket/a.mov", "dest_path": "s3://out-bucket/a.mp4", "preset": "copy",
        "notify_url": "https://hooks.example.com/done",
    });
    let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
    let job = Job::new(
        JobId::from_uuid(Uuid::nil()),
        spec,
        SealedSecrets::default(),
        at(0),
    );
    backend.store.create(&job, None).await.unwrap();
    (backend, job.id)
}

async fn claim(backend: &Memory, id: &JobId, now: Timestamp) {
    let event = Event::Claim {
        instance: "i-1".parse().unwrap(),
        lease: Duration::from_secs(60),
        margin: Duration::ZERO,
        slot_hour_usd: Some(0.36),
    };
    backend.table().apply(id, event, now).await.unwrap();
}

async fn state(backend: &Memory, id: &JobId) -> StateName {
    backend.store.get(id).await.unwrap().unwrap().0.state.name()
}

#[tokio::test]
async fn a_job_whose_message_was_lost_is_queued_again() {
    let (backend, _) = side().await;
    let early = prune(&backend, &Ended::default(), &POLICY, at(119))
        .await
        .unwrap();
    assert_eq!((early.jobs, backend.job_queue.len()), (0, 0));
    let late = prune(&backend, &Ended::default(), &POLICY, at(120))
        .await
        .unwrap();
    assert_eq!((late.jobs, backend.job_queue.len()), (1, 1));
}

#[tokio::test]
async fn a_dead_encoders_job_waits_again_and_is_queued() {
    let (backend, id) = side().await;
    claim(&backend, &id, at(0)).await;
    prune(&backend, &Ended::default(), &POLICY, at(60))
        .await
        .unwrap();
    assert_eq!(state(&backend, &id).await, StateName::Pending);
    assert_eq!(backend.job_queue.len(), 1);
}

#[tokio::test]
async fn two_runs_at_once_repair_once() {
    let (backend, id) = side().await;
    claim(&backend, &id, at(0)).await;
    let fleet = Ended::default();
    let (first, second) = tokio::join!(
        prune(&backend, &fleet, &POLICY, at(60)),
        prune(&backend, &fleet, &POLICY, at(60))
    );
    assert_eq!(first.unwrap().failed + second.unwrap().failed, 0);
    let (job, _) = backend.store.get(&id).await.unwrap().unwrap();
    assert_eq!((job.state.name(), job.sequence), (StateName::Pending, 3));
}

#[tokio::test]
async fn an_overdue_notification_is_queued_again() {
    let (backend, id) = side().await;
    backend
        .table()
        .apply(&id, Event::Cancel, at(0))
        .await
        .unwrap();
    let hint = backend
        .state_queue
        .receive(10, Duration::ZERO, Duration::ZERO)
        .await
        .unwrap();
    backend.state_queue.delete(&hint[0].receipt).await.unwrap();
    assert_eq!(
        prune(&backend, &Ended::default(), &POLICY, at(59))
            .await
            .unwrap()
            .notified,
        0
    );
    assert_eq!(
        prune(&backend, &Ended::default(), &POLICY, at(60))
            .await
            .unwrap()
            .notified,
        1
    );
    assert_eq!(backend.state_queue.len(), 1);
}

#[tokio::test]
async fn a_silent_instance_is_ended_and_forgotten() {
    let (backend, _) = side().await;
    let instance = Instance {
        id: "i-1".parse().unwrap(),
        state: InstanceState::Ready,
        slots: 1,
        jobs: Vec::new(),
        started_at: at(0),
        beat_at: at(0),
        drain_requested: false,
        ffmpeg_version: None,
        instance_type: None,
        market: None,
        work: None,
    };
    backend
        .store
        .put_instance(&instance, Version(0))
        .await
        .unwrap();
    let fleet = Ended::default();
    for _ in 0..2 {
        prune(&backend, &fleet, &POLICY, at(119)).await.unwrap();
        assert!(fleet.0.lock().unwrap().is_empty());
    }
    for _ in 0..2 {
        prune(&backend, &fleet, &POLICY, at(120)).await.unwrap();
    }
    assert_eq!(*fleet.0.lock().unwrap(), ["i-1".parse().unwrap()]);
    assert!(backend.store.instances(at(121)).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_instance_that_never_came_up_is_ended() {
    let (backend, _) = side().await;
    let (mut record, version) = backend.store.fleet().await.unwrap();
    record.launched("token", &"i-1".parse().unwrap(), at(0));
    backend.store.put_fleet(&record, version).await.unwrap();
    let fleet = Ended::default();
    prune(&backend, &fleet, &POLICY, at(599)).await.unwrap();
    assert!(
        fleet.0.lock().unwrap().is_empty(),
        "it may still be booting"
    );
    prune(&backend, &fleet, &POLICY, at(600)).await.unwrap();
    assert_eq!(*fleet.0.lock().unwrap(), ["i-1".parse().unwrap()]);
}

/// A day in seconds.
const DAY: i64 = 86_400;

#[tokio::test]
async fn a_day_without_prune_gives_up_no_job() {
    for claimed in [false, true] {
        let (backend, id) = side().await;
        if claimed {
            claim(&backend, &id, at(0)).await;
        }
        // The machine is off for a day; then prune runs each minute as ever, but no encoder takes the job.
        let hours = |hours: i64| DAY + hours * 3_600;
        for now in (DAY..hours(8)).step_by(60) {
            prune(&backend, &Ended::default(), &POLICY, at(now))
                .await
                .unwrap();
        }
        assert_eq!(state(&backend, &id).await, StateName::Pending);
        assert!(!backend.job_queue.is_empty());
        for now in (hours(8)..hours(10)).step_by(60) {
            prune(&backend, &Ended::default(), &POLICY, at(now))
                .await
                .unwrap();
        }
        assert_eq!(state(&backend, &id).await, StateName::Abandoned);
    }
}
