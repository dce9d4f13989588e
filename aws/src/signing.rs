//! The secret that notifications are signed with: made once for a stack, kept in the table, sealed.

use aws_sdk_dynamodb::{error::SdkError, operation::put_item::PutItemError};
use nommer_core::{
    notify::SigningSecret,
    ports::{Secrets, StoreError},
    sealed::SealedText,
    secret::Secret,
};

use crate::{
    fault::{unavailable, unreadable},
    secrets::KmsSecrets,
    store::{DynamoStore, item},
};

/// What the sealed secret is bound to.
const CONTEXT: &str = "signing-secret";

/// The attribute that holds it.
const SEALED: &str = "sealed";

/// Bytes of a new secret; Standard Webhooks asks for 24 to 64.
const BYTES: usize = 32;

fn key() -> (String, String) {
    ("SIGNING".to_owned(), "SIGNING".to_owned())
}

/// The stack's signing secret. The first call makes it; of many first calls at once, one's is kept.
pub(crate) async fn signing_secret(
    store: &DynamoStore,
    secrets: &KmsSecrets,
) -> Result<SigningSecret, StoreError> {
    const WHAT: &str = "read the signing secret";
    let sealed = match stored(store).await? {
        Some(sealed) => sealed,
        None => make(store, secrets).await?,
    };
    let text = secrets.open(&sealed, CONTEXT).await?;
    SigningSecret::parse(text).map_err(|error| unreadable(WHAT, error))
}

async fn stored(store: &DynamoStore) -> Result<Option<SealedText>, StoreError> {
    let found = store.item("read the signing secret", key()).await?;
    Ok(found
        .and_then(|found| item::attribute(&found, SEALED).map(|text| SealedText(text.to_owned()))))
}

async fn make(store: &DynamoStore, secrets: &KmsSecrets) -> Result<SealedText, StoreError> {
    const WHAT: &str = "make the signing secret";
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| unreadable(WHAT, error))?;
    let secret = Secret::new(SigningSecret::from_bytes(bytes).expose());
    let sealed = secrets.seal(&secret, CONTEXT).await?;
    let (pk, sk) = key();
    let mut row = item::key(pk, sk);
    row.insert(SEALED.to_owned(), item::text(&sealed.0));
    let put = store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(row))
        .condition_expression("attribute_not_exists(pk)")
        .send()
        .await;
    match put.map_err(SdkError::into_service_error) {
        Ok(_) => Ok(sealed),
        // Somebody else was faster, or our own answer was lost; what is stored counts.
        Err(PutItemError::ConditionalCheckFailedException(_)) => {
            let stored = stored(store).await?;
            stored.ok_or_else(|| unreadable(WHAT, "it was deleted meanwhile"))
        }
        Err(fault) => Err(unavailable(WHAT, &fault)),
    }
}
