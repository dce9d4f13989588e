//! The worker over the memory side, with attempts that end at once.

use std::sync::Mutex;

use jiff::Timestamp;
use nommer_core::{
    id::JobId,
    instance::Kind,
    lease::later,
    memory::Memory,
    ports::{JobStore as _, LogStore as _},
    progress::Progress,
    sealed::SealedSecrets,
    spec::{SpecRules, parse_v1},
};
use serde_json::json;

use super::*;
use crate::{attempt::Observer, clock::SystemClock};

/// Attempts that get as far as to publish and then fail like this.
struct Failing(Code);

impl Runner for Failing {
    async fn run(
        &self,
        _name: &str,
        _request: &Request,
        _cancel: &CancellationToken,
        observer: &mut impl Observer,
    ) -> Result<Vec<Output>, Stop> {
        observer
            .encoding(nommer_core::job::Report::default())
            .await?;
        observer.uploading(Vec::new()).await?;
        Err(JobError::new(self.0, "no").into())
    }
}

/// A clock that stands where it was put.
struct Standing(Mutex<Timestamp>);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, pause: Duration) {
        SystemClock.sleep(pause).await;
    }
}

const LEASE: Duration = Duration::from_secs(60);
const MARGIN: Duration = Duration::from_secs(30);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

async fn with_job(code: Code) -> (Worker<Memory, Failing, Standing>, JobId) {
    let backend = Memory::new(at(0));
    let body = json!({
        "source_path": "s3://in-bucket/a.mov", "dest_path": "s3://out-bucket/a.mp4", "preset": "copy",
    });
    let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
    let id: JobId = "job_1".parse().unwrap();
    let job = Job::new(id.clone(), spec, SealedSecrets::default(), at(0));
    backend.store.create(&job, None).await.unwrap();
    let worker = Worker {
        backend: Arc::new(backend),
        runner: Failing(code),
        clock: Standing(Mutex::new(at(0))),
        instance: "i-1".parse().unwrap(),
        times: LeaseTimes {
            heartbeat: Duration::from_secs(20),
            lease: LEASE,
        },
        margin: MARGIN,
        kind: Kind::default(),
    };
    (worker, id)
}

/// Receives a message for the job and works on it.
async fn work(worker: &Worker<Memory, Failing, Standing>, id: &JobId) {
    let queue = &worker.backend.job_queue;
    queue.send(id, Duration::ZERO).await.unwrap();
    let taken = queue.receive(1, Duration::ZERO, LEASE).await.unwrap();
    let done = worker.work(&taken[0], &CancellationToken::new()).await;
    done.unwrap();
}

async fn job(worker: &Worker<Memory, Failing, Standing>, id: &JobId) -> Job {
    worker.backend.store.get(id).await.unwrap().unwrap().0
}

#[tokio::test]
async fn a_message_of_a_held_job_stays_hidden_until_the_lease_and_its_margin_are_over() {
    let (worker, id) = with_job(Code::Unavailable).await;
    let claim = Event::Claim {
        instance: "i-2".parse().unwrap(),
        lease: LEASE,
        margin: MARGIN,
        slot_hour_usd: None,
    };
    worker
        .backend
        .table()
        .apply(&id, claim, at(0))
        .await
        .unwrap();
    // The lease is over, its margin is not: whoever asks now must not be asked again at once.
    *worker.clock.0.lock().unwrap() = at(61);
    let queue = &worker.backend.job_queue;
    queue.set_now(at(61));
    work(&worker, &id).await;
    let taken_at = async |now| {
        queue.set_now(now);
        queue.receive(1, Duration::ZERO, LEASE).await.unwrap().len()
    };
    assert_eq!(taken_at(at(89)).await, 0);
    assert_eq!(taken_at(later(at(60), MARGIN)).await, 1);
}

