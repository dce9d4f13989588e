//! Who makes a request: whose jobs they see, which addresses they may use.

use super::{ApiKey, Scope};
use crate::{
    batch::Batch,
    error::Code,
    id::KeyId,
    job::Job,
    ports::JobFilter,
    spec::{JobSpec, SpecError},
    upload::own_folder,
    uri::MediaUri,
};

/// Whoever makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever runs the system: a program of this machine, or an identity of the account.
    Operator,
    /// The bearer of a key.
    Key(Box<ApiKey>),
}

impl Caller {
    /// Whether this may be done.
    pub fn may(&self, scope: Scope) -> bool {
        match self {
            Self::Operator => true,
            Self::Key(key) => {
                key.grant.scopes.contains(&scope) || key.grant.scopes.contains(&Scope::Admin)
            }
        }
    }

    /// Whose jobs new ones are.
    pub fn owner(&self) -> Option<&KeyId> {
        match self {
            Self::Operator => None,
            Self::Key(key) => Some(&key.id),
        }
    }

    /// Whose jobs are all that is seen; none if all are.
    pub fn confined_to(&self) -> Option<&KeyId> {
        self.owner().filter(|_| !self.may(Scope::Admin))
    }

    /// Whether this job is seen. Others are as if they were not there.
    pub fn sees(&self, job: &Job) -> bool {
        self.sees_those_of(job.owner.as_ref())
    }

    /// Whether what has this owner is seen.
    pub fn sees_those_of(&self, owner: Option<&KeyId>) -> bool {
        self.confined_to().is_none_or(|own| owner == Some(own))
    }

    /// Whether this batch is seen.
    pub fn sees_batch(&self, batch: &Batch) -> bool {
        self.sees_those_of(batch.owner.as_ref())
    }

    /// The list that is asked for, of the jobs that are seen.
    #[must_use]
    pub fn narrowed(&self, filter: JobFilter) -> JobFilter {
        JobFilter {
            owner: self.confined_to().cloned(),
            ..filter
        }
    }

    /// Refuses a job whose addresses are not the caller's to use. `uploads` is what the addresses of all uploads begin with: those of
    /// a caller are the caller's to read whatever else is, and those of others are not.
    pub fn check_addresses(&self, spec: &JobSpec, uploads: Option<&str>) -> Result<(), SpecError> {
        let Self::Key(key) = self else { return Ok(()) };
        let source = |uri: &MediaUri, field: &str| {
            let address = uri.identity();
            let Some(upload) = uploads.and_then(|root| address.strip_prefix(root)) else {
                return within(&key.grant.sources, &address, field);
            };
            if self.may(Scope::Admin) || upload.starts_with(&own_folder(Some(&key.id))) {
                return Ok(());
            }
            Err(not_yours(
                format!("{field} is an upload of somebody else"),
                field,
            ))
        };
        source(&spec.source_path, "source_path")?;
        for (number, captions) in spec.extras.captions.iter().enumerate() {
            let field = format!("captions/{number}/source_path");
            source(&captions.source_path, &field)?;
        }
        if let Some(watermark) = &spec.extras.watermark {
            source(&watermark.source_path, "watermark/source_path")?;
        }
        let Some(destination) = &spec.dest_path else {
            return Ok(());
        };
        let destination = destination.identity();
        if uploads.is_some_and(|root| destination.starts_with(root)) {
            let message = "dest_path lies among the uploads".to_owned();
            return Err(not_yours(message, "dest_path"));
        }
        within(&key.grant.destinations, &destination, "dest_path")
    }
}

fn not_yours(message: String, field: &str) -> SpecError {
    let mut refused = SpecError::new(format!("/{field}"), Code::Forbidden, message);
    refused.error.hint = Some("an API key reads its own uploads, and writes none".to_owned());
    refused
}

fn within(prefixes: &[String], address: &str, field: &str) -> Result<(), SpecError> {
    if prefixes.is_empty() || prefixes.iter().any(|prefix| address.starts_with(prefix)) {
        return Ok(());
    }
    let message = format!("{field} must lie under {}", prefixes.join(" or "));
    let mut refused = SpecError::new(format!("/{field}"), Code::Forbidden, message);
    refused.error.hint = Some("this API key is limited to those places".to_owned());
    Err(refused)
}
