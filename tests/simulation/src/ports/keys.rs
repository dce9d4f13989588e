//! API keys and logs as one process sees them. No use case that is simulated looks at any.

use nommer_core::{
    id::{JobId, KeyId},
    key::ApiKey,
    log::JobLog,
    ports::{KeyStore, LogStore, StoreError},
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
