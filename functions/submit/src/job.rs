//! The use case behind both routes: seal the secrets, write the job, queue it, wake scale.

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    error::{Code, JobError},
    id::JobId,
    job::Job,
    key::Caller,
    notify::{EventName, Notification, Subscription, Target},
    ports::{
        Backend, Created, EndpointStore as _, IdempotencyKey, JobQueue, JobStore, ScaleSignal,
        Secrets, StoreError, Uploads, Version,
    },
    sealed::{SealedField, SealedSecrets, SealedText},
    secret::Secret,
    spec::{Checked, JobSpec, SpecError},
    webhook::WebhookEndpoint,
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

/// A request on its way to become a job.
#[derive(Debug)]
pub struct NewJob {
    /// What is asked for.
    pub checked: Checked,
    /// The caller's promise, if there is one.
    pub key: Option<IdempotencyKey>,
    /// The job that it repeats, if it does.
    pub repeats: Option<Box<Job>>,
    /// The name that the job will have.
    pub id: JobId,
}

/// Seconds after which a caller with too many jobs may look whether one has ended.
const QUOTA_RETRY: u64 = 10;

/// Records and queues a checked request.
pub async fn accept<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    caller: &Caller,
    new: NewJob,
    now: Timestamp,
) -> Result<Accepted, Refusal> {
    check_addresses(submit, caller, &new.checked.spec)?;
    check_quota(submit, caller).await?;
    let job = sealed_job(submit, caller, &new, now).await;
    let mut job = job.map_err(|error| unrecorded(&new.id, &error))?;
    // Whoever probes looks at the probe; nobody else is told.
    if !job.spec.is_probe() {
        let subscriptions = subscriptions(submit, caller).await;
        job.subscriptions = subscriptions.map_err(|error| unrecorded(&new.id, &error))?;
    }
    let key = new.key.map(|key| IdempotencyKey {
        key: own_name(caller, &key.key),
        ..key
    });
    let store = submit.backend.store();
    let (created, unsent) = match submit.backend.record(&job, key.as_ref()).await {
        // An id that is made of what it stands for comes again with it.
        Err(StoreError::Conflict) if matches!(store.get(&job.id).await, Ok(Some(_))) => {
            return Ok(Accepted::Replayed(job.id));
        }
        created => created.map_err(|error| unrecorded(&job.id, &error))?,
    };
    match created {
        Created::New => {}
        Created::DestinationTaken { job_id } if job_id == job.id => {
            return Ok(Accepted::Replayed(job_id));
        }
        Created::Existing {
            job_id,
            same_body: true,
        } => return Ok(Accepted::Replayed(job_id)),
        Created::Existing {
            same_body: false, ..
        } => {
            let message = "the idempotency key was used before with another body";
            return Err(JobError::new(Code::IdempotencyMismatch, message)
                .with_hint("use a new key for a new request")
                .into());
        }
        Created::DestinationTaken { job_id } => {
            return Err(taken(submit, caller, &job_id).await);
        }
    }
    // From here on the job is safe: prune repairs a lost message, and the next tick of scale a lost signal.
    if !Notification::of_new(&job).is_empty() {
        tell(submit, &job.id).await;
    }
    if let Some(error) = unsent {
        tracing::warn!(job.id = %job.id, error = ?error, "a job was recorded but not queued yet");
    }
    if let Err(error) = submit.signal.wake().await {
        tracing::warn!(job.id = %job.id, error = ?error, "scale was not woken; its next tick comes anyway");
    }
    tracing::info!(job.id = %job.id, "job submitted");
    Ok(Accepted::New(Box::new(job)))
}

/// Who hears of the caller's new jobs: endpoints of the operator's and of the caller's own, and the event bus.
pub(crate) async fn subscriptions<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
) -> Result<Vec<Subscription>, StoreError> {
    let store = submit.backend.store();
    let (mut endpoints, _) = store.endpoints(None).await?;
    if let Some(own) = caller.confined_to() {
        endpoints.extend(store.endpoints(Some(own)).await?.0);
    }
    let bus = submit.job_events.then(|| Subscription {
        target: Target::EventBus,
        events: EventName::by_default(),
    });
    let told = endpoints.iter().filter_map(WebhookEndpoint::subscription);
    Ok(told.chain(bus).collect())
}

/// Says that notifications of a job wait. Prune finds them in any case.
pub(crate) async fn tell<B: Backend, W>(submit: &Submit<B, W>, id: &JobId) {
    let queue = submit.backend.state_queue();
    if let Err(error) = queue.send(id, Duration::ZERO).await {
        tracing::warn!(job.id = %id, error = ?error, "notifications wait for prune");
    }
}

