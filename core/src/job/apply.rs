//! What each event does to a job: changed with effects, ignored, or denied with the reason. Here is what its encoder tells.
//!
//! Events may come twice, late and out of order. One that has had its effect already is ignored; one that has no right is denied.

use std::time::Duration;

use jiff::Timestamp;

use super::{Applied, Denied, Event, Job, JobState, Output, Report, Stage};
use crate::{
    error::{JobError, Warning},
    id::InstanceId,
    lease::{Lease, LeaseToken, later},
    progress::Progress,
};

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
    pub(super) fn retry_pause(&self) -> Duration {
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
}
