//! Addresses of receivers of notifications.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::Url;

use super::{Part, STARS, UriError, parse::web_url};
use crate::{
    address::{NetworkRules, vet_url},
    secret::Secret,
};

/// Where a caller wants to be told. The query may hold a token, so it counts as secret.
#[derive(Clone, PartialEq, Eq)]
pub struct NotifyUrl {
    url: Url,
    secret: Part,
}

impl NotifyUrl {
    /// Reads the address of a receiver.
    pub fn parse(text: &str, rules: &NetworkRules) -> Result<Self, UriError> {
        if text.len() > super::MAX_BYTES {
            return Err(UriError::Malformed(format!(
                "it is longer than {} bytes",
                super::MAX_BYTES
            )));
        }
        let (url, query) = web_url(text)?;
        vet_url(&url, rules)?;
        Ok(Self {
            url,
            secret: query.map_or(Part::None, Part::Here),
        })
    }

    /// The whole URL. For the request and nothing else.
    pub fn expose_url(&self) -> Url {
        let mut url = self.url.clone();
        if let Part::Here(query) = &self.secret {
            url.set_query(Some(query.expose()));
        }
        url
    }

    /// Takes the secret part out, to be kept elsewhere.
    pub fn split_secret(self) -> (Self, Option<Secret>) {
        match self.secret {
            Part::Here(secret) => (
                Self {
                    url: self.url,
                    secret: Part::Hidden,
                },
                Some(secret),
            ),
            Part::None | Part::Hidden => (self, None),
        }
    }

    /// Puts the secret part back in.
    #[must_use]
    pub fn with_secret(self, secret: Secret) -> Self {
        Self {
            secret: Part::Here(secret),
            ..self
        }
    }

    /// The address with stars in place of its secret.
    pub fn redacted(&self) -> String {
        match self.secret {
            Part::None => self.url.to_string(),
            Part::Hidden | Part::Here(_) => format!("{}?{STARS}", self.url),
        }
    }
}

impl fmt::Debug for NotifyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NotifyUrl({})", self.redacted())
    }
}

impl Serialize for NotifyUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

/// Reads what was stored: redacted, and checked before it was stored.
impl<'de> Deserialize<'de> for NotifyUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (plain, secret) = match text.strip_suffix("?***") {
            Some(plain) => (plain, Part::Hidden),
            None => (text.as_str(), Part::None),
        };
        let (url, _) = web_url(plain).map_err(de::Error::custom)?;
        Ok(Self { url, secret })
    }
}
