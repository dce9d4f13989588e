//! Batches in the table: a record, and an item beside it for each entry.

use std::time::Duration;

use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use nommer_core::{
    batch::{Batch, Entry},
    id::{BatchId, KeyId},
    lease::later,
    ports::{BatchStore, CreatedBatch, IdempotencyKey, StoreError, Version},
};

use super::{
    DynamoStore, INDEX_1, INDEX_2,
    create::{known_key, promise_write},
    item::{self, Item},
    jobs::{TRANSACTION_LIMIT, Transacted, put_write},
    list::AFTER_ALL,
};

/// The index partition of batches that have not ended, and that of all.
const BATCHES: &str = "BATCHES";

/// For how long entries are kept at least: those of a batch that was never stored, because whoever wrote them died, have to go some day.
const ENTRY_LIFETIME: Duration = Duration::from_secs(366 * 86_400);

const WHAT: &str = "record a batch";

/// Positions of the writes in the transaction.
const BATCH: usize = 0;
const KEY: usize = 1;

fn batch_key(id: &BatchId) -> (String, String) {
    (format!("BATCH#{id}"), "BATCH".to_owned())
}

fn entry_key(id: &BatchId, number: u32) -> (String, String) {
    (format!("BATCH#{id}"), format!("ENTRY#{number:05}"))
}

impl BatchStore for DynamoStore {
    async fn create_batch(
        &self,
        batch: &Batch,
        entries: &[Entry],
        key: Option<&IdempotencyKey>,
    ) -> Result<CreatedBatch, StoreError> {
        if let Some(key) = key
            && let Some((id, same_body)) = self.promised(key, batch).await?
        {
            return Ok(CreatedBatch::Existing { id, same_body });
        }
        // The entries come first: there is a batch only once its record is there.
        self.put_entries(batch, entries).await?;
        let record = item::stamped(self.item_of(batch)?, Version(1), &item::write_id());
        let put = self.put_request().set_item(Some(record));
        let put = put.condition_expression("attribute_not_exists(pk)");
        let mut writes = vec![put_write(WHAT, put)?];
        if let Some(key) = key {
            writes.push(promise_write(
                self,
                key,
                batch.id.as_str(),
                batch.created_at,
            )?);
        }
        let refused = match self.transact(WHAT, writes).await? {
            Transacted::Done => return Ok(CreatedBatch::New),
            Transacted::Refused(reasons) => reasons,
        };
        // Another request was faster: one with the same key, or this very one, repeated by the SDK.
        let taken = refused.get(KEY).and_then(CancellationReason::code);
        let made = refused.get(BATCH).and_then(CancellationReason::code);
        let (taken, made) = (
            taken != Some("None"),
            made == Some("ConditionalCheckFailed"),
        );
        if let Some(key) = key.filter(|_| taken && !made)
            && let Some((id, same_body)) = self.promised(key, batch).await?
        {
            self.forget_entries(batch).await?;
            return Ok(CreatedBatch::Existing { id, same_body });
        }
        Err(StoreError::Conflict)
    }

    async fn batch(&self, id: &BatchId) -> Result<Option<(Batch, Version)>, StoreError> {
        let found = self.item("read a batch", batch_key(id)).await?;
        found
            .map(|found| Ok((item::record(&found)?, item::version(&found))))
            .transpose()
    }

    async fn batch_entry(&self, id: &BatchId, number: u32) -> Result<Option<Entry>, StoreError> {
        let found = self.item("read an entry of a batch", entry_key(id, number));
        found.await?.as_ref().map(item::record).transpose()
    }

    async fn put_batch(&self, batch: &Batch, read: Version) -> Result<Version, StoreError> {
        if batch.ended_at.is_some() {
            // Before the record: whoever dies in between leaves a batch that is ended once more. Nobody needs entries whose jobs have ended.
            self.forget_entries(batch).await?;
        }
        let record = self.item_of(batch)?;
        self.put_at("write a batch", record, read).await
    }

