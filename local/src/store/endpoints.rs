//! Webhook endpoints in SQLite: one row for each owner.

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

impl EndpointStore for LocalStore {
    async fn endpoints(
        &self,
        owner: Option<&KeyId>,
    ) -> Result<(Vec<WebhookEndpoint>, Version), StoreError> {
        // Asked by every submit.
        self.db.look("read webhook endpoints", |connection| {
            let sql = "SELECT record, version FROM endpoints WHERE owner = ?1";
            let found = versioned(connection, sql, [row_of(owner)])?.pop();
            Ok(found.unwrap_or_default())
        })
    }

    async fn put_endpoints(
        &self,
        owner: Option<&KeyId>,
        endpoints: &[WebhookEndpoint],
        read: Version,
    ) -> Result<Version, StoreError> {
        let (owner, endpoints) = (row_of(owner), endpoints.to_vec());
        self.db
            .write("write webhook endpoints", move |connection| {
                let sql = if read == Version(0) {
                    "INSERT INTO endpoints (owner, version, record) VALUES (?1, ?2 + 1, ?3) ON CONFLICT DO NOTHING"
                } else {
                    "UPDATE endpoints SET version = version + 1, record = ?3 WHERE owner = ?1 AND version = ?2"
                };
                let record = serde_json::to_string(&endpoints)?;
                one_row(connection.execute(sql, params![owner, number(read), record])?)?;
                Ok(Version(read.0 + 1))
            })
            .await
    }
}