/// Refuses a job whose addresses are not the caller's to use.
pub(crate) fn check_addresses<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    spec: &JobSpec,
) -> Result<(), SpecError> {
    let uploads = submit.backend.uploads().map(Uploads::root);
    caller.check_addresses(spec, uploads)
}

fn unrecorded(id: &JobId, error: &StoreError) -> Refusal {
    tracing::error!(job.id = %id, error = ?error, "a job was not recorded");
    let message = "the job could not be recorded; try again";
    Refusal::new(Code::Unavailable, message)
}

/// An idempotency key as it is stored: two callers may use the same one for two things.
pub(crate) fn own_name(caller: &Caller, key: &str) -> String {
    match caller.owner() {
        None => key.to_owned(),
        Some(owner) => format!("{owner} {key}"),
    }
}

/// Refuses one more job of a key that has as many as it may.
async fn check_quota<B: Backend, W>(submit: &Submit<B, W>, caller: &Caller) -> Result<(), Refusal> {
    let Caller::Key(key) = caller else {
        return Ok(());
    };
    let Some(most) = key.grant.queued_jobs else {
        return Ok(());
    };
    let store = submit.backend.store();
    if store.unfinished_of(&key.id, most).await? < most {
        return Ok(());
    }
    let message = format!("this API key has {most} jobs that have not ended, as many as it may");
    Err(Refusal::new(Code::QuotaExceeded, message).retry_after(QUOTA_RETRY))
}

/// Names the job that has the destination, if the caller may know of it.
async fn taken<B: Backend, W>(submit: &Submit<B, W>, caller: &Caller, id: &JobId) -> Refusal {
    let rival = match find(submit, caller, id.as_str()).await {
        Ok(job) => format!("the live job {}", job.id),
        Err(_unseen) => "a live job".to_owned(),
    };
    let message = format!("dest_path is the destination of {rival}");
    Refusal::new(Code::DestConflict, message)
}

/// The job, with its secrets sealed.
async fn sealed_job<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    new: &NewJob,
    now: Timestamp,
) -> Result<Job, StoreError> {
    let (secrets, id, checked) = (submit.backend.secrets(), &new.id, &new.checked);
    let sealed = match &new.repeats {
        Some(ended) => ended.sealed.repeated(&ended.id),
        None => sealed(secrets, checked, id).await?,
    };
    let mut job = Job::new(id.clone(), checked.spec.clone(), sealed, now);
    job.owner = caller.owner().cloned();
    job.retry_of = new.repeats.as_ref().map(|ended| ended.id.clone());
    Ok(job)
}

/// The secret parts of a job's addresses, sealed for it.
pub(crate) async fn sealed(
    secrets: &impl Secrets,
    checked: &Checked,
    id: &JobId,
) -> Result<SealedSecrets, StoreError> {
    let of = async |plain: Option<&Secret>, field: SealedField| {
        seal(secrets, plain, &field.context(id)).await
    };
    Ok(SealedSecrets {
        source: of(checked.source.as_ref(), SealedField::Source).await?,
        destination: of(checked.destination.as_ref(), SealedField::Destination).await?,
        notify: of(checked.notify.as_ref(), SealedField::Notify).await?,
        sealed_for: None,
    })
}

pub(crate) async fn seal(
    secrets: &impl Secrets,
    plain: Option<&Secret>,
    context: &str,
) -> Result<Option<SealedText>, StoreError> {
    match plain {
        Some(plain) => secrets.seal(plain, context).await.map(Some),
        None => Ok(None),
    }
}

/// The job with the id that stands in an address, if there is one that the caller sees.
pub(crate) async fn find<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    id: &str,
) -> Result<Job, Refusal> {
    find_version(submit, caller, id).await.map(|(job, _)| job)
}

/// The same, with its version.
pub(crate) async fn find_version<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    id: &str,
) -> Result<(Job, Version), Refusal> {
    let found = find_any(submit, caller, id).await?;
    found
        .filter(|(job, _)| !job.spec.is_probe())
        .ok_or_else(|| Refusal::no_such_job(id))
}

/// The job or the probe with this id, if there is one that the caller sees.
pub(crate) async fn find_any<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    id: &str,
) -> Result<Option<(Job, Version)>, Refusal> {
    let Ok(id) = id.parse::<JobId>() else {
        return Ok(None);
    };
    let found = submit.backend.store().get(&id).await?;
    Ok(found.filter(|(job, _)| caller.sees(job)))
}