    async fn unfinished_batches(&self) -> Result<Vec<BatchId>, StoreError> {
        let items = self.query("list unfinished batches", |query| {
            query
                .index_name(INDEX_1)
                .key_condition_expression("gsi1pk = :pk")
                .expression_attribute_values(":pk", item::text(BATCHES))
        });
        items.all().await?.iter().map(id_of).collect()
    }

    async fn batches(
        &self,
        owner: Option<&KeyId>,
        before: Option<&BatchId>,
        limit: u32,
    ) -> Result<Vec<Batch>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let before = before.map_or(AFTER_ALL, BatchId::as_str);
        let mut items = self.query("list batches", |query| {
            let query = query
                .index_name(INDEX_2)
                .key_condition_expression("gsi2pk = :pk AND gsi2sk < :before")
                .expression_attribute_values(":pk", item::text(BATCHES))
                .expression_attribute_values(":before", item::text(before))
                .scan_index_forward(false);
            match owner {
                None => query,
                Some(owner) => query
                    .filter_expression("#owner = :owner")
                    .expression_attribute_names("#owner", "owner")
                    .expression_attribute_values(":owner", item::text(owner.as_str())),
            }
        });
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(next) = items.next().await?
        {
            found.push(item::record(&next)?);
        }
        Ok(found)
    }
}

fn id_of(found: &Item) -> Result<BatchId, StoreError> {
    item::record::<Batch>(found).map(|batch| batch.id)
}

impl DynamoStore {
    /// The record, found while it is unfinished and among all.
    fn item_of(&self, batch: &Batch) -> Result<Item, StoreError> {
        let mut record = item::holding(batch_key(&batch.id), batch)?;
        let id = || item::text(batch.id.as_str());
        if let Some(owner) = &batch.owner {
            record.insert("owner".to_owned(), item::text(owner.as_str()));
        }
        record.insert("gsi2pk".to_owned(), item::text(BATCHES));
        record.insert("gsi2sk".to_owned(), id());
        if let Some(ended_at) = batch.ended_at {
            item::expiring(&mut record, later(ended_at, self.retention));
        } else {
            record.insert("gsi1pk".to_owned(), item::text(BATCHES));
            record.insert("gsi1sk".to_owned(), id());
        }
        Ok(record)
    }

    async fn put_entries(&self, batch: &Batch, entries: &[Entry]) -> Result<(), StoreError> {
        let until = later(batch.created_at, self.retention.max(ENTRY_LIFETIME));
        let mut writes = Vec::new();
        for (number, entry) in (0..).zip(entries) {
            let mut record = item::holding(entry_key(&batch.id, number), entry)?;
            item::expiring(&mut record, until);
            writes.push(put_write(WHAT, self.put_request().set_item(Some(record)))?);
        }
        self.write_all(writes).await
    }

    async fn forget_entries(&self, batch: &Batch) -> Result<(), StoreError> {
        let keys = (0..batch.entries).map(|number| entry_key(&batch.id, number));
        let deletes = keys.map(|(pk, sk)| self.delete_write(item::key(pk, sk)));
        self.write_all(deletes.collect::<Result<_, _>>()?).await
    }

    /// Writes that depend on nothing, as many at a time as may be.
    async fn write_all(&self, mut writes: Vec<TransactWriteItem>) -> Result<(), StoreError> {
        while !writes.is_empty() {
            let rest = writes.split_off(writes.len().min(TRANSACTION_LIMIT));
            match self.transact("write entries of a batch", writes).await? {
                Transacted::Done => writes = rest,
                Transacted::Refused(_) => return Err(StoreError::Conflict),
            }
        }
        Ok(())
    }

    /// The batch that a key belongs to already, and whether the request was the same.
    async fn promised(
        &self,
        key: &IdempotencyKey,
        batch: &Batch,
    ) -> Result<Option<(BatchId, bool)>, StoreError> {
        let Some((id, same_body)) = known_key(self, key, batch.created_at).await? else {
            return Ok(None);
        };
        let id = id.as_str().parse();
        let id = id.map_err(|error| crate::fault::unreadable(WHAT, error))?;
        Ok(Some((id, same_body)))
    }
}
