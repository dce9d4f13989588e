//! Webhook endpoints in the table: one item for each owner.

use nommer_core::{
    id::KeyId,
    ports::{EndpointStore, StoreError, Version},
    webhook::WebhookEndpoint,
};

use super::{DynamoStore, item};

/// The operator's item has no name behind the mark; no key is without one.
fn key_of(owner: Option<&KeyId>) -> (String, String) {
    let owner = owner.map(ToString::to_string).unwrap_or_default();
    (format!("ENDPOINTS#{owner}"), "ENDPOINTS".to_owned())
}

impl EndpointStore for DynamoStore {
    async fn endpoints(
        &self,
        owner: Option<&KeyId>,
    ) -> Result<(Vec<WebhookEndpoint>, Version), StoreError> {
        match self.item("read webhook endpoints", key_of(owner)).await? {
            Some(found) => Ok((item::record(&found)?, item::version(&found))),
            None => Ok((Vec::new(), Version(0))),
        }
    }

    async fn put_endpoints(
        &self,
        owner: Option<&KeyId>,
        endpoints: &[WebhookEndpoint],
        read: Version,
    ) -> Result<Version, StoreError> {
        let item = item::holding(key_of(owner), &endpoints)?;
        self.put_at("write webhook endpoints", item, read).await
    }
}
