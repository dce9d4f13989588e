//! One job under its lease: claim, run the pipeline, and write down how it ended.
//!
//! Every step is written under the lease's token. When the table says no, FFmpeg is ended and nothing more is written.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use nommer_core::{
    commit::Committed,
    error::{Code, JobError},
    id::InstanceId,
    instance::Kind,
    job::{Denied, Event, Job, Output, Report},
    lease::{LeaseToken, elapsed},
    ports::{Backend, Delivery, JobQueue, MediaStorage, Secrets, StoreError},
    progress::Progress,
    sealed::{SealedField, SealedText},
    uri::MediaUri,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    heartbeat::{Heartbeat, LeaseTimes, ProgressCell},
    pipeline::{Observer, Pipeline, Request, Stop},
    workspace::WorkRoot,
};

/// Pause between two tries to write down how an attempt ended, while the table does not answer.
const RETRY: Duration = Duration::from_millis(500);

/// What works on jobs in one daemon.
#[derive(Debug)]
pub struct Worker<B, P> {
    /// The table, the queue and the keys.
    pub backend: Arc<B>,
    /// Makes what runs an attempt; fails when this machine cannot run any.
    pub pipeline: P,
    /// Who claims.
    pub instance: InstanceId,
    /// Where work folders are.
    pub root: WorkRoot,
    /// How leases are kept.
    pub times: LeaseTimes,
    /// How far clocks may disagree before a foreign lease counts as lapsed.
    pub margin: Duration,
    /// What it knows of its machine.
    pub kind: Kind,
}

impl<B: Backend, M: MediaStorage, P: Fn() -> Result<Pipeline<M>, JobError> + Sync> Worker<B, P> {
    /// Does what a message hints at. `release` asks to give the job back.
    ///
    /// Never called for one job twice at once: a claim of one's own lease counts as one after a crash.
    pub async fn work(
        &self,
        delivery: &Delivery,
        release: &CancellationToken,
    ) -> Result<(), StoreError> {
        let claim = Event::Claim {
            instance: self.instance.clone(),
            lease: self.times.lease,
            margin: self.margin,
            slot_hour_usd: self.kind.slot_hour_usd,
        };
        let now = Timestamp::now();
        match self
            .backend
            .table()
            .apply(&delivery.job_id, claim, now)
            .await?
        {
            Committed::Changed { job, .. } => {
                if let Some(lease) = job.state.lease() {
                    let token = lease.token.clone();
                    self.attempt(&job, token, delivery, release).await?;
                }
            }
            Committed::Denied(Denied::LeaseHeld { until } | Denied::NotYet { until }, _) => {
                return self
                    .backend
                    .job_queue()
                    .extend(&delivery.receipt, elapsed(until, now))
                    .await;
            }
            Committed::Denied(..) | Committed::Ignored(_) | Committed::Missing => {}
        }
        self.backend.job_queue().delete(&delivery.receipt).await
    }

    async fn attempt(
        &self,
        job: &Job,
        token: LeaseToken,
        delivery: &Delivery,
        release: &CancellationToken,
    ) -> Result<(), StoreError> {
        tracing::info!(job.id = %job.id, attempt = job.attempts, "job claimed");
        let lost = CancellationToken::new();
        let progress = ProgressCell::default();
        let heartbeat = Heartbeat {
            job_id: job.id.clone(),
            token: token.clone(),
            receipt: delivery.receipt.clone(),
            times: self.times,
            progress: Arc::clone(&progress),
            lost: lost.clone(),
        };
        // Either reason ends FFmpeg; which one it was decides what is written.
        let cancel = release.child_token();
        let mut leased = Leased {
            worker: self,
            job,
            token: token.clone(),
            progress,
            cancel: cancel.clone(),
        };
        let run = async {
            let outcome = self.run(job, &cancel, &mut leased).await;
            leased.progress.lock().expect("no holder panics").take();
            outcome
        };
        tokio::pin!(run);
        let beating = heartbeat.run(&*self.backend);
        tokio::pin!(beating);
        let mut beats = true;
        let outcome = loop {
            tokio::select! {
                outcome = &mut run => break outcome,
                () = &mut beating, if beats => {
                    beats = false;
                    cancel.cancel();
                }
            }
        };
        if lost.is_cancelled() {
            tracing::info!(job.id = %job.id, "the lease was lost; nothing is written");
            return Ok(());
        }
        match outcome {
            Ok(outputs) => self.write_down(job, Event::Finish { token, outputs }).await,
            Err(Stop::Refused) => Ok(()),
            Err(Stop::Failed(_)) if release.is_cancelled() => {
                let reason = format!("encoder {} gave the job back", self.instance);
                self.write_down(job, Event::Release { token, reason }).await
            }
            Err(Stop::Failed(error)) => self.write_down(job, Event::Fail { token, error }).await,
        }
    }

