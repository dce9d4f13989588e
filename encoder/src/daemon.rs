//! The daemon: takes messages while it has free slots, keeps its row in the table, and ends when it is idle or told to.
//!
//! An encoder ends in one order: it takes no more messages, says so in its row, finishes or gives back what it has, and says that
//! it is gone. A message that arrives meanwhile stays in the queue for others.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use nommer_core::{
    fleet::{attempt_time, modeled_work},
    id::JobId,
    instance::{Instance, InstanceState},
    job::JobState,
    money::WorkAverage,
    ports::{Backend, Delivery, FleetStore, JobQueue, JobStore, StoreError, Version},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{clock::Clock, runner::Runner, worker::Worker};

/// How long one look into the queue waits. Also how long a request to end may wait for that look.
const POLL: Duration = Duration::from_secs(1);

/// Pause after a fault of the queue or the table.
const FAULT_PAUSE: Duration = Duration::from_secs(1);

/// How an encoder is asked to end. Giving jobs back implies taking no more.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Take no more jobs, finish those at hand, end.
    pub drain: CancellationToken,
    /// Give the jobs at hand back at once, end.
    pub release: CancellationToken,
}

impl Default for Stop {
    fn default() -> Self {
        let release = CancellationToken::new();
        Self {
            drain: release.child_token(),
            release,
        }
    }
}

/// One encoder.
#[derive(Debug)]
pub struct Daemon<B, R, C> {
    /// What works on jobs.
    pub worker: Arc<Worker<B, R, C>>,
    /// How many jobs at a time.
    pub slots: u32,
    /// How long to wait for work before ending; none to wait for ever.
    pub idle_limit: Option<Duration>,
}

/// What the parts of a daemon share.
#[derive(Debug)]
struct Shared {
    jobs: Mutex<BTreeSet<JobId>>,
    work: Mutex<Option<WorkAverage>>,
    stop: Stop,
}

impl<B: Backend, R: Runner, C: Clock> Daemon<B, R, C> {
    /// Runs until it is idle for too long, told to drain through its row, or asked to end.
    pub async fn run(self, stop: Stop) -> Result<(), StoreError> {
        let shared = Arc::new(Shared {
            jobs: Mutex::default(),
            work: Mutex::default(),
            stop,
        });
        let mut row = loop {
            match Row::register(&self.worker, self.slots).await {
                Ok(row) => break row,
                Err(error) if shared.stop.drain.is_cancelled() => return Err(error),
                Err(error) => {
                    tracing::warn!(error = ?error, "the table did not answer; trying again");
                    shared
                        .stop
                        .drain
                        .run_until_cancelled(self.worker.clock.sleep(FAULT_PAUSE))
                        .await;
                }
            }
        };
        if row.instance.drain_requested {
            shared.stop.drain.cancel();
        }
        let jobs = TaskTracker::new();
        let taking = self.take_jobs(&shared, &jobs);
        row.beat_while(taking, &self.worker, &shared, InstanceState::Ready)
            .await;
        tracing::info!("taking no more jobs");
        row.beat(&self.worker, &shared, InstanceState::Draining)
            .await;
        jobs.close();
        row.beat_while(jobs.wait(), &self.worker, &shared, InstanceState::Draining)
            .await;
        row.beat(&self.worker, &shared, InstanceState::Gone).await;
        Ok(())
    }

    /// Takes one message per free slot until it is time to stop.
    async fn take_jobs(&self, shared: &Arc<Shared>, jobs: &TaskTracker) {
        let slots = Arc::new(Semaphore::new(usize::try_from(self.slots).unwrap_or(1)));
        let mut busy_at = Instant::now();
        while !shared.stop.drain.is_cancelled() {
            let free = shared
                .stop
                .drain
                .run_until_cancelled(Arc::clone(&slots).acquire_owned())
                .await;
            let Some(Ok(slot)) = free else { break };
            // The message is not dropped half-received: a look lasts a moment only.
            match self
                .worker
                .backend
                .job_queue()
                .receive(1, POLL, self.worker.times.lease)
                .await
            {
                Ok(deliveries) => {
                    if let Some(delivery) = deliveries.into_iter().next() {
                        busy_at = Instant::now();
                        jobs.spawn(work(
                            Arc::clone(&self.worker),
                            Arc::clone(shared),
                            delivery,
                            slot,
                        ));
                    }
                }
                Err(error) => {
                    tracing::warn!(error = ?error, "the queue did not answer");
                    shared
                        .stop
                        .drain
                        .run_until_cancelled(self.worker.clock.sleep(FAULT_PAUSE))
                        .await;
                }
            }
            if !shared.jobs.lock().expect("no holder panics").is_empty() {
                busy_at = Instant::now();
            }
            if self
                .idle_limit
                .is_some_and(|limit| busy_at.elapsed() >= limit)
            {
                tracing::info!("idle for long enough");
                break;
            }
        }
    }
}

