//! Who a notification goes to: the address with its secret, and the secrets that sign. Looked up here, sent elsewhere.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use nommer_core::{
    id::{EndpointId, KeyId},
    job::Job,
    notify::{Notification, NotifyFormat, SigningSecret},
    ports::{Backend, EndpointStore, Secrets, StoreError},
    sealed::{SealedField, SealedText},
    uri::NotifyUrl,
    webhook::{EndpointField, WebhookEndpoint},
};

/// How often a change of an owner's endpoints is tried again when somebody else wrote first.
const CONFLICTS: u32 = 16;

/// One receiver, ready to be sent to.
pub(crate) struct Receiver {
    /// With its secret.
    pub(crate) url: NotifyUrl,
    pub(crate) format: NotifyFormat,
    pub(crate) secrets: Vec<SigningSecret>,
    /// The endpoint, if it is one.
    pub(crate) endpoint: Option<Found>,
}

/// An endpoint and whose it is.
#[derive(Clone)]
pub(crate) struct Found {
    owner: Option<KeyId>,
    endpoint: WebhookEndpoint,
}

/// The endpoints that one run has read, by owner.
#[derive(Default)]
pub(crate) struct Endpoints(Mutex<Vec<Found>>);

impl Receiver {
    /// The address in a job. A job without one has no notification to it.
    pub(crate) async fn of_job<B: Backend>(
        backend: &B,
        job: &Job,
        signing_secret: &SigningSecret,
    ) -> Result<Self, StoreError> {
        let missing = || StoreError::unavailable("find the receiver", "the job names none");
        let target = job.spec.notify.as_ref().ok_or_else(missing)?;
        let context = job.sealed.context(SealedField::Notify, &job.id);
        Ok(Self {
            url: with_secret(backend, &target.url, job.sealed.notify.as_ref(), &context).await?,
            format: target.format,
            secrets: vec![signing_secret.clone()],
            endpoint: None,
        })
    }

    /// An endpoint, or why nothing is sent to it.
    pub(crate) async fn of_endpoint<B: Backend>(
        backend: &B,
        found: Option<Found>,
        now: Timestamp,
    ) -> Result<Result<Self, String>, StoreError> {
        let Some(found) = found else {
            return Ok(Err("the endpoint was deleted".to_owned()));
        };
        let endpoint = &found.endpoint;
        if let Some(disabled) = &endpoint.disabled {
            return Ok(Err(format!(
                "the endpoint is disabled: {}",
                disabled.reason
            )));
        }
        let context = EndpointField::Url.context(&endpoint.id);
        let sealed = endpoint.sealed_url.as_ref();
        let url = with_secret(backend, &endpoint.url, sealed, &context).await?;
        let context = EndpointField::Secret.context(&endpoint.id);
        let mut secrets = Vec::new();
        for sealed in endpoint.signing(now) {
            let text = backend.secrets().open(sealed, &context).await?;
            let secret = SigningSecret::parse(text)
                .map_err(|error| StoreError::unavailable("read a signing secret", error))?;
            secrets.push(secret);
        }
        Ok(Ok(Self {
            url,
            format: NotifyFormat::Json,
            secrets,
            endpoint: Some(found),
        }))
    }
}

impl Endpoints {
    /// An endpoint of the operator's, or of this owner.
    pub(crate) async fn find<B: Backend>(
        &self,
        backend: &B,
        owner: Option<&KeyId>,
        id: &EndpointId,
    ) -> Result<Option<Found>, StoreError> {
        if let Some(known) = self.known(id) {
            return Ok(Some(known));
        }
        for owner in [None].into_iter().chain(owner.map(Some)) {
            let (all, _) = backend.store().endpoints(owner).await?;
            let found = all.into_iter().map(|endpoint| Found {
                owner: owner.cloned(),
                endpoint,
            });
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(found);
            if let Some(known) = self.known(id) {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    fn known(&self, id: &EndpointId) -> Option<Found> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|one| one.endpoint.id == *id).cloned()
    }
}

impl Found {
    /// Sends nothing more to it, unless it is gone already.
    pub(crate) async fn disable<B: Backend>(
        &self,
        backend: &B,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for _ in 0..CONFLICTS {
            let (mut all, read) = backend.store().endpoints(self.owner.as_ref()).await?;
            let Some(endpoint) = all.iter_mut().find(|one| one.id == self.endpoint.id) else {
                return Ok(());
            };
            endpoint.disable(why, now);
            let owner = self.owner.as_ref();
            match backend.store().put_endpoints(owner, &all, read).await {
                Err(StoreError::Conflict) => {}
                written => {
                    tracing::warn!(endpoint.id = %self.endpoint.id, reason = why, "a webhook endpoint is disabled");
                    return written.map(drop);
                }
            }
        }
        // Not a conflict: that would mean that another run has the notification in hand.
        Err(StoreError::unavailable(
            "disable a webhook endpoint",
            "others write all the time",
        ))
    }
}

/// Why an endpoint is given up, from the delivery that nobody took.
pub(crate) fn gave_up(failed: &Notification) -> String {
    let last = failed.last_answer.as_ref();
    let answered = last.map_or_else(
        || "nothing".to_owned(),
        |answer| match answer.status {
            Some(status) => format!("HTTP {status}"),
            None => answer.excerpt.chars().take(200).collect(),
        },
    );
    let id = failed.webhook_id();
    if last.is_some_and(nommer_core::notify::Answer::is_gone) {
        return format!("it answered 410 (gone) to {id}");
    }
    let attempts = failed.attempts;
    format!("it did not take {id} in {attempts} attempts; the last answer was: {answered}")
}

async fn with_secret<B: Backend>(
    backend: &B,
    url: &NotifyUrl,
    sealed: Option<&SealedText>,
    context: &str,
) -> Result<NotifyUrl, StoreError> {
    match sealed {
        Some(sealed) => {
            let secret = backend.secrets().open(sealed, context).await?;
            Ok(url.clone().with_secret(secret))
        }
        None => Ok(url.clone()),
    }
}
