//! Webhook endpoints in SQLite: one row for each owner. Every submit asks for them, so what was read is kept until it is written again: only
//! the one server of a data folder reads and writes them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use nommer_core::{
    id::KeyId,
    ports::{EndpointStore, StoreError, Version},
    webhook::WebhookEndpoint,
};
use rusqlite::params;

use super::{LocalStore, number, one_row, versioned};

/// The operator's row has an empty name; no key has.
fn row_of(owner: Option<&KeyId>) -> String {
    owner.map(ToString::to_string).unwrap_or_default()
}

/// One owner's endpoints, and the version of their row.
type Row = (Vec<WebhookEndpoint>, Version);

/// Rows as they are on disk, by their owners. Held while a row is read: no write comes between reading and keeping it.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<Mutex<HashMap<String, Row>>>);

impl Known {
    fn get(
        &self,
        owner: String,
        read: impl FnOnce(&str) -> Result<Row, StoreError>,
    ) -> Result<Row, StoreError> {
        let mut rows = self.0.lock().expect("no holder panics");
        if let Some(row) = rows.get(&owner) {
            return Ok(row.clone());
        }
        let row = read(&owner)?;
        rows.insert(owner, row.clone());
        Ok(row)
    }

    fn forget(&self, owner: &str) {
        self.0.lock().expect("no holder panics").remove(owner);
    }
}

impl EndpointStore for LocalStore {
    async fn endpoints(
        &self,
        owner: Option<&KeyId>,
    ) -> Result<(Vec<WebhookEndpoint>, Version), StoreError> {
        self.endpoints.get(row_of(owner), |owner| {
            self.db.look("read webhook endpoints", |connection| {
                let sql = "SELECT record, version FROM endpoints WHERE owner = ?1";
                let found = versioned(connection, sql, [owner])?.pop();
                Ok(found.unwrap_or_default())
            })
        })
    }

    async fn put_endpoints(
        &self,
        owner: Option<&KeyId>,
        endpoints: &[WebhookEndpoint],
        read: Version,
    ) -> Result<Version, StoreError> {
        let (owner, endpoints) = (row_of(owner), endpoints.to_vec());
        let (store, row) = (self.clone(), owner.clone());
        let write = async move {
            let written = store.db.write("write webhook endpoints", move |connection| {
                let sql = if read == Version(0) {
                    "INSERT INTO endpoints (owner, version, record) VALUES (?1, ?2 + 1, ?3) ON CONFLICT DO NOTHING"
                } else {
                    "UPDATE endpoints SET version = version + 1, record = ?3 WHERE owner = ?1 AND version = ?2"
                };
                let record = serde_json::to_string(&endpoints)?;
                one_row(connection.execute(sql, params![owner, number(read), record])?)?;
                Ok(Version(read.0 + 1))
            })
            .await;
            // Even if it failed: nobody knows how far it came.
            store.endpoints.forget(&row);
            written
        };
        // Whoever asked may go away before the write is made; what is known must be forgotten all the same.
        let writing = tokio::spawn(write).await;
        writing.unwrap_or_else(|panicked| {
            Err(StoreError::unavailable("write webhook endpoints", panicked))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::db::Db;

    #[tokio::test]
    async fn a_write_whose_asker_went_away_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(Db::open(&folder.path().join("nommer.db")).unwrap());
        assert_eq!(store.endpoints(None).await.unwrap().1, Version(0));
        let writing = store.put_endpoints(None, &[], Version(0));
        tokio::select! {
            biased;
            _ = writing => panic!("a write takes longer than that"),
            () = std::future::ready(()) => {}
        }
        let begun = Instant::now();
        while store.endpoints(None).await.unwrap().1 != Version(1) {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "what was read before is shown for ever"
            );
            tokio::task::yield_now().await;
        }
    }
}
