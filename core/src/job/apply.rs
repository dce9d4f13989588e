//! What each event does to a job: changed with effects, ignored, or denied with the reason.
//!
//! Events may come twice, late and out of order. One that has had its effect already is ignored; one that has no right is denied.

use std::time::Duration;

use jiff::Timestamp;

use super::{Applied, Denied, Effect, Event, Job, JobState, Output, Report, Stage};
use crate::{
    error::{Code, JobError, Warning},
    id::InstanceId,
    lease::{Lease, LeaseToken, elapsed, later},
    notify::Notification,
    progress::Progress,
};

/// How long a waiting job goes without a message before prune sends one again.
///
/// A message that was sent is normally received within seconds of an encoder being free; two minutes is well past that, and a
/// second message does no harm.
pub(super) const RESEND_AFTER: Duration = Duration::from_secs(120);

/// Longest pause between two messages for the same waiting job. The pause grows with the wait, so that a long backlog does not
/// fill the queue with copies.
const RESEND_AT_MOST: Duration = Duration::from_secs(3_600);

/// Pause after the first failed attempt; it doubles with each further one.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Longest pause between attempts. Also the longest delay that an SQS message can have.
const RETRY_PAUSE_AT_MOST: Duration = Duration::from_secs(900);

impl Job {
    /// Applies one event. On [`Applied::Changed`] the caller writes the job, then carries out the effects.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Applied {
        match event {
            Event::Claim {
                instance,
                lease,
                margin,
                slot_hour_usd,
            } => {
                let claimed = self.claim(instance, lease, margin, now);
                if matches!(self.state, JobState::Running { .. })
                    && matches!(claimed, Applied::Changed(_))
                {
                    self.cost.start(slot_hour_usd, now);
                }
                claimed
            }
            Event::Beat {
                token,
                lease,
                progress,
            } => self.beat(&token, lease, progress, now),
            Event::Encode { token, report } => self.encode(&token, *report, now),
            Event::Upload { token, warnings } => self.upload(&token, warnings, now),
            Event::Publish { token, lease } => self.publish(&token, lease, now),
            Event::Ready { token, output } => self.ready(&token, *output, now),
            Event::Finish { token, outputs } => self.finish(&token, outputs, now),
            Event::Fail { token, error } => self.fail(&token, error, now),
            Event::Release { token, reason } => self.release(&token, reason, now),
            Event::Lapse { margin } => self.lapse(margin, now),
            Event::Abandon { silence } => self.abandon(silence, now),
            Event::Resent => self.resent(now),
            Event::DeadLetter => self.dead_letter(now),
            Event::Cancel => self.cancel(now),
        }
    }

    fn claim(
        &mut self,
        instance: InstanceId,
        duration: Duration,
        margin: Duration,
        now: Timestamp,
    ) -> Applied {
        match &self.state {
            JobState::Pending {
                not_before: Some(until),
            } if now < *until => {
                return Applied::Denied(Denied::NotYet { until: *until });
            }
            // A lease of the claimer's own comes from an earlier life of its process: that process is gone.
            JobState::Running { lease, .. }
                if lease.token.instance != instance && !lease.lapsed(now, margin) =>
            {
                return Applied::Denied(Denied::LeaseHeld { until: lease.until });
            }
            JobState::Running { .. } if self.attempts >= self.spec.max_attempts => {
                return self.use_up(now);
            }
            JobState::Pending { .. } | JobState::Running { .. } => {}
            ended @ (JobState::Finished
            | JobState::Error(_)
            | JobState::Abandoned(_)
            | JobState::Canceled) => {
                return Applied::Denied(Denied::Ended(ended.name()));
            }
        }
        self.stop_meter(now);
        self.epoch += 1;
        self.attempts += 1;
        self.started_at.get_or_insert(now);
        self.progress = None;
        self.outputs.clear();
        self.resend_at = None;
        let token = LeaseToken {
            epoch: self.epoch,
            instance,
        };
        let lease = Lease {
            token,
            until: later(now, duration),
        };
        self.enter(
            JobState::Running {
                stage: Stage::Downloading,
                lease,
            },
            None,
            now,
        )
    }

    fn beat(
        &mut self,
        token: &LeaseToken,
        duration: Duration,
        progress: Option<Progress>,
        now: Timestamp,
    ) -> Applied {
        let (_, lease) = match self.held(token) {
            Ok(held) => held,
            Err(denied) => return Applied::Denied(denied),
        };
        lease.until = later(now, duration);
        if progress.is_some() {
            self.progress = progress;
        }
        self.heard_at = now;
        match self.over_budget(now) {
            Some(ended) => ended,
            None => Applied::Changed(self.tell_progress(now)),
        }
    }

    /// The source was looked at. For a probe that is all there is to do.
    fn encode(&mut self, token: &LeaseToken, report: Report, now: Timestamp) -> Applied {
        if self.spec.is_probe() {
            return self.found(token, report, now);
        }
        let applied = self.advance(token, Stage::Downloading, Stage::Encoding, now);
        if matches!(applied, Applied::Changed(_)) {
            self.report = report;
        }
        applied
    }

    fn found(&mut self, token: &LeaseToken, report: Report, now: Timestamp) -> Applied {
        if self.state == JobState::Finished && token.epoch == self.epoch {
            return Applied::Ignored;
        }
        if let Err(denied) = self.held(token) {
            return Applied::Denied(denied);
        }
        self.report = report;
        self.enter(JobState::Finished, None, now)
    }

    fn publish(&mut self, token: &LeaseToken, duration: Duration, now: Timestamp) -> Applied {
        match self.held(token) {
            Err(denied) => Applied::Denied(denied),
            Ok((stage @ (Stage::Uploading | Stage::Publishing), lease)) => {
                // The wire name stays UPLOADING, so this is no change of state.
                *stage = Stage::Publishing;
                lease.until = later(now, duration);
                self.heard_at = now;
                Applied::Changed(Vec::new())
            }
            Ok((Stage::Downloading | Stage::Encoding, _)) => Applied::Denied(Denied::OutOfOrder),
        }
    }

    fn finish(&mut self, token: &LeaseToken, outputs: Vec<Output>, now: Timestamp) -> Applied {
        if self.state == JobState::Finished && token.epoch == self.epoch {
            return Applied::Ignored;
        }
        match self.held(token) {
            Err(denied) => Applied::Denied(denied),
            Ok((Stage::Publishing, _)) => {
                self.outputs = outputs;
                self.enter(JobState::Finished, None, now)
            }
            Ok((Stage::Downloading | Stage::Encoding | Stage::Uploading, _)) => {
                Applied::Denied(Denied::OutOfOrder)
            }
        }
    }

    fn fail(&mut self, token: &LeaseToken, error: JobError, now: Timestamp) -> Applied {
        if let Err(denied) = self.held(token) {
            return Applied::Denied(denied);
        }
        if !error.code.retryable() || self.attempts >= self.spec.max_attempts {
            let details = error.to_string();
            return self.enter(JobState::Error(error), Some(details), now);
        }
        self.requeue(
            format!("attempt {} failed: {error}", self.attempts),
            self.retry_pause(),
            now,
        )
    }

    /// Pause before the next attempt, after those that were made.
    fn retry_pause(&self) -> Duration {
        let doublings = self.attempts.saturating_sub(1).min(16);
        RETRY_PAUSE
            .saturating_mul(1 << doublings)
            .min(RETRY_PAUSE_AT_MOST)
    }

    fn release(&mut self, token: &LeaseToken, reason: String, now: Timestamp) -> Applied {
        if let Err(denied) = self.held(token) {
            return Applied::Denied(denied);
        }
        self.attempts = self.attempts.saturating_sub(1);
        self.requeue(reason, Duration::ZERO, now)
    }

    fn lapse(&mut self, margin: Duration, now: Timestamp) -> Applied {
        match &self.state {
            JobState::Running { lease, .. } if lease.lapsed(now, margin) => {
                if self.attempts >= self.spec.max_attempts {
                    return self.use_up(now);
                }
                let reason = format!("encoder {} was not heard of in time", lease.token.instance);
                self.requeue(reason, Duration::ZERO, now)
            }
            JobState::Running { .. }
            | JobState::Pending { .. }
            | JobState::Finished
            | JobState::Error(_)
            | JobState::Abandoned(_)
            | JobState::Canceled => Applied::Ignored,
        }
    }

    fn abandon(&mut self, silence: Duration, now: Timestamp) -> Applied {
        let silent = elapsed(now, self.heard_at).saturating_sub(self.neglected(now));
        if self.state.ended() || silent < silence {
            return Applied::Ignored;
        }
        let hours = silence.as_secs_f64() / 3_600.0;
        let error = JobError::new(
            Code::Abandoned,
            format!("nothing was heard of the job for {hours:.1} h"),
        );
        let details = error.to_string();
        self.enter(JobState::Abandoned(error), Some(details), now)
    }

    fn resent(&mut self, now: Timestamp) -> Applied {
        match &self.state {
            JobState::Pending { .. } => {
                self.heard_at = later(self.heard_at, self.neglected(now));
                let pause = elapsed(now, self.heard_at).clamp(RESEND_AFTER, RESEND_AT_MOST);
                self.resend_at = Some(later(now, pause));
                Applied::Changed(vec![Effect::Enqueue {
                    delay: Duration::ZERO,
                }])
            }
            JobState::Running { .. }
            | JobState::Finished
            | JobState::Error(_)
            | JobState::Abandoned(_)
            | JobState::Canceled => Applied::Ignored,
        }
    }

    fn dead_letter(&mut self, now: Timestamp) -> Applied {
        if !matches!(self.state, JobState::Pending { .. }) {
            // Somebody took it after all; if that was in vain, its lease lapses.
            return Applied::Ignored;
        }
        self.attempts += 1;
        let problem = "its message was taken up many times, but no encoder could begin the job";
        if self.attempts >= self.spec.max_attempts {
            let error = JobError::new(Code::AttemptsExhausted, problem);
            let details = error.to_string();
            return self.enter(JobState::Error(error), Some(details), now);
        }
        self.requeue(problem.to_owned(), self.retry_pause(), now)
    }

    fn cancel(&mut self, now: Timestamp) -> Applied {
        match &self.state {
            JobState::Canceled => Applied::Ignored,
            JobState::Running {
                stage: Stage::Publishing,
                lease,
            } if !lease.lapsed(now, Duration::ZERO) => Applied::Denied(Denied::Publishing),
            JobState::Pending { .. } | JobState::Running { .. } => {
                self.enter(JobState::Canceled, None, now)
            }
            ended @ (JobState::Finished | JobState::Error(_) | JobState::Abandoned(_)) => {
                Applied::Denied(Denied::Ended(ended.name()))
            }
        }
    }

    /// One step forward. A step that was made already is a duplicate.
    fn upload(&mut self, token: &LeaseToken, warnings: Vec<Warning>, now: Timestamp) -> Applied {
        let applied = self.advance(token, Stage::Encoding, Stage::Uploading, now);
        if matches!(applied, Applied::Changed(_)) {
            self.report.warnings.extend(warnings);
        }
        applied
    }

    fn advance(&mut self, token: &LeaseToken, from: Stage, to: Stage, now: Timestamp) -> Applied {
        match self.held(token) {
            Err(denied) => Applied::Denied(denied),
            Ok((stage, _)) if *stage >= to => Applied::Ignored,
            Ok((stage, lease)) if *stage == from => {
                let lease = lease.clone();
                self.enter(JobState::Running { stage: to, lease }, None, now)
            }
            Ok(_) => Applied::Denied(Denied::OutOfOrder),
        }
    }

    /// Stage and lease, if the token is the valid one.
    pub(super) fn held(&mut self, token: &LeaseToken) -> Result<(&mut Stage, &mut Lease), Denied> {
        if self.state.ended() {
            return Err(Denied::Ended(self.state.name()));
        }
        match &mut self.state {
            JobState::Running { stage, lease } if lease.token == *token => Ok((stage, lease)),
            JobState::Running { .. }
            | JobState::Pending { .. }
            | JobState::Finished
            | JobState::Error(_)
            | JobState::Abandoned(_)
            | JobState::Canceled => Err(Denied::LeaseLost),
        }
    }

    fn use_up(&mut self, now: Timestamp) -> Applied {
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

    fn requeue(&mut self, reason: String, pause: Duration, now: Timestamp) -> Applied {
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
    fn over_budget(&mut self, now: Timestamp) -> Option<Applied> {
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
    fn stop_meter(&mut self, now: Timestamp) {
        let until = self.state.lease().map_or(now, |lease| lease.until.min(now));
        self.cost.stop(until);
    }

    /// Moves to a state and says so to whoever wants to know.
    fn enter(&mut self, state: JobState, details: Option<String>, now: Timestamp) -> Applied {
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
