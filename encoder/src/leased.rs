//! What a leased attempt may do: each step is written under the lease's token, or refused.

use std::sync::Arc;

use nommer_core::{
    commit::{Committed, Seen},
    error::{Code, JobError, Warning},
    job::{Event, Job, Output, Report},
    lease::LeaseToken,
    log,
    notify::EventName,
    ports::Backend,
    progress::Progress,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{Observer, Stop},
    clock::Clock,
    heartbeat::ProgressCell,
    runner::Runner,
    worker::{RETRY, Worker},
};

/// The observer of a leased attempt: each step is written under the token, or refused.
#[derive(Debug)]
pub(crate) struct Leased<'a, B, R, C> {
    pub(crate) worker: &'a Worker<B, R, C>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) token: LeaseToken,
    pub(crate) progress: ProgressCell,
    pub(crate) cancel: CancellationToken,
    /// What FFmpeg said so far.
    pub(crate) log: String,
}

impl<B: Backend, R: Runner, C: Clock> Leased<'_, B, R, C> {
    /// Writes a step down. A table that does not answer for a while costs time, not the work that is done.
    async fn step(&self, event: Event) -> Result<(), Stop> {
        let begun = Instant::now();
        loop {
            let table = self.worker.backend.table();
            match table
                .apply_to(&self.seen, event.clone(), self.worker.clock.now())
                .await
            {
                Ok(Committed::Changed { .. } | Committed::Ignored(_)) => return Ok(()),
                Ok(Committed::Denied(reason, _)) => {
                    tracing::info!(job.id = %self.seen.id(), %reason, "a step was denied");
                    return Err(Stop::Refused);
                }
                Ok(Committed::Missing) => return Err(Stop::Refused),
                Err(error)
                    if self.cancel.is_cancelled() || begun.elapsed() > self.worker.times.lease =>
                {
                    let message = format!("the job table did not answer: {error}");
                    return Err(JobError::new(Code::Unavailable, message).into());
                }
                Err(_silence) => self.worker.clock.sleep(RETRY).await,
            }
        }
    }
}

impl<B: Backend, R: Runner, C: Clock> Leased<'_, B, R, C> {
    /// Says of each output that it is visible, if somebody wants to hear of it.
    pub(crate) async fn ready(&self, job: &Job, outputs: &[Output]) -> Result<(), Stop> {
        if !job.is_wanted(EventName::OutputReady) {
            return Ok(());
        }
        for output in outputs {
            let (token, output) = (self.token.clone(), Box::new(output.clone()));
            self.step(Event::Ready { token, output }).await?;
        }
        Ok(())
    }
}

impl<B: Backend, R: Runner, C: Clock> Observer for Leased<'_, B, R, C> {
    async fn encoding(&mut self, report: Report) -> Result<(), Stop> {
        let (token, report) = (self.token.clone(), Box::new(report));
        self.step(Event::Encode { token, report }).await
    }

    fn progress(&mut self, progress: Progress) {
        *self.progress.lock().expect("no holder panics") = Some(progress);
    }

    fn said(&mut self, pass: usize, words: &str) {
        log::add(&mut self.log, pass, words);
    }

    async fn uploading(&mut self, warnings: Vec<Warning>) -> Result<(), Stop> {
        let token = self.token.clone();
        self.step(Event::Upload { token, warnings }).await
    }

    async fn publishing(&mut self) -> Result<(), Stop> {
        let lease = self.worker.times.lease;
        self.step(Event::Publish {
            token: self.token.clone(),
            lease,
        })
        .await
    }
}
