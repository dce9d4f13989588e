//! How a job gets into its next state, whatever brought it there: what is kept and forgotten, what it costs, who is told.

use std::time::Duration;

use jiff::Timestamp;

use super::{Applied, Effect, Job, JobState, Stage};
use crate::{
    error::{Code, JobError},
    lease::later,
    notify::Notification,
};

/// How long a waiting job goes without a message before prune sends one again.
///
/// A message that was sent is normally received within seconds of an encoder being free; two minutes is well past that, and a
/// second message does no harm.
pub(super) const RESEND_AFTER: Duration = Duration::from_secs(120);

impl Job {
    pub(super) fn use_up(&mut self, now: Timestamp) -> Applied {
        let error = JobError::new(
            Code::AttemptsExhausted,
            format!(
                "the encoder went away in each of {} attempts",
                self.attempts
            ),
        );
        let details = error.to_string();
        self.enter(JobState::Abandoned(error), Some(details), now)
    }

    pub(super) fn requeue(&mut self, reason: String, pause: Duration, now: Timestamp) -> Applied {
        self.stop_meter(now);
        if let Some(ended) = self.over_budget(now) {
            return ended;
        }
        let not_before = (!pause.is_zero()).then(|| later(now, pause));
        self.progress = None;
        self.resend_at = Some(later(now, pause.saturating_add(RESEND_AFTER)));
        let mut applied = self.enter(JobState::Pending { not_before }, Some(reason), now);
        if let Applied::Changed(effects) = &mut applied {
            effects.push(Effect::Enqueue { delay: pause });
        }
        applied
    }

    /// The end of a job that has cost more than it may; an output that may be visible at any moment is not taken back.
    pub(super) fn over_budget(&mut self, now: Timestamp) -> Option<Applied> {
        let publishing = matches!(
            self.state,
            JobState::Running {
                stage: Stage::Publishing,
                ..
            }
        );
        let most = self.spec.max_cost_usd.filter(|_| !publishing)?;
        let usd = self.cost.usd(now).filter(|usd| *usd > most)?;
        let message = format!("the job has cost {usd:.4} USD, more than its max_cost_usd {most}");
        let error = JobError::new(Code::OverBudget, message);
        let details = error.to_string();
        Some(self.enter(JobState::Error(error), Some(details), now))
    }

    /// The lease is over: an encoder that was not heard of in time stopped at its end.
    pub(super) fn stop_meter(&mut self, now: Timestamp) {
        let until = self.state.lease().map_or(now, |lease| lease.until.min(now));
        self.cost.stop(until);
    }

    /// Moves to a state and says so to whoever wants to know.
    pub(super) fn enter(
        &mut self,
        state: JobState,
        details: Option<String>,
        now: Timestamp,
    ) -> Applied {
        if state.ended() {
            self.stop_meter(now);
        }
        self.state = state;
        self.record_change(details, now);
        if self.state.ended() {
            self.ended_at = Some(now);
            self.resend_at = None;
            self.sealed.source = None;
            self.sealed.destination = None;
        }
        let notifications = Notification::of(self, now);
        let notify = |one| Effect::Notify(Box::new(one));
        let mut effects: Vec<Effect> = notifications.into_iter().map(notify).collect();
        // A notification makes state-change run anyway.
        if effects.is_empty() && self.batch.is_some() && self.state.ended() {
            effects.push(Effect::MoveBatch);
        }
        Applied::Changed(effects)
    }
}
