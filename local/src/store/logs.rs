//! FFmpeg's words in SQLite.

use nommer_core::{
    id::JobId,
    log::JobLog,
    ports::{LogStore, StoreError},
};
use rusqlite::{Connection, params};

use super::{LocalStore, records};
use crate::db::Fault;

/// Keeps a log in place of that before.
pub(super) fn insert(connection: &Connection, id: &JobId, log: &JobLog) -> Result<(), Fault> {
    let sql = "INSERT OR REPLACE INTO logs (job_id, record) VALUES (?1, ?2)";
    connection.execute(sql, params![id.as_str(), serde_json::to_string(log)?])?;
    Ok(())
}

impl LogStore for LocalStore {
    async fn log(&self, id: &JobId) -> Result<Option<JobLog>, StoreError> {
        let id = id.to_string();
        self.db
            .read("read a log", move |connection| {
                let sql = "SELECT record FROM logs WHERE job_id = ?1";
                Ok(records(connection, sql, [id])?.pop())
            })
            .await
    }
}
