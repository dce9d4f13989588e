//! `state-change`: tells whoever wants to know what has become of jobs (the address in a job, webhook endpoints, the event bus), and moves
//! batches on when a job of theirs has ended.
//!
//! A message names a job; the notifications themselves wait in the table, written together with the change that they tell of.
//! Each attempt is written down before it is made, so that two runs never make the same one, and its outcome after. What is
//! due later comes back through a delayed message, or through prune. Receivers do not wait for each other.

mod receiver;

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use jiff::Timestamp;
use nommer_core::{
    commit::advance,
    id::JobId,
    job::Job,
    lease::elapsed,
    notify::{About, Answer, DeliveryStatus, Notification, SigningSecret, Target},
    ports::{
        Backend, EventBus, JobQueue, JobStore, NotificationStore, Notifier, Reply, StoreError,
    },
};

use receiver::{Endpoints, Receiver};

/// Longest delay of a queue message; SQS has none longer. What is due later than that is left to prune.
const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// How long a message stays hidden while its job's notifications are sent.
const HIDDEN: Duration = Duration::from_secs(120);

/// Messages taken at a time.
const BATCH: u32 = 10;

/// What sends notifications and what signs them.
#[derive(Debug)]
pub struct StateChange<N, E, C> {
    /// Sends.
    pub notifier: N,
    /// Carries events to other programs.
    pub bus: E,
    /// Signs what goes to the addresses in jobs.
    pub signing_secret: SigningSecret,
    /// Tells the time.
    pub now: C,
}

/// The notifications that are due to one target, and what they are about.
struct Due<'a> {
    id: &'a JobId,
    /// Samples have none.
    job: Option<&'a Job>,
    target: Target,
    notifications: Vec<Notification>,
}

impl<N: Notifier, E: EventBus, C: Fn() -> Timestamp + Send + Sync> StateChange<N, E, C> {
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

    /// Does all that is to be done when a job has changed: moves its batch on, and sends every notification that is due.
    pub async fn deliver<B: Backend>(&self, backend: &B, id: &JobId) -> Result<(), StoreError> {
        let job = backend.store().get(id).await?.map(|(job, _)| job);
        if let Some(ended) = job.as_ref().filter(|job| job.state.ended())
            && let Some(place) = &ended.batch
            && let Err(error) = advance(backend, &place.id, (self.now)()).await
        {
            // Prune comes by soon; notifications do not wait for it.
            tracing::warn!(batch.id = %place.id, error = ?error, "a batch was not moved on yet");
        }
        self.notify(backend, id, job.as_ref()).await
    }

    /// Sends what is due: to each target in order, to all targets at once.
    async fn notify<B: Backend>(
        &self,
        backend: &B,
        id: &JobId,
        job: Option<&Job>,
    ) -> Result<(), StoreError> {
        let waiting = backend.store().notifications(id).await?;
        let now = (self.now)();
        if !waiting.iter().any(|one| one.due(now)) {
            return Ok(());
        }
        let gone = waiting.iter().any(|one| {
            one.target.is_notify_url() && one.last_answer.as_ref().is_some_and(Answer::is_gone)
        });
        let mut by_target: BTreeMap<Target, Vec<Notification>> = BTreeMap::new();
        for one in waiting.into_iter().filter(|one| one.due(now)) {
            by_target.entry(one.target.clone()).or_default().push(one);
        }
        let endpoints = Endpoints::default();
        let deliveries = by_target.into_iter().map(|(target, notifications)| {
            let due = Due {
                id,
                job,
                target,
                notifications,
            };
            self.deliver_to(backend, due, gone, &endpoints)
        });
        // What one target meets keeps nothing from the others.
        join_all(deliveries).await.into_iter().collect()
    }

    async fn deliver_to<B: Backend>(
        &self,
        backend: &B,
        due: Due<'_>,
        gone: bool,
        endpoints: &Endpoints,
    ) -> Result<(), StoreError> {
        let receiver = match (&due.target, due.job) {
            (Target::EventBus, _) => return self.publish(backend, due).await,
            (Target::NotifyUrl, _) if gone => {
                let why = "the receiver answered 410 to another notification of this job: deliver that one again first";
                return self.give_up(backend, due.notifications, why).await;
            }
            (Target::NotifyUrl, Some(job)) => {
                Receiver::of_job(backend, job, &self.signing_secret).await?
            }
            // Its job is gone, and its notifications with it.
            (Target::NotifyUrl, None) => return Ok(()),
            (Target::Endpoint(id), _) => {
                let owner = match (due.job, due.notifications.first()) {
                    (Some(job), _) => job.owner.clone(),
                    (None, first) => first.and_then(|one| one.sample.clone()?.owner),
                };
                let found = endpoints.find(backend, owner.as_ref(), id).await?;
                match Receiver::of_endpoint(backend, found, (self.now)()).await? {
                    Ok(receiver) => receiver,
                    Err(why) => return self.give_up(backend, due.notifications, &why).await,
                }
            }
        };
        self.send(backend, due, &receiver).await
    }