    async fn run(
        &self,
        job: &Job,
        cancel: &CancellationToken,
        leased: &mut Leased<'_, B, P>,
    ) -> Result<Vec<Output>, Stop> {
        let pipeline = (self.pipeline)()?;
        let request = self.request(job).await?;
        let name = format!("{}-{}", job.id, job.epoch);
        let work = self.root.attempt(&name).map_err(|error| {
            JobError::new(Code::Unavailable, format!("make a work folder: {error}"))
        })?;
        pipeline.run(&request, &work, cancel, leased).await
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
        let destination = self
            .unseal(job, &spec.dest_path, sealed, SealedField::Destination)
            .await?;
        Ok(Request {
            spec,
            source,
            destination,
            source_etag: job.report.source_etag.clone(),
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
            .open(sealed, &field.context(&job.id))
            .await;
        let secret = opened.map_err(|error| {
            tracing::error!(job.id = %job.id, error = ?error, "a sealed address could not be opened");
            JobError::new(Code::Unavailable, "the credentials in the address could not be opened")
        })?;
        Ok(uri.clone().with_secret(secret))
    }

    /// Writes down how an attempt ended, again and again for as long as the lease may live.
    async fn write_down(&self, job: &Job, event: Event) -> Result<(), StoreError> {
        let begun = Instant::now();
        loop {
            match self
                .backend
                .table()
                .apply(&job.id, event.clone(), Timestamp::now())
                .await
            {
                Ok(Committed::Changed { job, .. }) => {
                    let state = job.state.name();
                    tracing::info!(job.id = %job.id, job.state = %state, details = job.state_details(), "attempt ended");
                    return Ok(());
                }
                Ok(Committed::Denied(reason, _)) => {
                    tracing::info!(job.id = %job.id, %reason, "the end of the attempt does not count");
                    return Ok(());
                }
                Ok(Committed::Ignored(_) | Committed::Missing) => return Ok(()),
                Err(error) if begun.elapsed() > self.times.lease => return Err(error),
                Err(_silence) => sleep(RETRY).await,
            }
        }
    }
}

/// The observer of a leased attempt: each step is written under the token, or refused.
struct Leased<'a, B, P> {
    worker: &'a Worker<B, P>,
    job: &'a Job,
    token: LeaseToken,
    progress: ProgressCell,
    cancel: CancellationToken,
}

impl<B: Backend, P: Sync> Leased<'_, B, P> {
    /// Writes a step down. A table that does not answer for a while costs time, not the work that is done.
    async fn step(&self, event: Event) -> Result<(), Stop> {
        let begun = Instant::now();
        loop {
            let table = self.worker.backend.table();
            match table
                .apply(&self.job.id, event.clone(), Timestamp::now())
                .await
            {
                Ok(Committed::Changed { .. } | Committed::Ignored(_)) => return Ok(()),
                Ok(Committed::Denied(reason, _)) => {
                    tracing::info!(job.id = %self.job.id, %reason, "a step was denied");
                    return Err(Stop::Refused);
                }
                Ok(Committed::Missing) => return Err(Stop::Refused),
                Err(error)
                    if self.cancel.is_cancelled() || begun.elapsed() > self.worker.times.lease =>
                {
                    let message = format!("the job table did not answer: {error}");
                    return Err(JobError::new(Code::Unavailable, message).into());
                }
                Err(_silence) => sleep(RETRY).await,
            }
        }
    }
}

impl<B: Backend, P: Sync> Observer for Leased<'_, B, P> {
    async fn encoding(&mut self, report: Report) -> Result<(), Stop> {
        let (token, report) = (self.token.clone(), Box::new(report));
        self.step(Event::Encode { token, report }).await
    }

    fn progress(&mut self, progress: Progress) {
        *self.progress.lock().expect("no holder panics") = Some(progress);
    }

    async fn uploading(&mut self) -> Result<(), Stop> {
        self.step(Event::Upload {
            token: self.token.clone(),
        })
        .await
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
