//! Notifications: who is told of which event, in which format, and when again if nobody answers.
//!
//! At least once, each with an id that stays the same over all attempts; in no promised order. Nothing is sent here.

mod delivery;
mod event;
mod format;
mod news;
mod sign;
mod target;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use delivery::{Answer, DeliveryStatus};
pub use event::EventName;
pub use format::{About, BusEvent, Message, Method};
pub use news::{BudgetPart, FleetSize, News};
pub use sign::{InvalidSigningSecret, SigningSecret};
pub use target::{DeliveryId, Subscription, Target};

use delivery::{GONE, SCHEDULE, pause_after};

use crate::{
    id::{JobId, KeyId},
    job::{Job, StateChange, StateName},
    lease::later,
    uri::NotifyUrl,
};

/// How long one attempt may take. Until then nobody else starts another.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest that a receiver may put an attempt off: one that asks for more would never be told.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(86_400);

/// How a notification looks on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum NotifyFormat {
    /// One GET when the job ends, with the fields in the query: what the original documents.
    Get,
    /// A form POST on every change: what the original's released code did.
    Form,
    /// A signed JSON POST after the Standard Webhooks specification.
    Json,
}

/// Who wants to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyTarget {
    /// Where, with its secrets taken out.
    pub url: NotifyUrl,
    /// In which format.
    pub format: NotifyFormat,
}

/// One event that somebody is to be told of, and what has become of that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notification {
    /// The job that changed.
    pub job_id: JobId,
    /// The number of the change. With the job's id and the target this names the notification, for ever.
    pub sequence: u64,
    /// Who is told: `notify_url`, `event_bus`, or an endpoint by its id. Absent means the job's `notify_url`.
    #[serde(default, skip_serializing_if = "Target::is_notify_url")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, nullable = false))]
    pub target: Target,
    /// Of a sample that only tries the endpoint out: there is no such job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub sample: Option<Sample>,
    /// What happened, if it is no change of state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub news: Option<News>,
    /// The state that began, or that there is. The fleet has none: then it says nothing.
    pub state: StateName,
    /// Why, in words; empty if there is nothing to say.
    pub details: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// Attempts begun.
    pub attempts: u32,
    /// What has become of it.
    pub status: DeliveryStatus,
    /// When it is to be tried again. While an attempt runs: when that attempt counts as lost. None once settled.
    pub next_attempt_at: Option<Timestamp>,
    /// What came of the newest attempt that ended.
    #[serde(default)]
    pub last_answer: Option<Answer>,
}

/// A notification of no job, to try an endpoint out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sample {
    /// The API key whose endpoint it is; absent if it is the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyId>,
}

impl Notification {
    /// The notifications of the job's present state, one for each who wants it.
    pub(crate) fn of(job: &Job, now: Timestamp) -> Vec<Self> {
        let state = job.state.name();
        let url = job.spec.notify.as_ref();
        let url = url.filter(|target| wanted(target.format, state));
        let url = url.map(|_| Self::new(job, Target::NotifyUrl, now));
        url.into_iter()
            .chain(Self::to_subscribers(job, now))
            .collect()
    }

    /// The notifications that are stored with a new job. Its `notify_url` is told of none: whoever submits knows it from the answer.
    pub fn of_new(job: &Job) -> Vec<Self> {
        Self::to_subscribers(job, job.created_at).collect()
    }

    /// The notifications of something that happened within the job's present state.
    pub(crate) fn of_news(job: &Job, news: &News, now: Timestamp) -> Vec<Self> {
        let wanting = job.wanting(news.event());
        let told = wanting.map(|target| Self {
            news: Some(news.clone()),
            ..Self::new(job, target.clone(), now)
        });
        told.collect()
    }

    /// The notification of something that happened to the fleet, under a name of its own.
    pub fn of_fleet(name: JobId, news: News, target: Target, at: Timestamp) -> Self {
        let state = news.event().state();
        Self {
            news: Some(news),
            ..Self::fresh(name, 1, target, state, at)
        }
    }

    fn to_subscribers(job: &Job, now: Timestamp) -> impl Iterator<Item = Self> {
        let wanting = job.wanting(EventName::of(job.state.name(), job.sequence));
        wanting.map(move |target| Self::new(job, target.clone(), now))
    }

    fn new(job: &Job, target: Target, now: Timestamp) -> Self {
        Self {
            details: job.state_details().to_owned(),
            ..Self::fresh(job.id.clone(), job.sequence, target, job.state.name(), now)
        }
    }

