//! What can happen to a job, and what the answer can be. Only data; what each event does is in `apply`.

use std::time::Duration;

use jiff::Timestamp;

use super::{Output, Report, StateName};
use crate::{
    error::{JobError, Warning},
    id::InstanceId,
    lease::LeaseToken,
    notify::Notification,
    progress::Progress,
};

/// Something that happened, or that somebody wants to happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An encoder wants the job.
    Claim {
        /// Who.
        instance: InstanceId,
        /// For how long at first.
        lease: Duration,
        /// How far clocks may disagree before a foreign lease counts as lapsed.
        margin: Duration,
        /// US dollars an hour for the job slot that it takes; none if the price is not known.
        slot_hour_usd: Option<f64>,
    },
    /// The encoder is alive; extends the lease.
    Beat {
        /// Proof.
        token: LeaseToken,
        /// For how long from now.
        lease: Duration,
        /// How far it is, if that changed.
        progress: Option<Progress>,
    },
    /// The source is there and FFmpeg begins.
    Encode {
        /// Proof.
        token: LeaseToken,
        /// What was found and decided.
        report: Box<Report>,
    },
    /// FFmpeg is done and the upload begins.
    Upload {
        /// Proof.
        token: LeaseToken,
        /// What it had to say of the source.
        warnings: Vec<Warning>,
    },
    /// The output is about to become visible: the last moment at which the right to do so is checked. Extends the lease.
    Publish {
        /// Proof.
        token: LeaseToken,
        /// For how long from now.
        lease: Duration,
    },
    /// One of the outputs is visible. Only told if somebody wants to hear of it: the end tells of all.
    Ready {
        /// Proof.
        token: LeaseToken,
        /// Which.
        output: Box<Output>,
    },
    /// The output is visible.
    Finish {
        /// Proof.
        token: LeaseToken,
        /// What was published.
        outputs: Vec<Output>,
    },
    /// The attempt failed.
    Fail {
        /// Proof.
        token: LeaseToken,
        /// Why; its code tells whether to try again.
        error: JobError,
    },
    /// The encoder gives the job back through no fault of the job. No attempt is counted.
    Release {
        /// Proof.
        token: LeaseToken,
        /// Why, in words.
        reason: String,
    },
    /// The lease may have ended without news.
    Lapse {
        /// How far clocks may disagree.
        margin: Duration,
    },
    /// Nothing may have been heard of the job for too long.
    Abandon {
        /// Too long.
        silence: Duration,
    },
    /// A waiting job was put into the queue again.
    Resent,
    /// The job's message was received again and again, and nobody took the job. Counts as an attempt.
    DeadLetter,
    /// The caller does not want it any more.
    Cancel,
}

/// What is to be done because of a change, after it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Put the job into the job queue.
    Enqueue {
        /// Visible only after this time.
        delay: Duration,
    },
    /// Tell one of those who want to know. Stored in the same write as the change.
    Notify(Box<Notification>),
    /// Move the job's batch on: it has ended.
    MoveBatch,
}

/// What an event did.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// The job changed and must be written; then come the effects.
    Changed(Vec<Effect>),
    /// Nothing to do: a duplicate, or too early.
    Ignored,
    /// Not allowed.
    Denied(Denied),
}

/// Why an event was not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The job has ended.
    #[error("the job has ended: it is {0}")]
    Ended(StateName),
    /// Another lease is valid now, or none.
    #[error("the lease on the job is lost")]
    LeaseLost,
    /// Another instance works on it.
    #[error("another encoder holds the job until {until}")]
    LeaseHeld {
        /// When that lease ends unless it is extended.
        until: Timestamp,
    },
    /// A failed attempt must cool off first.
    #[error("the job waits until {until} for its next attempt")]
    NotYet {
        /// When it may be claimed.
        until: Timestamp,
    },
    /// The step does not follow the present one.
    #[error("the step does not follow the job's present one")]
    OutOfOrder,
    /// The output may become visible at any moment, so the job cannot be canceled any more.
    #[error("the job is publishing its output and will end in a moment")]
    Publishing,
}
