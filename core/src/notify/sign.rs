//! Signatures after the Standard Webhooks specification 1.0.0: HMAC-SHA256 over `id.timestamp.body`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::secret::Secret;

/// What a secret in text form begins with.
const PREFIX: &str = "whsec_";

/// Fewest and most bytes of key that the specification allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The key that receivers verify notifications with.
#[derive(Clone, Debug)]
pub struct SigningSecret(Secret);

/// Text that is no signing secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `whsec_` and the base64 of 24 to 64 random bytes")]
pub struct InvalidSigningSecret;

impl SigningSecret {
    /// A secret made of these random bytes.
    pub fn from_bytes(key: [u8; 32]) -> Self {
        Self(Secret::new(format!("{PREFIX}{}", STANDARD.encode(key))))
    }

    /// Reads the text form.
    pub fn parse(text: Secret) -> Result<Self, InvalidSigningSecret> {
        let key = decode(text.expose()).ok_or(InvalidSigningSecret)?;
        if !KEY_BYTES.contains(&key.len()) {
            return Err(InvalidSigningSecret);
        }
        Ok(Self(text))
    }

    /// The text form, for the receiver's configuration and for nothing else.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The value of the `webhook-signature` header.
    pub fn sign(&self, id: &str, at: Timestamp, body: &str) -> String {
        let key = decode(self.0.expose()).expect("checked when it was made");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{}.{body}", at.as_second()).as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.strip_prefix(PREFIX)?).ok()
}
