//! Addresses of receivers of notifications.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use url::Url;

use super::{MediaUri, Scheme, UriError, parse};
use crate::{
    address::{NetworkRules, vet_url},
    secret::Secret,
};

/// Where a caller wants to be told: a web address whose query may hold a token, and so counts as secret.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NotifyUrl(MediaUri);

impl NotifyUrl {
    /// Reads the address of a receiver.
    pub fn parse(text: &str, rules: &NetworkRules) -> Result<Self, UriError> {
        let receiver = Self(parse::parse_http(text)?);
        vet_url(&receiver.expose_url(), rules)?;
        Ok(receiver)
    }

    /// The whole URL. For the request and nothing else.
    pub fn expose_url(&self) -> Url {
        self.0.expose_url().expect("only web addresses are made")
    }

    /// Takes the secret part out, to be kept elsewhere.
    pub fn split_secret(self) -> (Self, Option<Secret>) {
        let (uri, secret) = self.0.split_secret();
        (Self(uri), secret)
    }

    /// Puts the secret part back in.
    #[must_use]
    pub fn with_secret(self, secret: Secret) -> Self {
        Self(self.0.with_secret(secret))
    }

    /// The address with stars in place of its secret.
    pub fn redacted(&self) -> String {
        self.0.redacted()
    }
}

impl fmt::Debug for NotifyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NotifyUrl({})", self.redacted())
    }
}

/// Reads what was stored: redacted, and checked before it was stored.
impl<'de> Deserialize<'de> for NotifyUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let uri = MediaUri::deserialize(deserializer)?;
        match uri.scheme() {
            Scheme::Http => Ok(Self(uri)),
            Scheme::S3 | Scheme::File => Err(de::Error::custom("a receiver has a web address")),
        }
    }
}
