//! The use case behind both routes: seal the secrets, write the job, queue it, wake scale.

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    error::{Code, JobError},
    id::JobId,
    job::Job,
    ports::{
        Backend, Created, IdempotencyKey, JobQueue, JobStore, ScaleSignal, Secrets, StoreError,
    },
    sealed::{SealedField, SealedSecrets, SealedText},
    secret::Secret,
    spec::Checked,
};

use crate::{Submit, reply::Refusal};

/// What became of an accepted request.
#[derive(Clone, Debug, PartialEq)]
pub enum Accepted {
    /// A job was made.
    New(Box<Job>),
    /// The same request was made before and this is its job.
    Replayed(JobId),
}

impl Accepted {
    /// The job.
    pub fn id(&self) -> &JobId {
        match self {
            Self::New(job) => &job.id,
            Self::Replayed(id) => id,
        }
    }
}

/// Records and queues a checked request under this id.
pub async fn accept<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    checked: Checked,
    key: Option<&IdempotencyKey>,
    id: JobId,
    now: Timestamp,
) -> Result<Accepted, JobError> {
    let unavailable = |error: StoreError| {
        tracing::error!(job.id = %id, error = ?error, "a job was not recorded");
        JobError::new(
            Code::Unavailable,
            "the job could not be recorded; try again",
        )
    };
    let secrets = submit.backend.secrets();
    let sealed = SealedSecrets {
        source: seal(secrets, checked.source, SealedField::Source, &id)
            .await
            .map_err(unavailable)?,
        destination: seal(secrets, checked.destination, SealedField::Destination, &id)
            .await
            .map_err(unavailable)?,
        notify: seal(secrets, checked.notify, SealedField::Notify, &id)
            .await
            .map_err(unavailable)?,
    };
    let job = Job::new(id.clone(), checked.spec, sealed, now);
    match submit
        .backend
        .store()
        .create(&job, key)
        .await
        .map_err(unavailable)?
    {
        Created::New => {}
        Created::Existing {
            job_id,
            same_body: true,
        } => return Ok(Accepted::Replayed(job_id)),
        Created::Existing {
            same_body: false, ..
        } => {
            let message = "the idempotency key was used before with another body";
            return Err(JobError::new(Code::IdempotencyMismatch, message)
                .with_hint("use a new key for a new request"));
        }
        Created::DestinationTaken { job_id } => {
            let message = format!("dest_path is the destination of the live job {job_id}");
            return Err(JobError::new(Code::DestConflict, message));
        }
    }
    // From here on the job is safe: prune repairs a lost message, and the next tick of scale a lost signal.
    if let Err(error) = submit.backend.job_queue().send(&id, Duration::ZERO).await {
        tracing::warn!(job.id = %id, error = ?error, "a job was recorded but not queued yet");
    }
    if let Err(error) = submit.signal.wake().await {
        tracing::warn!(job.id = %id, error = ?error, "scale was not woken; its next tick comes anyway");
    }
    tracing::info!(job.id = %id, "job submitted");
    Ok(Accepted::New(Box::new(job)))
}

async fn seal(
    secrets: &impl Secrets,
    plain: Option<Secret>,
    field: SealedField,
    id: &JobId,
) -> Result<Option<SealedText>, StoreError> {
    match plain {
        Some(plain) => secrets.seal(&plain, &field.context(id)).await.map(Some),
        None => Ok(None),
    }
}

/// The job with the id that stands in an address.
pub(crate) async fn find<B: Backend, W>(submit: &Submit<B, W>, id: &str) -> Result<Job, Refusal> {
    let parsed: JobId = id.parse().map_err(|_invalid| Refusal::no_such_job(id))?;
    let found = submit.backend.store().get(&parsed).await?;
    found
        .map(|(job, _)| job)
        .ok_or_else(|| Refusal::no_such_job(id))
}
