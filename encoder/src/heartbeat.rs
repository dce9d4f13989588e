//! Keeping a lease alive, and noticing when it is lost: by the table's word, or by one's own clock when the table is silent.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use nommer_core::{
    commit::{Committed, Seen},
    job::Event,
    lease::LeaseToken,
    ports::{Backend, Delivery, JobQueue},
    progress::Progress,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub struct LeaseTimes {
    /// Pause between two heartbeats.
    pub heartbeat: Duration,
    /// How long a lease lasts.
    pub lease: Duration,
}

/// The newest progress of a job, on its way to the table.
pub(crate) type ProgressCell = Arc<Mutex<Option<Progress>>>;

/// One lease to be kept alive.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    pub(crate) seen: Arc<Seen>,
    pub(crate) token: LeaseToken,
    pub(crate) delivery: Delivery,
    pub(crate) times: LeaseTimes,
    pub(crate) progress: ProgressCell,
    /// Canceled when the lease is lost.
    pub(crate) lost: CancellationToken,
}

impl Heartbeat {
    /// Beats until the lease is lost. Dropped when the attempt ends.
    pub(crate) async fn run<B: Backend>(self, backend: &B, clock: &impl Clock) {
        let mut alive = Instant::now();
        loop {
            clock.sleep(self.times.heartbeat).await;
            // The lease as the table sees it began before this beat was answered: count from here.
            let begun = Instant::now();
            // A table that never answers is a table that does not answer.
            let beat = clock
                .timeout(self.times.heartbeat, self.beat(backend, clock))
                .await;
            match beat.unwrap_or(Beat::Silence) {
                Beat::Alive => alive = begun,
                Beat::Lost => break,
                // The last beat after which FFmpeg can still be ended within the lease.
                Beat::Silence if alive.elapsed() + self.times.heartbeat * 2 >= self.times.lease => {
                    tracing::warn!(job.id = %self.seen.id(), "the lease ran out without an answer from the table");
                    break;
                }
                Beat::Silence => {}
            }
        }
        self.lost.cancel();
    }

    async fn beat<B: Backend>(&self, backend: &B, clock: &impl Clock) -> Beat {
        let progress = self.progress.lock().expect("no holder panics").take();
        let event = Event::Beat {
            token: self.token.clone(),
            lease: self.times.lease,
            progress,
        };
        match backend
            .table()
            .apply_to(&self.seen, event, clock.now())
            .await
        {
            Ok(Committed::Changed { job, .. }) if job.state.ended() => {
                tracing::info!(job.id = %self.seen.id(), details = job.state_details(), "the attempt stops");
                return Beat::Lost;
            }
            Ok(Committed::Changed { .. } | Committed::Ignored(_)) => {}
            Ok(Committed::Denied(reason, _)) => {
                tracing::info!(job.id = %self.seen.id(), %reason, "the attempt stops");
                return Beat::Lost;
            }
            Ok(Committed::Missing) => return Beat::Lost,
            Err(error) => {
                tracing::warn!(job.id = %self.seen.id(), error = ?error, "a heartbeat was not answered");
                return Beat::Silence;
            }
        }
        // The record is what counts; a message that comes back early is denied.
        if let Err(error) = backend
            .job_queue(self.delivery.lane)
            .extend(&self.delivery.receipt, self.times.lease)
            .await
        {
            tracing::debug!(job.id = %self.seen.id(), error = ?error, "the message was not extended");
        }
        Beat::Alive
    }
}

enum Beat {
    Alive,
    Lost,
    Silence,
}