    /// Makes an attempt at each, in order. What an endpoint is not to hear of any more is given up.
    async fn send<B: Backend>(
        &self,
        backend: &B,
        due: Due<'_>,
        to: &Receiver,
    ) -> Result<(), StoreError> {
        let mut waiting = due.notifications.into_iter();
        while let Some(notification) = waiting.next() {
            match self.attempt(backend, due.job, to, notification).await {
                Ok(Attempted {
                    disabled: Some(why),
                    ..
                }) => return self.give_up(backend, waiting.collect(), &why).await,
                Ok(Attempted {
                    next: Some(next), ..
                }) => {
                    let delay = elapsed(next, (self.now)());
                    come_back(backend, due.id, delay).await?;
                }
                // Delivered or given up; or another run has this one in hand.
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(fault @ StoreError::Unavailable { .. }) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Makes one attempt.
    async fn attempt<B: Backend>(
        &self,
        backend: &B,
        job: Option<&Job>,
        to: &Receiver,
        read: Notification,
    ) -> Result<Attempted, StoreError> {
        let now = (self.now)();
        let mut begun = read.clone();
        begun.begin(now);
        backend.store().put_notification(&begun, &read).await?;

        let message = begun.message(&about(job), to.format, &to.secrets, now);
        let reply = self.notifier.post(&to.url, &message).await;
        let answer = answer(reply, now, (self.now)());
        let status = answer.status;
        let mut settled = begun.clone();
        settled.settle(answer);
        tracing::info!(
            job.id = %settled.job_id,
            sequence = settled.sequence,
            target = %settled.target,
            attempt = settled.attempts,
            http.status = status,
            delivery.status = ?settled.status,
            "notification sent"
        );
        let mut disabled = None;
        // Before the outcome is written: whoever dies between the two comes again.
        if let (DeliveryStatus::Failed, Some(endpoint)) = (settled.status, &to.endpoint) {
            let why = receiver::gave_up(&settled);
            endpoint.disable(backend, &why, (self.now)()).await?;
            disabled = Some(format!("the endpoint is disabled: {why}"));
        }
        backend.store().put_notification(&settled, &begun).await?;
        Ok(Attempted {
            next: settled.next_attempt_at,
            disabled,
        })
    }

    /// Puts events on the bus, then writes that they are there. Dying between the two puts them there twice.
    async fn publish<B: Backend>(&self, backend: &B, due: Due<'_>) -> Result<(), StoreError> {
        let events = due
            .notifications
            .iter()
            .map(|one| one.bus_event(&about(due.job)));
        self.bus.publish(&events.collect::<Vec<_>>()).await?;
        self.each(backend, due.notifications, Notification::published)
            .await
    }

    /// Ends what is due to a receiver that is not to hear of it, and says why.
    async fn give_up<B: Backend>(
        &self,
        backend: &B,
        due: Vec<Notification>,
        why: &str,
    ) -> Result<(), StoreError> {
        let now = (self.now)();
        self.each(backend, due, |one| one.give_up(why, now)).await
    }

    /// Writes each of them changed. What another run has in hand is left to it.
    async fn each<B: Backend>(
        &self,
        backend: &B,
        due: Vec<Notification>,
        change: impl Fn(&mut Notification),
    ) -> Result<(), StoreError> {
        for read in due {
            let mut ended = read.clone();
            change(&mut ended);
            match backend.store().put_notification(&ended, &read).await {
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(fault @ StoreError::Unavailable { .. }) => return Err(fault),
            }
        }
        Ok(())
    }
}

/// What is told of a job, or of a sample.
fn about(job: Option<&Job>) -> About {
    job.map_or_else(About::sample, About::job)
}

/// What came of an attempt.
struct Attempted {
    /// When the next one is due, if there is to be one.
    next: Option<Timestamp>,
    /// Why its endpoint hears no more, if that came of it.
    disabled: Option<String>,
}

fn answer(reply: Reply, asked: Timestamp, now: Timestamp) -> Answer {
    let latency = elapsed(now, asked).as_millis();
    Answer {
        at: now,
        status: reply.status,
        excerpt: reply.excerpt,
        latency_ms: Some(u64::try_from(latency).unwrap_or(u64::MAX)),
        retry_after: reply.retry_after.map(|asked| asked.as_secs()),
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