async fn work<B: Backend, R: Runner, C: Clock>(
    worker: Arc<Worker<B, R, C>>,
    shared: Arc<Shared>,
    delivery: Delivery,
    slot: OwnedSemaphorePermit,
) {
    let id = delivery.job_id.clone();
    let first = shared
        .jobs
        .lock()
        .expect("no holder panics")
        .insert(id.clone());
    let done = if first {
        worker.work(&delivery, &shared.stop.release).await
    } else {
        // A second message for a job in hand: it waits, and is dropped when it comes back after the job's end.
        worker
            .backend
            .job_queue()
            .extend(&delivery.receipt, worker.times.lease)
            .await
    };
    if let Err(error) = done {
        // The message comes back when its time is over, or prune sends another.
        tracing::warn!(job.id = %id, error = ?error, "the job table did not answer");
    }
    if first {
        learn(&*worker.backend, &id, &shared.work).await;
        shared.jobs.lock().expect("no holder panics").remove(&id);
    }
    drop(slot);
}

/// Takes a finished job into the averages. Without an answer of the table, it is not in them.
async fn learn<B: Backend>(backend: &B, id: &JobId, work: &Mutex<Option<WorkAverage>>) {
    let Ok(Some((job, _))) = backend.store().get(id).await else {
        return;
    };
    if let (JobState::Finished, Some(taken)) = (&job.state, attempt_time(&job, Timestamp::now())) {
        let mut work = work.lock().expect("no holder panics");
        *work = Some(WorkAverage::with(*work, taken, modeled_work(&job)));
    }
}

/// The instance's row in the table.
struct Row {
    instance: Instance,
    version: Version,
}

impl Row {
    async fn register<B: Backend, R: Runner, C: Clock>(
        worker: &Worker<B, R, C>,
        slots: u32,
    ) -> Result<Self, StoreError> {
        let now = worker.clock.now();
        let instance = Instance {
            id: worker.instance.clone(),
            state: InstanceState::Ready,
            slots,
            jobs: Vec::new(),
            started_at: now,
            beat_at: now,
            drain_requested: false,
            ffmpeg_version: None,
            instance_type: worker.kind.instance_type.clone(),
            market: worker.kind.market,
            work: None,
        };
        let mut row = Self {
            instance,
            version: Version(0),
        };
        // A daemon that starts again on the same instance takes over its old row.
        row.reread(worker).await?;
        let (fleet, _) = worker.backend.store().fleet().await?;
        row.instance.drain_requested |= fleet.paused(now).is_some();
        row.version = worker
            .backend
            .store()
            .put_instance(&row.instance, row.version)
            .await?;
        Ok(row)
    }

    /// Takes over the version of the row, and what others wrote into it.
    async fn reread<B: Backend, R: Runner, C: Clock>(
        &mut self,
        worker: &Worker<B, R, C>,
    ) -> Result<(), StoreError> {
        let rows = worker.backend.store().instances(Timestamp::MIN).await?;
        if let Some((found, version)) = rows.into_iter().find(|(row, _)| row.id == self.instance.id)
        {
            self.version = version;
            self.instance.drain_requested |=
                found.drain_requested && found.state != InstanceState::Gone;
        }
        Ok(())
    }

    /// Beats for as long as something goes on.
    async fn beat_while<B: Backend, R: Runner, C: Clock>(
        &mut self,
        work: impl Future<Output = ()>,
        worker: &Worker<B, R, C>,
        shared: &Shared,
        state: InstanceState,
    ) {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = &mut work => return,
                () = worker.clock.sleep(worker.times.heartbeat) => self.beat(worker, shared, state).await,
            }
        }
    }

    /// Writes the row anew. A fault is logged: the next beat comes.
    async fn beat<B: Backend, R: Runner, C: Clock>(
        &mut self,
        worker: &Worker<B, R, C>,
        shared: &Shared,
        state: InstanceState,
    ) {
        self.instance.state = state;
        self.instance.beat_at = worker.clock.now();
        self.instance.work = *shared.work.lock().expect("no holder panics");
        self.instance.jobs = shared
            .jobs
            .lock()
            .expect("no holder panics")
            .iter()
            .cloned()
            .collect();
        let mut written = worker
            .backend
            .store()
            .put_instance(&self.instance, self.version)
            .await;
        if matches!(written, Err(StoreError::Conflict)) {
            written = match self.reread(worker).await {
                Ok(()) => {
                    worker
                        .backend
                        .store()
                        .put_instance(&self.instance, self.version)
                        .await
                }
                Err(error) => Err(error),
            };
        }
        match written {
            Ok(version) => self.version = version,
            Err(error) => {
                tracing::warn!(error = ?error, "the instance's heartbeat was not written");
            }
        }
        if self.instance.drain_requested {
            shared.stop.drain.cancel();
        }
    }
}
