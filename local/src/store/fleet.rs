//! The fleet's record and the rows of its instances.

use jiff::Timestamp;
use nommer_core::{
    fleet::FleetRecord,
    instance::{Instance, InstanceState},
    ports::{FleetStore, StoreError, Version},
};
use rusqlite::{OptionalExtension as _, params};

use super::{LocalStore, number, one_row, version, versioned};

impl FleetStore for LocalStore {
    async fn fleet(&self) -> Result<(FleetRecord, Version), StoreError> {
        self.db
            .read("read the fleet", |connection| {
                let row: Option<(String, i64)> = connection
                    .query_row("SELECT record, version FROM fleet", [], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })
                    .optional()?;
                let Some((record, found)) = row else {
                    return Ok((FleetRecord::default(), Version(0)));
                };
                Ok((serde_json::from_str(&record)?, version(found)))
            })
            .await
    }

    async fn put_fleet(&self, record: &FleetRecord, read: Version) -> Result<Version, StoreError> {
        let record = record.clone();
        self.db
            .write("write the fleet", move |connection| {
                let sql = if read == Version(0) {
                    "INSERT INTO fleet (id, version, record) VALUES (1, ?1 + 1, ?2) ON CONFLICT DO NOTHING"
                } else {
                    "UPDATE fleet SET version = version + 1, record = ?2 WHERE version = ?1"
                };
                one_row(connection.execute(sql, params![number(read), serde_json::to_string(&record)?])?)?;
                Ok(Version(read.0 + 1))
            })
            .await
    }

    async fn instances(
        &self,
        gone_since: Timestamp,
    ) -> Result<Vec<(Instance, Version)>, StoreError> {
        self.db
            .read("list instances", move |connection| {
                let sql = "SELECT record, version FROM instances WHERE gone = 0 OR beat_at >= ?1 ORDER BY id";
                versioned(connection, sql, [gone_since.as_millisecond()])
            })
            .await
    }

    async fn put_instance(
        &self,
        instance: &Instance,
        read: Version,
    ) -> Result<Version, StoreError> {
        let instance = instance.clone();
        self.db
            .write("write an instance", move |connection| {
                let sql = if read == Version(0) {
                    "INSERT INTO instances (id, version, gone, beat_at, record) VALUES (?1, ?2 + 1, ?3, ?4, ?5)
                     ON CONFLICT DO NOTHING"
                } else {
                    "UPDATE instances SET version = version + 1, gone = ?3, beat_at = ?4, record = ?5
                     WHERE id = ?1 AND version = ?2"
                };
                one_row(connection.execute(
                    sql,
                    params![
                        instance.id.as_str(),
                        number(read),
                        instance.state == InstanceState::Gone,
                        instance.beat_at.as_millisecond(),
                        serde_json::to_string(&instance)?,
                    ],
                )?)?;
                Ok(Version(read.0 + 1))
            })
            .await
    }
}
