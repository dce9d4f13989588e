//! API keys, logs, presets and webhook endpoints as one process sees them. No use case that is simulated looks at any.

use nommer_core::{
    id::{JobId, KeyId},
    key::ApiKey,
    log::JobLog,
    ports::{EndpointStore, KeyStore, LogStore, PresetStore, StoreError, Version},
    stored_preset::StoredPreset,
    webhook::WebhookEndpoint,
};

use super::SimStore;

impl KeyStore for SimStore {
    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.process.world.memory.store.key(id).await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.process.world.memory.store.keys().await
    }

    async fn put_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.process.world.memory.store.put_key(key).await
    }
}

impl LogStore for SimStore {
    async fn log(&self, id: &JobId) -> Result<Option<JobLog>, StoreError> {
        self.process.world.memory.store.log(id).await
    }
}

impl PresetStore for SimStore {
    async fn presets(&self) -> Result<Vec<(StoredPreset, Version)>, StoreError> {
        self.process.world.memory.store.presets().await
    }

    async fn put_preset(
        &self,
        preset: &StoredPreset,
        read: Version,
    ) -> Result<Version, StoreError> {
        self.process
            .world
            .memory
            .store
            .put_preset(preset, read)
            .await
    }

    async fn delete_preset(&self, name: &str) -> Result<(), StoreError> {
        self.process.world.memory.store.delete_preset(name).await
    }
}

impl EndpointStore for SimStore {
    async fn endpoints(
        &self,
        owner: Option<&KeyId>,
    ) -> Result<(Vec<WebhookEndpoint>, Version), StoreError> {
        self.process.world.memory.store.endpoints(owner).await
    }

    async fn put_endpoints(
        &self,
        owner: Option<&KeyId>,
        endpoints: &[WebhookEndpoint],
        read: Version,
    ) -> Result<Version, StoreError> {
        let store = &self.process.world.memory.store;
        store.put_endpoints(owner, endpoints, read).await
    }
}