#[tokio::test]
async fn a_changed_destination_is_a_foreign_conflict_in_the_first_attempt_only() {
    let (worker, id) = with_job(Code::DestConflict).await;
    work(&worker, &id).await;
    let code = |job: &Job| job.error().map(|error| error.code);
    assert_eq!(code(&job(&worker, &id).await), Some(Code::DestConflict));

    let (worker, id) = with_job(Code::DestConflict).await;
    let lost = Worker {
        runner: Failing(Code::Interrupted),
        ..worker
    };
    work(&lost, &id).await;
    let worker = Worker {
        runner: Failing(Code::DestConflict),
        clock: Standing(Mutex::new(at(600))),
        ..lost
    };
    work(&worker, &id).await;
    let second = job(&worker, &id).await;
    assert_eq!(
        (second.attempts, second.state.ended()),
        (2, false),
        "{second:?}"
    );
}

/// Attempts of three hours that tell of their progress twice a second.
struct Long;

const THREE_HOURS: Duration = Duration::from_secs(3 * 3_600);

impl Runner for Long {
    async fn run(
        &self,
        _name: &str,
        _request: &Request,
        _cancel: &CancellationToken,
        observer: &mut impl Observer,
    ) -> Result<Vec<Output>, Stop> {
        let report = nommer_core::job::Report::default();
        observer.encoding(report).await?;
        let begun = Instant::now();
        while begun.elapsed() < THREE_HOURS {
            SystemClock.sleep(Duration::from_millis(500)).await;
            observer.progress(progress(begun.elapsed()));
        }
        observer.uploading(Vec::new()).await?;
        observer.publishing().await?;
        Ok(Vec::new())
    }
}

fn progress(elapsed: Duration) -> Progress {
    Progress {
        percent: 100.0 * elapsed.as_secs_f64() / THREE_HOURS.as_secs_f64(),
        pass: 1,
        passes: 1,
        fps: None,
        speed: None,
        eta_seconds: None,
    }
}

#[tokio::test(start_paused = true)]
async fn progress_of_a_long_encode_is_written_with_its_heartbeats_and_not_beside_them() {
    let (worker, id) = with_job(Code::Unavailable).await;
    let beats = THREE_HOURS.as_secs() / worker.times.heartbeat.as_secs();
    let worker = Worker {
        backend: worker.backend,
        runner: Long,
        clock: worker.clock,
        instance: worker.instance,
        times: worker.times,
        margin: worker.margin,
        kind: worker.kind,
    };
    let queue = &worker.backend.job_queue;
    queue.send(&id, Duration::ZERO).await.unwrap();
    let taken = queue.receive(1, Duration::ZERO, LEASE).await.unwrap();
    worker
        .work(&taken[0], &CancellationToken::new())
        .await
        .unwrap();
    let (job, version) = worker.backend.store.get(&id).await.unwrap().unwrap();
    assert_eq!(job.state.name(), StateName::Finished);
    // The job itself, claim, encode, upload, publish, finish.
    let steps = 6;
    assert!(version.0 > beats, "{} writes, {beats} beats", version.0);
    assert!(
        version.0 <= beats + steps,
        "{} writes, {beats} beats",
        version.0
    );
}

/// What FFmpeg said is kept with the end of an attempt, also when another writer changed the job meanwhile.
#[tokio::test]
async fn a_log_survives_a_write_that_came_between() {
    let (worker, id) = with_job(Code::Unavailable).await;
    let (job, version) = worker.backend.store.get(&id).await.unwrap().unwrap();
    let seen = Seen::new(job.clone(), version);
    let other = worker.backend.store.put(&job, version, &[]).await;
    other.unwrap();
    let log = JobLog {
        attempt: 1,
        at: at(1),
        text: "== pass 1\n".to_owned(),
    };
    seen.bring(log.clone());
    let table = worker.backend.table();
    let ended = table.apply_to(&seen, Event::Cancel, at(2)).await.unwrap();
    assert!(matches!(ended, Committed::Changed { .. }), "{ended:?}");
    assert_eq!(worker.backend.store.log(&id).await.unwrap(), Some(log));
}
