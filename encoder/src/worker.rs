//! One job under its lease: claim, run the pipeline, and write down how it ended.
//!
//! Every step is written under the lease's token. When the table says no, FFmpeg is ended and nothing more is written.

use std::{future::Future, sync::Arc, time::Duration};

use nommer_core::{
    commit::{Committed, Seen},
    error::{Code, JobError},
    id::InstanceId,
    instance::Kind,
    job::{Denied, Event, Job, Output, StateChange, StateName},
    lease::{elapsed, later},
    log::JobLog,
    ports::{Backend, Delivery, JobQueue, Secrets, StoreError, Version},
    sealed::{SealedField, SealedText},
    uri::MediaUri,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::Stop,
    clock::Clock,
    heartbeat::{Heartbeat, LeaseTimes, ProgressCell},
    leased::Leased,
    pipeline::Request,
    point::reach,
    runner::Runner,
};

/// Pause between two tries to write down how an attempt ended, while the table does not answer.
pub(crate) const RETRY: Duration = Duration::from_millis(500);

/// What works on jobs in one daemon.
#[derive(Debug)]
pub struct Worker<B, R, C> {
    /// The table, the queue and the keys.
    pub backend: Arc<B>,
    /// What runs an attempt.
    pub runner: R,
    /// The time.
    pub clock: C,
    /// Who claims.
    pub instance: InstanceId,
    /// How leases are kept.
    pub times: LeaseTimes,
    /// How far clocks may disagree before a foreign lease counts as lapsed.
    pub margin: Duration,
    /// What it knows of its machine.
    pub kind: Kind,
}

impl<B: Backend, R: Runner, C: Clock> Worker<B, R, C> {
    /// Does what a message hints at. `release` asks to give the job back.
    ///
    /// Never called for one job twice at once: a claim of one's own lease counts as one after a crash. Gives the job if this ended
    /// an attempt at it.
    pub async fn work(
        &self,
        delivery: &Delivery,
        release: &CancellationToken,
    ) -> Result<Option<Job>, StoreError> {
        let mut ended = None;
        reach("received").await;
        let claim = Event::Claim {
            instance: self.instance.clone(),
            lease: self.times.lease,
            margin: self.margin,
            slot_hour_usd: self.kind.slot_hour_usd,
        };
        let now = self.clock.now();
        match self
            .backend
            .table()
            .apply(&delivery.job_id, claim, now)
            .await?
        {
            Committed::Changed { job, version, .. } => {
                // On the heap: an attempt is a large future.
                ended = Box::pin(self.attempt(&job, version, delivery, release)).await?;
            }
            // Until it may be claimed: for a lease that is when clocks that disagree agree that it ended.
            Committed::Denied(Denied::LeaseHeld { until }, _) => {
                let hidden = elapsed(later(until, self.margin), now);
                return self.put_back(delivery, hidden).await.map(|()| None);
            }
            Committed::Denied(Denied::NotYet { until }, _) => {
                let hidden = elapsed(until, now);
                return self.put_back(delivery, hidden).await.map(|()| None);
            }
            Committed::Denied(..) | Committed::Ignored(_) | Committed::Missing => {}
        }
        reach("ended").await;
        let queue = self.backend.job_queue(delivery.lane);
        queue.delete(&delivery.receipt).await?;
        reach("deleted").await;
        Ok(ended)
    }

    /// Leaves the message in the queue, hidden for so long, and long enough that nobody asks without a pause.
    async fn put_back(&self, delivery: &Delivery, hidden: Duration) -> Result<(), StoreError> {
        let queue = self.backend.job_queue(delivery.lane);
        queue.extend(&delivery.receipt, hidden.max(RETRY)).await
    }

    async fn attempt(
        &self,
        job: &Job,
        version: Version,
        delivery: &Delivery,
        release: &CancellationToken,
    ) -> Result<Option<Job>, StoreError> {
        let Some(lease) = job.state.lease() else {
            return Ok(None);
        };
        let token = lease.token.clone();
        let seen = Arc::new(Seen::new(job.clone(), version));
        tracing::info!(job.id = %job.id, attempt = job.attempts, "job claimed");
        reach("claimed").await;
        let lost = CancellationToken::new();
        let progress = ProgressCell::default();
        let heartbeat = Heartbeat {
            seen: Arc::clone(&seen),
            token: token.clone(),
            delivery: delivery.clone(),
            times: self.times,
            progress: Arc::clone(&progress),
            lost: lost.clone(),
        };
        // Either reason ends FFmpeg; which one it was decides what is written.
        let cancel = release.child_token();
        let mut leased = Leased {
            worker: self,
            seen: Arc::clone(&seen),
            token: token.clone(),
            progress,
            cancel: cancel.clone(),
            log: String::new(),
        };
        let run = async {
            let outcome = self.run(job, &cancel, &mut leased).await;
            leased.progress.lock().expect("no holder panics").take();
            let outputs = outcome?;
            leased.ready(job, &outputs).await?;
            Ok(outputs)
        };
        let beating = heartbeat.run(&*self.backend, &self.clock);
        let outcome = while_beating(run, beating, &cancel).await;
        if lost.is_cancelled() {
            tracing::info!(job.id = %job.id, "the lease was lost; nothing is written");
            return Ok(None);
        }
        reach("ending").await;
        match outcome {
            Ok(outputs) => {
                self.write_down(&seen, Event::Finish { token, outputs })
                    .await
            }
            Err(Stop::Refused) => Ok(None),
            Err(Stop::Failed(_)) if release.is_cancelled() => {
                let reason = format!("encoder {} gave the job back", self.instance);
                self.write_down(&seen, Event::Release { token, reason })
                    .await
            }
            Err(Stop::Failed(error)) => {
                let error = own_conflict(job, error);
                self.write_down(&seen, Event::Fail { token, error }).await
            }
        }
    }

