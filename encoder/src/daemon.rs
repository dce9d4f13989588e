//! The daemon: takes messages while it has free slots, keeps its row in the table, and ends when it is idle or told to.
//!
//! An encoder ends in one order: it takes no more messages, says so in its row, finishes or gives back what it has, and says that
//! it is gone. A message that arrives meanwhile stays in the queue for others.

mod row;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use nommer_core::{
    fleet::{FleetSettings, attempt_time, may_leave},
    id::JobId,
    instance::InstanceState,
    job::{Job, JobOutline, StateName},
    lane::Lane,
    money::WorkAverage,
    ports::{Backend, Delivery, FleetStore, JobQueue, StoreError},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::row::Row;
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

impl Stop {
    /// Asks the daemon to end when this process is asked to: SIGTERM drains; SIGINT gives jobs back at once, as a machine that is
    /// shut down must. To be called within a runtime.
    ///
    /// # Panics
    /// If the kernel sets up no signal handler.
    #[must_use]
    pub fn on_signals() -> Self {
        let stop = Self::default();
        let handler = |kind| signal(kind).expect("a signal handler can be set up");
        let (mut terminate, mut interrupt) = (
            handler(SignalKind::terminate()),
            handler(SignalKind::interrupt()),
        );
        let asked = stop.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => asked.drain.cancel(),
                    _ = interrupt.recv() => asked.release.cancel(),
                }
            }
        });
        stop
    }
}

/// One encoder.
#[derive(Debug)]
pub struct Daemon<B, R, C> {
    /// What works on jobs.
    pub worker: Arc<Worker<B, R, C>>,
    /// How many jobs at a time, and how many instances and free slots stay though there is no work.
    pub fleet: FleetSettings,
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
            match Row::register(&self.worker, self.fleet.jobs_per_instance).await {
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
        let slots = Arc::new(Semaphore::new(
            usize::try_from(self.fleet.jobs_per_instance).unwrap_or(1),
        ));
        let mut busy_at = Instant::now();
        let mut wait = POLL;
        while !shared.stop.drain.is_cancelled() {
            let free = shared
                .stop
                .drain
                .run_until_cancelled(Arc::clone(&slots).acquire_owned())
                .await;
            let Some(Ok(slot)) = free else { break };
            // The message is not dropped half-received: a look lasts a moment only.
            match self.look(&mut wait).await {
                Ok(delivery) => {
                    if let Some(delivery) = delivery {
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
                if self.may_leave().await {
                    tracing::info!("idle for long enough");
                    break;
                }
                busy_at = Instant::now();
            }
        }
    }

    /// One look into both queues: into the bulk queue only if the other gives nothing. While the bulk queue gives, that other one is not
    /// waited for.
    async fn look(&self, wait: &mut Duration) -> Result<Option<Delivery>, StoreError> {
        let hidden = self.worker.times.lease;
        for (lane, patience) in [(Lane::Default, *wait), (Lane::Bulk, Duration::ZERO)] {
            let queue = self.worker.backend.job_queue(lane);
            let received = queue.receive(1, patience, hidden).await?;
            if let Some(delivery) = received.into_iter().next() {
                *wait = match lane {
                    Lane::Default => POLL,
                    Lane::Bulk => Duration::ZERO,
                };
                return Ok(Some(Delivery { lane, ..delivery }));
            }
        }
        *wait = POLL;
        Ok(None)
    }

    /// Whether the fleet keeps its minimum and its spare without this one. Not if the table does not say.
    async fn may_leave(&self) -> bool {
        let backend = &self.worker.backend;
        let rows = match backend.store().instances(self.worker.clock.now()).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(error = ?error, "the table did not say who else is there");
                return false;
            }
        };
        let all: Vec<_> = rows.into_iter().map(|(row, _)| row).collect();
        let me = all.iter().find(|row| row.id == self.worker.instance);
        me.is_none_or(|me| may_leave(me, &all, &self.fleet))
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
        let done = worker.work(&delivery, &shared.stop.release).await;
        done.map(|ended| learn(ended.as_ref(), &shared.work))
    } else {
        // A second message for a job in hand: it waits, and is dropped when it comes back after the job's end.
        worker
            .backend
            .job_queue(delivery.lane)
            .extend(&delivery.receipt, worker.times.lease)
            .await
    };
    if let Err(error) = done {
        // The message comes back when its time is over, or prune sends another.
        tracing::warn!(job.id = %id, error = ?error, "the job table did not answer");
    }
    if first {
        shared.jobs.lock().expect("no holder panics").remove(&id);
    }
    drop(slot);
}

/// Takes a finished job into the averages.
fn learn(ended: Option<&Job>, work: &Mutex<Option<WorkAverage>>) {
    if let Some(job) = ended
        && job.state.name() == StateName::Finished
        && let Some(taken) = attempt_time(job, Timestamp::now())
    {
        let mut work = work.lock().expect("no holder panics");
        *work = Some(WorkAverage::with(
            *work,
            taken,
            JobOutline::from(job).modeled_work,
        ));
    }
}
