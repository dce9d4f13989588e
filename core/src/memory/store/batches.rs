//! Batches and their entries.

use crate::{
    batch::{Batch, Entry},
    id::{BatchId, KeyId},
    ports::{BatchStore, CreatedBatch, IdempotencyKey, StoreError, Version},
};

use super::{MemoryStore, step};

impl BatchStore for MemoryStore {
    async fn create_batch(
        &self,
        batch: &Batch,
        entries: &[Entry],
        key: Option<&IdempotencyKey>,
    ) -> Result<CreatedBatch, StoreError> {
        let mut inner = self.lock();
        if let Some(key) = key {
            if let Some((known, id)) = inner.promises.get(&key.key)
                && known.expires_at > batch.created_at
            {
                return Ok(CreatedBatch::Existing {
                    id: id.as_str().parse().expect("ids are checked"),
                    same_body: key.body_hash == known.body_hash,
                });
            }
            let id = batch.id.as_str().parse().expect("ids are checked");
            inner.promises.insert(key.key.clone(), (key.clone(), id));
        }
        for (number, entry) in (0..).zip(entries) {
            let place = (batch.id.clone(), number);
            inner.entries.insert(place, entry.clone());
        }
        let new = (batch.clone(), Version(1));
        inner.batches.insert(batch.id.clone(), new);
        Ok(CreatedBatch::New)
    }

    async fn batch(&self, id: &BatchId) -> Result<Option<(Batch, Version)>, StoreError> {
        Ok(self.lock().batches.get(id).cloned())
    }

    async fn batch_entry(&self, id: &BatchId, number: u32) -> Result<Option<Entry>, StoreError> {
        Ok(self.lock().entries.get(&(id.clone(), number)).cloned())
    }

    async fn put_batch(&self, batch: &Batch, read: Version) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let found = inner.batches.get(&batch.id);
        let found = found.map(|(_, version)| *version).unwrap_or_default();
        let version = step(found, read)?;
        let written = (batch.clone(), version);
        inner.batches.insert(batch.id.clone(), written);
        if batch.ended_at.is_some() {
            inner.entries.retain(|(id, _), _| *id != batch.id);
        }
        Ok(version)
    }

    async fn unfinished_batches(&self) -> Result<Vec<BatchId>, StoreError> {
        let inner = self.lock();
        let live = inner.batches.values();
        let live = live.filter(|(batch, _)| batch.ended_at.is_none());
        Ok(live.map(|(batch, _)| batch.id.clone()).collect())
    }

    async fn batches(
        &self,
        owner: Option<&KeyId>,
        before: Option<&BatchId>,
        limit: u32,
    ) -> Result<Vec<Batch>, StoreError> {
        let inner = self.lock();
        let matches = |batch: &&Batch| {
            owner.is_none_or(|owner| batch.owner.as_ref() == Some(owner))
                && before.is_none_or(|before| batch.id < *before)
        };
        let newest_first = inner.batches.values().rev().map(|(batch, _)| batch);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(newest_first.filter(matches).take(limit).cloned().collect())
    }
}