    async fn run(
        &self,
        job: &Job,
        cancel: &CancellationToken,
        leased: &mut Leased<'_, B, R, C>,
    ) -> Result<Vec<Output>, Stop> {
        let request = self.request(job).await?;
        reach("unsealed").await;
        let name = format!("{}-{}", job.id, job.epoch);
        let outcome = self.runner.run(&name, &request, cancel, leased).await;
        let text = std::mem::take(&mut leased.log);
        if !text.is_empty() {
            leased.seen.bring(JobLog {
                attempt: job.attempts,
                at: self.clock.now(),
                text,
            });
        }
        outcome
    }

    /// The job's addresses with their secrets put back in.
    async fn request(&self, job: &Job) -> Result<Request, JobError> {
        let spec = job.spec.clone();
        let source = self
            .unseal(
                job,
                &spec.source_path,
                job.sealed.source.as_ref(),
                SealedField::Source,
            )
            .await?;
        let sealed = job.sealed.destination.as_ref();
        let destination = match &spec.dest_path {
            Some(place) => Some(
                self.unseal(job, place, sealed, SealedField::Destination)
                    .await?,
            ),
            None => None,
        };
        Ok(Request {
            spec,
            source,
            destination,
            source_etag: job.report.source_etag.clone(),
            parts: job.id.to_string(),
        })
    }

    async fn unseal(
        &self,
        job: &Job,
        uri: &MediaUri,
        sealed: Option<&SealedText>,
        field: SealedField,
    ) -> Result<MediaUri, JobError> {
        let Some(sealed) = sealed else {
            return Ok(uri.clone());
        };
        let opened = self
            .backend
            .secrets()
            .open(sealed, &job.sealed.context(field, &job.id))
            .await;
        let secret = opened.map_err(|error| {
            tracing::error!(job.id = %job.id, error = ?error, "a sealed address could not be opened");
            JobError::new(Code::Unavailable, "the credentials in the address could not be opened")
        })?;
        Ok(uri.clone().with_secret(secret))
    }

    /// Writes down how an attempt ended, again and again for as long as the lease may live. Gives the job as it is then, if it
    /// counted.
    async fn write_down(&self, seen: &Seen, event: Event) -> Result<Option<Job>, StoreError> {
        let begun = Instant::now();
        loop {
            let table = self.backend.table();
            match table.apply_to(seen, event.clone(), self.clock.now()).await {
                Ok(Committed::Changed { job, .. }) => {
                    let state = job.state.name();
                    tracing::info!(job.id = %job.id, job.state = %state, details = job.state_details(), "attempt ended");
                    return Ok(Some(*job));
                }
                Ok(Committed::Denied(reason, _)) => {
                    tracing::info!(job.id = %seen.id(), %reason, "the end of the attempt does not count");
                    return Ok(None);
                }
                Ok(Committed::Ignored(_) | Committed::Missing) => return Ok(None),
                Err(error) if begun.elapsed() > self.times.lease => return Err(error),
                Err(_silence) => self.clock.sleep(RETRY).await,
            }
        }
    }
}

/// Runs an attempt while its lease is kept. When that ends first, the attempt is canceled and waited for.
async fn while_beating<T>(
    run: impl Future<Output = T>,
    beating: impl Future<Output = ()>,
    cancel: &CancellationToken,
) -> T {
    tokio::pin!(run);
    tokio::pin!(beating);
    let mut beats = true;
    loop {
        tokio::select! {
            biased;
            outcome = &mut run => break outcome,
            () = &mut beating, if beats => {
                beats = false;
                cancel.cancel();
            }
        }
    }
}

/// A destination that changed is no foreign conflict if an earlier attempt came as far as to publish: an encoder that stood still
/// and woke up may have finished that. The next attempt sees what is there and replaces it.
fn own_conflict(job: &Job, error: JobError) -> JobError {
    let published = |change: &StateChange| change.state == StateName::Uploading;
    if error.code == Code::DestConflict && job.history.iter().any(published) {
        let message = format!("{}, maybe by an earlier attempt", error.message);
        return JobError::new(Code::DestUnavailable, message);
    }
    error
}

#[cfg(test)]
mod tests;
