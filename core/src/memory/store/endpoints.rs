//! Webhook endpoints, one record for each owner.

use crate::{
    id::KeyId,
    ports::{EndpointStore, StoreError, Version},
    webhook::WebhookEndpoint,
};

use super::{MemoryStore, step};

impl EndpointStore for MemoryStore {
    async fn endpoints(
        &self,
        owner: Option<&KeyId>,
    ) -> Result<(Vec<WebhookEndpoint>, Version), StoreError> {
        let inner = self.lock();
        let found = inner.endpoints.get(&owner.cloned());
        Ok(found.cloned().unwrap_or_default())
    }

    async fn put_endpoints(
        &self,
        owner: Option<&KeyId>,
        endpoints: &[WebhookEndpoint],
        read: Version,
    ) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let found = inner.endpoints.entry(owner.cloned()).or_default();
        let version = step(found.1, read)?;
        *found = (endpoints.to_vec(), version);
        Ok(version)
    }
}
