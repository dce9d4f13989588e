//! Encrypted text beside a job: credentials and other secret parts of its addresses.
//!
//! Here they are only carried. Who encrypts and decrypts is behind the [`Secrets`](crate::ports::Secrets) port.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::JobId;

/// Ciphertext, in base64 with whatever its sealer needs to open it. Useless without the key, and still not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedText(pub String);

impl fmt::Debug for SealedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedText(***)")
    }
}

/// Which address of a job a sealed text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedField {
    /// The source address.
    Source,
    /// The destination address.
    Destination,
    /// The notify URL.
    Notify,
}

impl SealedField {
    /// The context that binds a ciphertext to one address of one job.
    pub fn context(self, id: &JobId) -> String {
        let field = match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Notify => "notify",
        };
        format!("{id}/{field}")
    }
}

/// The encrypted parts of one job's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecrets {
    /// Of the source: credentials, or the query of a signed URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SealedText>,
    /// Of the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<SealedText>,
    /// Of `notify_url`: its query. Kept after the job's end, because notifications are still to be sent then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<SealedText>,
    /// The job that these were sealed for, if another: the one that this job repeats. Whoever makes the repetition cannot open them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_for: Option<JobId>,
}

impl SealedSecrets {
    /// The context that one of these, kept with the job `own`, was sealed with.
    pub fn context(&self, field: SealedField, own: &JobId) -> String {
        field.context(self.sealed_for.as_ref().unwrap_or(own))
    }

    /// Those of a job that has ended, for one that repeats it.
    #[must_use]
    pub fn repeated(&self, own: &JobId) -> Self {
        Self {
            sealed_for: Some(self.sealed_for.as_ref().unwrap_or(own).clone()),
            ..self.clone()
        }
    }
}
