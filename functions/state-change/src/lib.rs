//! `state-change`: tells callers what has become of their jobs, and moves batches on when a job of theirs has ended.
//!
//! A message names a job; the notifications themselves wait in the table, written together with the change that they tell of.
//! Each attempt is written down before it is made, so that two runs never make the same one, and its outcome after. What is
//! due later comes back through a delayed message, or through prune.

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    commit::advance,
    id::JobId,
    job::Job,
    lease::elapsed,
    notify::{Answer, Notification, NotifyTarget, SigningSecret},
    ports::{Backend, JobQueue, JobStore, NotificationStore, Notifier, Secrets, StoreError},
    sealed::SealedField,
    uri::NotifyUrl,
};

/// Longest delay of a queue message; SQS has none longer. What is due later than that is left to prune.
const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// How long a message stays hidden while its job's notifications are sent.
const HIDDEN: Duration = Duration::from_secs(120);

/// Messages taken at a time.
const BATCH: u32 = 10;

/// What sends notifications and what signs them.
#[derive(Debug)]
pub struct StateChange<N, C> {
    /// Sends.
    pub notifier: N,
    /// Signs.
    pub signing_secret: SigningSecret,
    /// Tells the time.
    pub now: C,
}

impl<N: Notifier, C: Fn() -> Timestamp + Send + Sync> StateChange<N, C> {
    /// Takes the messages that are there, waiting up to `wait` for the first, and delivers for each. Gives their number.
    ///
    /// A message whose delivery meets a fault of the table stays in the queue and comes again.
    pub async fn poll<B: Backend>(&self, backend: &B, wait: Duration) -> Result<usize, StoreError> {
        let deliveries = backend.state_queue().receive(BATCH, wait, HIDDEN).await?;
        for delivery in &deliveries {
            match self.deliver(backend, &delivery.job_id).await {
                Ok(()) => backend.state_queue().delete(&delivery.receipt).await?,
                Err(error) => {
                    tracing::warn!(job.id = %delivery.job_id, error = ?error, "notifications are tried again later");
                }
            }
        }
        Ok(deliveries.len())
    }

    /// Does all that is to be done when a job has changed: moves its batch on, and sends every notification that is due, in order.
    pub async fn deliver<B: Backend>(&self, backend: &B, id: &JobId) -> Result<(), StoreError> {
        let Some((job, _)) = backend.store().get(id).await? else {
            return Ok(());
        };
        if let Some(place) = job.batch.as_ref().filter(|_| job.state.ended())
            && let Err(error) = advance(backend, &place.id, (self.now)()).await
        {
            // Prune comes by soon; notifications do not wait for it.
            tracing::warn!(batch.id = %place.id, error = ?error, "a batch was not moved on yet");
        }
        self.notify(backend, &job).await
    }

    async fn notify<B: Backend>(&self, backend: &B, job: &Job) -> Result<(), StoreError> {
        let id = &job.id;
        let Some(target) = &job.spec.notify else {
            return Ok(());
        };
        let waiting = backend.store().notifications(id).await?;
        let gone = waiting
            .iter()
            .any(|one| one.last_answer.as_ref().is_some_and(Answer::is_gone));
        let due: Vec<_> = waiting
            .into_iter()
            .filter(|one| one.due((self.now)()))
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        if gone {
            return give_up(backend, due, (self.now)()).await;
        }
        let url = open_url(backend, job, target).await?;
        let to = Receiver { job, target, url };
        for notification in due {
            match self.attempt(backend, &to, notification).await {
                Ok(Some(next)) => {
                    let delay = elapsed(next, (self.now)());
                    come_back(backend, id, delay).await?;
                }
                // Another run has this one in hand.
                Ok(None) | Err(StoreError::Conflict) => {}
                Err(fault @ StoreError::Unavailable { .. }) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Makes one attempt. Gives the time of the next one, if there is to be one.
    async fn attempt<B: Backend>(
        &self,
        backend: &B,
        to: &Receiver<'_>,
        read: Notification,
    ) -> Result<Option<Timestamp>, StoreError> {
        let now = (self.now)();
        let mut begun = read.clone();
        begun.begin(now);
        backend.store().put_notification(&begun, &read).await?;

        let message = begun.message(to.job, to.target.format, &self.signing_secret, now);
        let reply = self.notifier.post(&to.url, &message).await;
        let mut settled = begun.clone();
        settled.settle(Answer {
            at: (self.now)(),
            status: reply.status,
            excerpt: reply.excerpt,
            retry_after: reply.retry_after.map(|asked| asked.as_secs()),
        });
        tracing::info!(
            job.id = %to.job.id,
            sequence = settled.sequence,
            attempt = settled.attempts,
            http.status = reply.status,
            delivery.status = ?settled.status,
            "notification sent"
        );
        backend.store().put_notification(&settled, &begun).await?;
        Ok(settled.next_attempt_at)
    }
}

/// Ends what is due to a receiver that is gone.
async fn give_up<B: Backend>(
    backend: &B,
    due: Vec<Notification>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for read in due {
        let mut ended = read.clone();
        ended.give_up(now);
        match backend.store().put_notification(&ended, &read).await {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(fault @ StoreError::Unavailable { .. }) => return Err(fault),
        }
    }
    Ok(())
}

/// Whom a job's notifications go to.
struct Receiver<'a> {
    job: &'a Job,
    target: &'a NotifyTarget,
    /// With its secret.
    url: NotifyUrl,
}

async fn open_url<B: Backend>(
    backend: &B,
    job: &Job,
    target: &NotifyTarget,
) -> Result<NotifyUrl, StoreError> {
    match &job.sealed.notify {
        Some(sealed) => {
            let secret = backend
                .secrets()
                .open(sealed, &job.sealed.context(SealedField::Notify, &job.id))
                .await?;
            Ok(target.url.clone().with_secret(secret))
        }
        None => Ok(target.url.clone()),
    }
}

/// Sends a hint for the next attempt, if the queue can hold one for so long.
async fn come_back<B: Backend>(backend: &B, id: &JobId, delay: Duration) -> Result<(), StoreError> {
    if delay <= LONGEST_DELAY {
        backend.state_queue().send(id, delay).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
