//! Batches in SQLite.

use nommer_core::{
    batch::{Batch, Entry},
    id::{BatchId, KeyId},
    ports::{BatchStore, CreatedBatch, IdempotencyKey, StoreError, Version},
};
use rusqlite::{Connection, params};

use super::{LocalStore, idempotency, number, one_row, records, versioned};
use crate::db::Fault;

/// Greater than every id: ids hold nothing above `z`.
const AFTER_ALL: &str = "~";

impl BatchStore for LocalStore {
    async fn create_batch(
        &self,
        batch: &Batch,
        entries: &[Entry],
        key: Option<&IdempotencyKey>,
    ) -> Result<CreatedBatch, StoreError> {
        let (batch, entries, key) = (batch.clone(), entries.to_vec(), key.cloned());
        let sweep = key.is_some() && self.idempotency.is_due(batch.created_at);
        self.db
            .write("record a batch", move |connection| {
                if sweep {
                    idempotency::sweep(connection, batch.created_at)?;
                }
                create(connection, &batch, &entries, key.as_ref())
            })
            .await
    }

    async fn batch(&self, id: &BatchId) -> Result<Option<(Batch, Version)>, StoreError> {
        let id = id.to_string();
        self.db
            .read("read a batch", move |connection| {
                let sql = "SELECT record, version FROM batches WHERE id = ?1";
                Ok(versioned(connection, sql, [id])?.pop())
            })
            .await
    }

    async fn batch_entry(&self, id: &BatchId, number: u32) -> Result<Option<Entry>, StoreError> {
        let id = id.to_string();
        self.db
            .read("read an entry of a batch", move |connection| {
                let sql = "SELECT record FROM batch_entries WHERE batch_id = ?1 AND number = ?2";
                Ok(records(connection, sql, params![id, number])?.pop())
            })
            .await
    }

    async fn put_batch(&self, batch: &Batch, read: Version) -> Result<Version, StoreError> {
        let batch = batch.clone();
        self.db
            .write("write a batch", move |connection| {
                let ended = batch.ended_at.is_some();
                let sql = "UPDATE batches SET version = version + 1, ended = ?3, record = ?4 WHERE id = ?1 AND version = ?2";
                let record = serde_json::to_string(&batch)?;
                let id = batch.id.as_str();
                one_row(connection.execute(sql, params![id, number(read), ended, record])?)?;
                if ended {
                    connection.execute("DELETE FROM batch_entries WHERE batch_id = ?1", [id])?;
                }
                Ok(Version(read.0 + 1))
            })
            .await
    }

    async fn unfinished_batches(&self) -> Result<Vec<BatchId>, StoreError> {
        self.db
            .read("list unfinished batches", |connection| {
                let sql = "SELECT id FROM batches WHERE ended = 0 ORDER BY id";
                let mut statement = connection.prepare_cached(sql)?;
                let ids = statement.query_map([], |row| row.get::<_, String>(0))?;
                let read = |id: rusqlite::Result<String>| {
                    Ok(id?.parse().expect("ids are checked before they are stored"))
                };
                ids.map(read).collect()
            })
            .await
    }

    async fn batches(
        &self,
        owner: Option<&KeyId>,
        before: Option<&BatchId>,
        limit: u32,
    ) -> Result<Vec<Batch>, StoreError> {
        let owner = owner.map(KeyId::to_string);
        let before = before.map_or_else(|| AFTER_ALL.to_owned(), BatchId::to_string);
        self.db
            .read("list batches", move |connection| {
                let narrowed = if owner.is_some() {
                    "owner = ?2"
                } else {
                    "?2 IS NULL"
                };
                let sql = format!(
                    "SELECT record FROM batches WHERE id < ?1 AND {narrowed} ORDER BY id DESC LIMIT ?3"
                );
                records(connection, &sql, params![before, owner, limit])
            })
            .await
    }
}

fn create(
    connection: &Connection,
    batch: &Batch,
    entries: &[Entry],
    key: Option<&IdempotencyKey>,
) -> Result<CreatedBatch, Fault> {
    if let Some(key) = key {
        if let Some((id, same_body)) = idempotency::known(connection, key, batch.created_at)? {
            let id = id.parse().expect("ids are checked before they are stored");
            return Ok(CreatedBatch::Existing { id, same_body });
        }
        idempotency::remember(connection, key, batch.id.as_str())?;
    }
    let id = batch.id.as_str();
    let sql = "INSERT INTO batches (id, version, ended, owner, record) VALUES (?1, 1, 0, ?2, ?3)";
    let owner = batch.owner.as_ref().map(KeyId::as_str);
    connection.execute(sql, params![id, owner, serde_json::to_string(batch)?])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO batch_entries (batch_id, number, record) VALUES (?1, ?2, ?3)",
    )?;
    for (number, entry) in (0_u32..).zip(entries) {
        insert.execute(params![id, number, serde_json::to_string(entry)?])?;
    }
    Ok(CreatedBatch::New)
}
