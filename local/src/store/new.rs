//! New jobs in SQLite.

use jiff::Timestamp;
use nommer_core::{
    id::KeyId,
    job::Job,
    notify::Notification,
    ports::{Created, IdempotencyKey, StoreError},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{idempotency, notifications};
use crate::db::Fault;

/// What is written of a new job, made before the writer's turn.
pub(super) struct NewRow {
    pub(super) id: String,
    state: &'static str,
    ended: bool,
    external_id: Option<String>,
    destination: Option<String>,
    record: String,
    owner: Option<String>,
    probe: bool,
    batch: Option<String>,
    notifications: Vec<Notification>,
    pub(super) created_at: Timestamp,
}

impl NewRow {
    /// The row of a job, with what is written beside it.
    pub(super) fn of(job: &Job) -> Result<Self, StoreError> {
        let record = serde_json::to_string(job);
        Ok(Self {
            id: job.id.to_string(),
            state: job.state.name().as_str(),
            ended: job.state.ended(),
            external_id: job.spec.external_id.clone(),
            destination: job.live_destination(),
            record: record.map_err(|error| StoreError::unavailable("record a job", error))?,
            owner: job.owner.as_ref().map(KeyId::to_string),
            probe: job.spec.is_probe(),
            batch: job.batch.as_ref().map(|place| place.id.to_string()),
            notifications: Notification::of_new(job),
            created_at: job.created_at,
        })
    }

    /// Stores it, unless its key, its destination or its id is known already.
    pub(super) fn create(
        &self,
        connection: &Connection,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, Fault> {
        let id_of = |text: String| {
            text.parse()
                .expect("ids are checked before they are stored")
        };
        if let Some(key) = key
            && let Some((id, same_body)) = idempotency::known(connection, key, self.created_at)?
        {
            let job_id = id_of(id);
            return Ok(Created::Existing { job_id, same_body });
        }
        let mut insert = connection.prepare_cached(
            "INSERT INTO jobs (id, version, state, ended, external_id, live_destination, record, owner, probe, batch)
             VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        )?;
        let inserted = insert.execute(params![
            self.id,
            self.state,
            self.ended,
            self.external_id,
            self.destination,
            self.record,
            self.owner,
            self.probe,
            self.batch,
        ])?;
        if inserted == 0 {
            // Either the destination is taken, or the id.
            let sql = "SELECT id FROM jobs WHERE live_destination = ?1";
            let mut rival = connection.prepare_cached(sql)?;
            let rival = rival
                .query_row([&self.destination], |row| row.get(0))
                .optional()?;
            let job_id = id_of(rival.ok_or(Fault::Conflict)?);
            return Ok(Created::DestinationTaken { job_id });
        }
        for notification in &self.notifications {
            notifications::insert(connection, notification)?;
        }
        if let Some(key) = key {
            idempotency::remember(connection, key, &self.id)?;
        }
        Ok(Created::New)
    }
}
