//! Batches as one process sees them.

use nommer_core::{
    batch::{Batch, Entry},
    id::{BatchId, KeyId},
    ports::{BatchStore, CreatedBatch, IdempotencyKey, StoreError, Version},
};

use super::SimStore;

impl BatchStore for SimStore {
    async fn create_batch(
        &self,
        batch: &Batch,
        entries: &[Entry],
        key: Option<&IdempotencyKey>,
    ) -> Result<CreatedBatch, StoreError> {
        let base = &self.process.world.memory.store;
        let creating = base.create_batch(batch, entries, key);
        self.process.call("create_batch", creating).await
    }

    async fn batch(&self, id: &BatchId) -> Result<Option<(Batch, Version)>, StoreError> {
        let base = &self.process.world.memory.store;
        self.process.call("batch", base.batch(id)).await
    }

    async fn batch_entry(&self, id: &BatchId, number: u32) -> Result<Option<Entry>, StoreError> {
        let base = &self.process.world.memory.store;
        let reading = base.batch_entry(id, number);
        self.process.call("batch_entry", reading).await
    }

    async fn put_batch(&self, batch: &Batch, read: Version) -> Result<Version, StoreError> {
        let base = &self.process.world.memory.store;
        let writing = base.put_batch(batch, read);
        self.process.call("put_batch", writing).await
    }

    async fn unfinished_batches(&self) -> Result<Vec<BatchId>, StoreError> {
        let base = &self.process.world.memory.store;
        let listing = base.unfinished_batches();
        self.process.call("unfinished_batches", listing).await
    }

    async fn batches(
        &self,
        owner: Option<&KeyId>,
        before: Option<&BatchId>,
        limit: u32,
    ) -> Result<Vec<Batch>, StoreError> {
        let base = &self.process.world.memory.store;
        let listing = base.batches(owner, before, limit);
        self.process.call("batches", listing).await
    }
}
