//! Encrypted text beside a job: credentials and other secret parts of its addresses.
//!
//! Here they are only carried. Who encrypts and decrypts is behind the [`Secrets`](crate::ports::Secrets) port.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Ciphertext, in base64 with whatever its sealer needs to open it. Useless without the key, and still not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedText(pub String);

impl fmt::Debug for SealedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedText(***)")
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
}