    /// One of which nothing is said yet, to be delivered at once.
    fn fresh(
        job_id: JobId,
        sequence: u64,
        target: Target,
        state: StateName,
        at: Timestamp,
    ) -> Self {
        Self {
            job_id,
            sequence,
            target,
            sample: None,
            news: None,
            state,
            details: String::new(),
            created_at: at,
            attempts: 0,
            status: DeliveryStatus::Due,
            next_attempt_at: Some(at),
            last_answer: None,
        }
    }

    /// A notification that tries an endpoint out: of this event, of no job.
    pub fn sample(
        event: EventName,
        target: Target,
        sample: Sample,
        id: JobId,
        now: Timestamp,
    ) -> Self {
        let sequence = u64::from(event != EventName::Created) + 1;
        Self {
            sample: Some(sample),
            news: News::sample(event),
            ..Self::fresh(id, sequence, target, event.state(), now)
        }
    }

    /// The notification of a change that the job's timeline shows.
    pub fn of_change(id: JobId, change: &StateChange) -> Self {
        let (sequence, state) = (change.sequence, change.state);
        Self {
            details: change.details.clone().unwrap_or_default(),
            ..Self::fresh(id, sequence, Target::NotifyUrl, state, change.at)
        }
    }

    /// What happened.
    pub fn event(&self) -> EventName {
        let change = || EventName::of(self.state, self.sequence);
        self.news.as_ref().map_or_else(change, News::event)
    }

    /// Its name towards receivers, the same for every attempt.
    pub fn webhook_id(&self) -> String {
        let id = DeliveryId {
            job_id: self.job_id.clone(),
            sequence: self.sequence,
            target: self.target.clone(),
        };
        id.to_string()
    }

    /// Its place among those of one endpoint: text that sorts by time.
    pub fn place(&self) -> String {
        let millis = self.created_at.as_millisecond().max(0);
        format!("{millis:020}_{}_{:010}", self.job_id, self.sequence)
    }

    /// Whether an attempt may begin.
    pub fn due(&self, now: Timestamp) -> bool {
        self.next_attempt_at.is_some_and(|at| at <= now)
    }

    /// Begins an attempt. Written before anything is sent, so that two senders do not send the same.
    ///
    /// One of which nothing is heard counts as lost and the next comes by the schedule: a table that does not take the outcomes
    /// must not use up in minutes what is meant for more than a day.
    pub fn begin(&mut self, now: Timestamp) {
        self.attempts += 1;
        let pause = pause_after(self.attempts).unwrap_or(SCHEDULE[SCHEDULE.len() - 1]);
        self.next_attempt_at = Some(later(now, pause.max(ATTEMPT_TIMEOUT * 2)));
    }

    /// Begins anew, whatever became of it before.
    pub fn redeliver(&mut self, now: Timestamp) {
        self.attempts = 0;
        self.status = DeliveryStatus::Due;
        self.next_attempt_at = Some(now);
        self.last_answer = None;
    }

    /// Ends an attempt: delivered, to be tried again, or given up.
    pub fn settle(&mut self, answer: Answer) {
        let at = answer.at;
        let pause = pause_after(self.attempts);
        (self.status, self.next_attempt_at) = match (answer.status, pause) {
            (Some(200..=299), _) => (DeliveryStatus::Delivered, None),
            (Some(GONE), _) | (_, None) => (DeliveryStatus::Failed, None),
            (_, Some(pause)) => {
                let asked = answer.retry_after.map(Duration::from_secs);
                let asked = asked.unwrap_or_default().min(LONGEST_RETRY_AFTER);
                (DeliveryStatus::Due, Some(later(at, pause.max(asked))))
            }
        };
        self.last_answer = Some(answer);
    }

    /// Ends it without an attempt, and says why.
    pub fn give_up(&mut self, why: &str, now: Timestamp) {
        self.status = DeliveryStatus::Failed;
        self.next_attempt_at = None;
        self.last_answer = Some(Answer {
            at: now,
            status: None,
            excerpt: why.to_owned(),
            latency_ms: None,
            retry_after: None,
        });
    }

    /// Ends it: it is on the event bus.
    pub fn published(&mut self) {
        self.attempts += 1;
        self.status = DeliveryStatus::Delivered;
        self.next_attempt_at = None;
    }
}

/// Whether a receiver of this format hears of this state.
///
/// `get` hears of ends only, as documented. `form` hears of every change, as the original did. `json` hears of what a program
/// acts on: the start, another attempt, and the ends.
fn wanted(format: NotifyFormat, state: StateName) -> bool {
    match format {
        NotifyFormat::Get => state.ended(),
        NotifyFormat::Form => true,
        NotifyFormat::Json => !matches!(state, StateName::Encoding | StateName::Uploading),
    }
}

#[cfg(test)]
mod tests;
