//! What happens to a job without its encoder: prune repairs it, its message is received too often, its caller cancels it.

use std::time::Duration;

use jiff::Timestamp;

use super::{Applied, Denied, Effect, Job, JobState, Stage, enter::RESEND_AFTER};
use crate::{
    error::{Code, JobError},
    lease::{elapsed, later},
};

/// Longest pause between two messages for the same waiting job. The pause grows with the wait, so that a long backlog does not
/// fill the queue with copies.
const RESEND_AT_MOST: Duration = Duration::from_secs(3_600);

impl Job {
    pub(super) fn lapse(&mut self, margin: Duration, now: Timestamp) -> Applied {
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

    pub(super) fn abandon(&mut self, silence: Duration, now: Timestamp) -> Applied {
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

    pub(super) fn resent(&mut self, now: Timestamp) -> Applied {
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

    pub(super) fn dead_letter(&mut self, now: Timestamp) -> Applied {
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

    pub(super) fn cancel(&mut self, now: Timestamp) -> Applied {
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
}
