//! Sealing with KMS: ciphertext that only principals with the right to this key, and this context, can open.

use aws_sdk_kms::{Client, primitives::Blob};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use nommer_core::{
    ports::{Secrets, StoreError},
    sealed::SealedText,
    secret::Secret,
};

use crate::fault::{unavailable, unreadable};

/// The name of the one entry of the encryption context. IAM policies demand it.
const CONTEXT: &str = "nommer:context";

/// Stands before every text, because KMS encrypts nothing that is empty.
const MARK: u8 = b'1';

/// Seals under one KMS key. A plain text has at most 4,095 bytes.
#[derive(Clone, Debug)]
pub struct KmsSecrets {
    client: Client,
    key_id: String,
}

impl KmsSecrets {
    /// The key by its ARN, id or alias.
    pub fn new(client: Client, key_id: impl Into<String>) -> Self {
        Self {
            client,
            key_id: key_id.into(),
        }
    }
}

impl Secrets for KmsSecrets {
    async fn seal(&self, plain: &Secret, context: &str) -> Result<SealedText, StoreError> {
        const WHAT: &str = "seal a secret";
        let mut bytes = vec![MARK];
        bytes.extend_from_slice(plain.expose().as_bytes());
        let answer = self
            .client
            .encrypt()
            .key_id(&self.key_id)
            .plaintext(Blob::new(bytes))
            .encryption_context(CONTEXT, context)
            .send()
            .await
            .map_err(|error| unavailable(WHAT, &error.into_service_error()))?;
        let sealed = answer
            .ciphertext_blob
            .ok_or_else(|| unreadable(WHAT, "KMS answered without a ciphertext"))?;
        Ok(SealedText(STANDARD.encode(sealed)))
    }

    async fn open(&self, sealed: &SealedText, context: &str) -> Result<Secret, StoreError> {
        const WHAT: &str = "open a sealed secret";
        let opaque = || unreadable(WHAT, "it was sealed with another key or for another use");
        let bytes = STANDARD.decode(&sealed.0).map_err(|_not_base64| opaque())?;
        let answer = self
            .client
            .decrypt()
            .key_id(&self.key_id)
            .ciphertext_blob(Blob::new(bytes))
            .encryption_context(CONTEXT, context)
            .send()
            .await
            .map_err(|error| unavailable(WHAT, &error.into_service_error()))?;
        let plain = answer.plaintext.ok_or_else(opaque)?.into_inner();
        let (MARK, text) = plain
            .split_first()
            .map(|(mark, text)| (*mark, text))
            .ok_or_else(opaque)?
        else {
            return Err(opaque());
        };
        String::from_utf8(text.to_vec())
            .map(Secret::new)
            .map_err(|_not_text| opaque())
    }
}
