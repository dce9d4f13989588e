//! API keys: who calls, what they may do, which jobs they see, and how much they may ask for. No key is stored here or anywhere:
//! only its hash is.

mod caller;

use std::{collections::BTreeSet, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{id::KeyId, secret::Secret};

pub use caller::Caller;

/// What every key begins with, so that people and scanners for leaked secrets know it.
const MARK: &str = "nk_";

/// Random bytes of a key's id, and of its secret part: as many as nobody guesses, so that a plain hash hides it.
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// Random bytes that a new key is made from.
pub type KeySeed = [u8; ID_BYTES + SECRET_BYTES];

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Submit jobs; cancel, retry and delete those of its own.
    Submit,
    /// See jobs of its own, and estimates.
    Read,
    /// Everything: all jobs, and the fleet.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Submit, Self::Read, Self::Admin];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a key is given when it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What it is for, in the words of whoever made it.
    pub name: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Most requests in a minute that one copy of submit answers it.
    pub requests_per_minute: Option<u32>,
    /// Most jobs of its own that have not ended. Requests at the same moment may go beyond by their number.
    pub queued_jobs: Option<u32>,
    /// Addresses that its sources must lie under; any if there is none.
    pub sources: Vec<String>,
    /// Addresses that its destinations must lie under; any if there is none.
    pub destinations: Vec<String>,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its name, which stands in the key itself.
    pub id: KeyId,
    /// SHA-256 of its secret part, in base64.
    pub hash: String,
    /// What it may.
    pub grant: Grant,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is not taken any more.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// A new key from fresh random bytes: what is stored, and the key itself, which is shown once.
    pub fn new(mut grant: Grant, seed: &KeySeed, now: Timestamp) -> (Self, Secret) {
        let (id, secret) = seed.split_at(ID_BYTES);
        let (id, secret) = (hex(id), Secret::new(hex(secret)));
        // A folder's name without a slash at its end would be the beginning of other folders' names too.
        for prefix in grant.sources.iter_mut().chain(&mut grant.destinations) {
            if !prefix.ends_with('/') {
                prefix.push('/');
            }
        }
        let shown = Secret::new(format!("{MARK}{id}_{}", secret.expose()));
        let key = Self {
            id: KeyId::from_hex(&id),
            hash: hash(&secret),
            grant,
            created_at: now,
            revoked_at: None,
        };
        (key, shown)
    }

    /// Whether this secret part is the key's, and it is in force. Takes as long whatever the secret is.
    pub fn admits(&self, secret: &Secret) -> bool {
        let (own, given) = (self.hash.as_bytes(), hash(secret));
        let differences = own
            .iter()
            .zip(given.as_bytes())
            .fold(own.len() ^ given.len(), |found, (one, other)| {
                found | usize::from(one ^ other)
            });
        differences == 0 && self.revoked_at.is_none()
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<Vec<_>>().concat()
}

fn hash(secret: &Secret) -> String {
    STANDARD.encode(Sha256::digest(secret.expose()))
}

/// A key as a request brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Which key it says that it is.
    pub id: KeyId,
    /// What proves it.
    pub secret: Secret,
}

impl Presented {
    /// Reads the value of an `Authorization` header: `Bearer` and a key.
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, key) = header.trim().split_once(' ')?;
        let (id, secret) = key.trim().strip_prefix(MARK)?.split_once('_')?;
        let hexadecimal = |text: &str, bytes: usize| {
            text.len() == bytes * 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let well_formed = scheme.eq_ignore_ascii_case("bearer")
            && hexadecimal(id, ID_BYTES)
            && hexadecimal(secret, SECRET_BYTES);
        well_formed.then(|| Self {
            id: KeyId::from_hex(id),
            secret: Secret::new(secret),
        })
    }
}

/// What a request to an address needs; none if everybody may make it. What is not named here is for admins.
pub fn needed(method: &str, path: &str) -> Option<Scope> {
    let reads = matches!(method, "GET" | "HEAD");
    match path {
        "/v1/health" | "/v1/version" | "/openapi.json" | "/docs" => None,
        "/v1/presets" | "/v1/stats" | "/v1/webhook-deliveries" if reads => Some(Scope::Read),
        _ if reads && path.starts_with("/v1/presets/") => Some(Scope::Read),
        "/v1/estimates" => Some(Scope::Read),
        "/job/submit" | "/job/submit/" | "/v1/jobs:bulk" | "/v1/uploads" => Some(Scope::Submit),
        _ if path == "/v1/probes" || path.starts_with("/v1/probes/") => {
            Some(if reads { Scope::Read } else { Scope::Submit })
        }
        _ if path.starts_with("/v1/uploads/") || path.starts_with("/v1/webhook-deliveries/") => {
            Some(Scope::Submit)
        }
        _ if path == "/v1/webhook-endpoints" || path.starts_with("/v1/webhook-endpoints/") => {
            Some(if reads { Scope::Read } else { Scope::Submit })
        }
        _ if path == "/v1/jobs"
            || path == "/v1/batches"
            || path.starts_with("/v1/jobs/")
            || path.starts_with("/v1/batches/") =>
        {
            Some(if reads { Scope::Read } else { Scope::Submit })
        }
        _ => Some(Scope::Admin),
    }
}

/// How many requests a key has left in the present minute, as one copy of submit counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    minute: i64,
    used: u32,
}

impl Allowance {
    /// Takes one of so many a minute, or tells the seconds until there are more.
    pub fn take(&mut self, per_minute: u32, now: Timestamp) -> Result<(), u64> {
        let (minute, second) = (now.as_second() / 60, now.as_second() % 60);
        if self.minute != minute {
            *self = Self { minute, used: 0 };
        }
        if self.used >= per_minute {
            return Err(u64::try_from(60 - second).unwrap_or(60));
        }
        self.used += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
