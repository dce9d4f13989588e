//! What appears in watched places becomes jobs: files that a watcher of this machine found, objects that S3 told of.
//!
//! Each becomes one job, however often it is found or told of. Nothing is fetched here.

use jiff::Timestamp;
use nommer_core::{
    error::{Code, JobError},
    id::JobId,
    key::Caller,
    ports::{Backend, IdempotencyKey, ScaleSignal},
    watch::{ObjectCreated, WatchError, WatchRule, takes},
};
use uuid::Uuid;

use crate::{Accepted, NewJob, Refusal, Submit, accept, v1::create::prepared};

/// Media that appeared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appeared {
    /// Its address.
    pub address: String,
    /// The job that it becomes, if it becomes one.
    pub job_id: JobId,
    /// What tells it from what was found before, where its job's id does not.
    pub key: Option<IdempotencyKey>,
}

/// Makes a job of what appeared, unless there is one.
pub async fn take<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    rule: &WatchRule,
    appeared: Appeared,
    now: Timestamp,
) -> Result<Accepted, Refusal> {
    let Appeared {
        address,
        job_id,
        key,
    } = appeared;
    let checked = prepared(submit, &mut rule.job(&address), &job_id, now).await?;
    let new = NewJob {
        checked,
        key,
        repeats: None,
        id: job_id,
    };
    accept(submit, &Caller::Operator, new, now).await
}

/// Tries every rule on an example, so that a mistake is told before anything appears.
pub async fn try_rules<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    now: Timestamp,
) -> Result<(), WatchError> {
    for (number, rule) in submit.rules.watch.iter().enumerate() {
        rule.check(number)?;
        let id = JobId::from_uuid(Uuid::nil());
        let tried = prepared(submit, &mut rule.job(&rule.example()), &id, now).await;
        tried.map_err(|refusal| {
            let field = match refusal.pointer() {
                "/source_path" => "from",
                "/preset" => "preset",
                _ => "to",
            };
            WatchError {
                number,
                field,
                problem: refusal.into_error().message,
            }
        })?;
    }
    Ok(())
}

/// Whether what was refused now may be taken later: its own destination may be in use, or a part of the system down.
pub fn may_pass(error: &JobError) -> bool {
    error.code.retryable() || error.code == Code::DestConflict
}

/// Takes the object that an event of S3 tells of, if it is watched. An error asks for the event to come again.
pub async fn on_event<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    event: &str,
    now: Timestamp,
) -> Result<Option<JobId>, JobError> {
    let Some(object) = ObjectCreated::parse(event) else {
        tracing::warn!("an event is neither a request nor an object that was created");
        return Ok(None);
    };
    let rule = takes(&submit.rules.watch, &object.address);
    let Some(rule) = rule.filter(|_| object.bytes > 0) else {
        return Ok(None);
    };
    if let Err(wrong) = rule.check(0) {
        tracing::error!(object = object.address, %wrong, "a watched object was not taken");
        return Ok(None);
    }
    let appeared = Appeared {
        address: object.address.clone(),
        job_id: object.job_id,
        key: None,
    };
    match take(submit, rule, appeared, now).await {
        Ok(accepted) => Ok(Some(accepted.id().clone())),
        Err(refusal) => {
            let error = refusal.into_error();
            let again = may_pass(&error);
            tracing::error!(object = object.address, %error, again, "a watched object was not taken");
            if again { Err(error) } else { Ok(None) }
        }
    }
}
