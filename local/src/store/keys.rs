//! API keys in SQLite.

use nommer_core::{
    id::KeyId,
    key::ApiKey,
    ports::{KeyStore, StoreError},
};
use rusqlite::params;

use super::{LocalStore, records};

impl KeyStore for LocalStore {
    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        let id = id.to_string();
        self.db
            .read("read an API key", move |connection| {
                let sql = "SELECT record FROM api_keys WHERE id = ?1";
                Ok(records(connection, sql, [id])?.pop())
            })
            .await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.db
            .read("list API keys", |connection| {
                records(connection, "SELECT record FROM api_keys ORDER BY id", [])
            })
            .await
    }

    async fn put_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let key = key.clone();
        self.db
            .write("write an API key", move |connection| {
                let sql = "INSERT OR REPLACE INTO api_keys (id, record) VALUES (?1, ?2)";
                connection.execute(sql, params![key.id.as_str(), serde_json::to_string(&key)?])?;
                Ok(())
            })
            .await
    }
}
