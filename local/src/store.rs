//! The table in SQLite: jobs, notifications, the fleet's record and its instances, API keys.

mod batches;
mod endpoints;
mod fleet;
mod keys;
mod logs;
mod notifications;
mod presets;

use jiff::Timestamp;
use nommer_core::{
    id::{BatchId, JobId, KeyId},
    job::{Job, StateName},
    notify::Notification,
    ports::{Created, IdempotencyKey, JobFilter, JobStore, StoreError, Version},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    db::{Db, Fault},
    queue,
};

/// The table of one data folder.
#[derive(Clone, Debug)]
pub struct LocalStore {
    db: Db,
}

impl LocalStore {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Records a new job, and its hint in this queue if it is one.
    pub(crate) async fn create_in(
        &self,
        job: &Job,
        key: Option<&IdempotencyKey>,
        queue: Option<&'static str>,
    ) -> Result<Created, StoreError> {
        let (job, key) = (job.clone(), key.cloned());
        self.db
            .write("record a job", move |connection| {
                let created = create(connection, &job, key.as_ref())?;
                if let (Created::New, Some(queue)) = (&created, queue) {
                    queue::insert(connection, queue, job.id.as_str(), Timestamp::now())?;
                }
                Ok(created)
            })
            .await
    }
}

/// A version as SQLite keeps it.
fn number(version: Version) -> i64 {
    i64::try_from(version.0).expect("a record is not written 2^63 times")
}

fn version(number: i64) -> Version {
    Version(u64::try_from(number).expect("versions only grow"))
}

/// Fails with a conflict unless exactly one row was written.
fn one_row(changed: usize) -> Result<(), Fault> {
    if changed == 1 {
        Ok(())
    } else {
        Err(Fault::Conflict)
    }
}

impl JobStore for LocalStore {
    async fn create(&self, job: &Job, key: Option<&IdempotencyKey>) -> Result<Created, StoreError> {
        self.create_in(job, key, None).await
    }

    async fn get(&self, id: &JobId) -> Result<Option<(Job, Version)>, StoreError> {
        let id = id.to_string();
        self.db
            .read("read a job", move |connection| {
                let mut statement =
                    connection.prepare_cached("SELECT record, version FROM jobs WHERE id = ?1")?;
                let row: Option<(String, i64)> = statement
                    .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                Ok(row
                    .map(|(record, found)| {
                        serde_json::from_str(&record).map(|job| (job, version(found)))
                    })
                    .transpose()?)
            })
            .await
    }

    async fn put(
        &self,
        job: &Job,
        read: Version,
        notifications: &[Notification],
    ) -> Result<Version, StoreError> {
        let (job, notifications) = (job.clone(), notifications.to_vec());
        self.db
            .write("write a job", move |connection| {
                let mut update = connection.prepare_cached(
                    "UPDATE jobs SET version = version + 1, state = ?3, ended = ?4, live_destination = ?5, record = ?6
                     WHERE id = ?1 AND version = ?2",
                )?;
                one_row(update.execute(params![
                    job.id.as_str(),
                    number(read),
                    job.state.name().as_str(),
                    job.state.ended(),
                    job.live_destination(),
                    serde_json::to_string(&job)?,
                ])?)?;
                for notification in &notifications {
                    notifications::insert(connection, notification)?;
                }
                if let Some(log) = &job.log {
                    logs::insert(connection, &job.id, log)?;
                }
                Ok(Version(read.0 + 1))
            })
            .await
    }

    async fn unfinished(&self) -> Result<Vec<Job>, StoreError> {
        self.db
            .read("list unfinished jobs", |connection| {
                records(
                    connection,
                    "SELECT record FROM jobs WHERE ended = 0 ORDER BY id",
                    [],
                )
            })
            .await
    }

    async fn unfinished_of(&self, owner: &KeyId, most: u32) -> Result<u32, StoreError> {
        let owner = owner.to_string();
        self.db
            .read("count unfinished jobs", move |connection| {
                let sql = "SELECT count(*) FROM
                     (SELECT 1 FROM jobs WHERE owner = ?1 AND ended = 0 LIMIT ?2)";
                let mut statement = connection.prepare_cached(sql)?;
                Ok(statement.query_row(params![owner, most], |row| row.get(0))?)
            })
            .await
    }

    async fn list(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        let filter = filter.clone();
        self.db
            .read("list jobs", move |connection| list(connection, &filter))
            .await
    }

    async fn delete(&self, id: &JobId, read: Version) -> Result<(), StoreError> {
        let id = id.to_string();
        self.db
            .write("delete a job", move |connection| {
                let sql = "DELETE FROM jobs WHERE id = ?1 AND version = ?2";
                one_row(connection.execute(sql, params![id, number(read)])?)?;
                connection.execute("DELETE FROM notifications WHERE job_id = ?1", [id])?;
                Ok(())
            })
            .await
    }
}

fn create(
    connection: &Connection,
    job: &Job,
    key: Option<&IdempotencyKey>,
) -> Result<Created, Fault> {
    if let Some(key) = key
        && let Some((id, same_body)) = known_key(connection, key, job.created_at)?
    {
        let job_id = id.parse().expect("ids are checked before they are stored");
        return Ok(Created::Existing { job_id, same_body });
    }
    let destination = job.live_destination();
    let sql = "SELECT id FROM jobs WHERE live_destination = ?1";
    let rival: Option<String> = connection
        .prepare_cached(sql)?
        .query_row([&destination], |row| row.get(0))
        .optional()?;
    if let Some(rival) = rival {
        let job_id = rival
            .parse()
            .expect("ids are checked before they are stored");
        return Ok(Created::DestinationTaken { job_id });
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO jobs (id, version, state, ended, external_id, live_destination, record, owner, probe, batch)
         VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
    )?;
    one_row(insert.execute(params![
        job.id.as_str(),
        job.state.name().as_str(),
        job.state.ended(),
        job.spec.external_id,
        destination,
        serde_json::to_string(job)?,
        job.owner.as_ref().map(KeyId::as_str),
        job.spec.is_probe(),
        job.batch.as_ref().map(|place| place.id.as_str()),
    ])?)?;
    for notification in Notification::of_new(job) {
        notifications::insert(connection, &notification)?;
    }
    if let Some(key) = key {
        remember_key(connection, key, job.id.as_str())?;
    }
    Ok(Created::New)
}

/// Keeps a key with the id that it belongs to.
fn remember_key(connection: &Connection, key: &IdempotencyKey, id: &str) -> Result<(), Fault> {
    let sql = "INSERT OR REPLACE INTO idempotency_keys (key, body_hash, job_id, expires_at) VALUES (?1, ?2, ?3, ?4)";
    let until = key.expires_at.as_millisecond();
    let mut insert = connection.prepare_cached(sql)?;
    insert.execute(params![key.key, key.body_hash, id, until])?;
    Ok(())
}

/// The id that a key belongs to already, and whether the request was the same. Keys whose time is over are forgotten on the way.
fn known_key(
    connection: &Connection,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<(String, bool)>, Fault> {
    connection
        .prepare_cached("DELETE FROM idempotency_keys WHERE expires_at <= ?1")?
        .execute([now.as_millisecond()])?;
    let sql = "SELECT job_id, body_hash FROM idempotency_keys WHERE key = ?1";
    let known: Option<(String, String)> = connection
        .prepare_cached(sql)?
        .query_row([&key.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(known.map(|(id, body_hash)| (id, body_hash == key.body_hash)))
}

/// Follows an index whatever the filter, so the last page costs as much as the first.
fn list(connection: &Connection, filter: &JobFilter) -> Result<Vec<Job>, Fault> {
    let mut sql = "SELECT record FROM jobs WHERE id < ?1 AND id >= ?6 AND probe = 0".to_owned();
    if filter.state.is_some() {
        sql.push_str(" AND state = ?2");
    } else {
        sql.push_str(" AND ?2 IS NULL");
    }
    if filter.external_id.is_some() {
        sql.push_str(" AND external_id = ?3");
    } else {
        sql.push_str(" AND ?3 IS NULL");
    }
    if filter.owner.is_some() {
        sql.push_str(" AND owner = ?4");
    } else {
        sql.push_str(" AND ?4 IS NULL");
    }
    if filter.batch.is_some() {
        sql.push_str(" AND batch = ?7");
    } else {
        sql.push_str(" AND ?7 IS NULL");
    }
    sql.push_str(" ORDER BY id DESC LIMIT ?5");
    // Greater than every id: ids hold nothing above `z`.
    let before = filter.before.as_ref().map_or("~", |id| id.as_str());
    let since = filter.since.as_ref().map_or("", |id| id.as_str());
    let state = filter.state.map(StateName::as_str);
    records(
        connection,
        &sql,
        params![
            before,
            state,
            filter.external_id,
            filter.owner.as_ref().map(KeyId::as_str),
            filter.limit,
            since,
            filter.batch.as_ref().map(BatchId::as_str),
        ],
    )
}

/// Records with their versions, of rows that hold both in this order.
fn versioned<T: serde::de::DeserializeOwned>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<(T, Version)>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(parameters, |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
    })?;
    rows.map(|row| {
        let (record, found) = row?;
        Ok((serde_json::from_str(&record)?, version(found)))
    })
    .collect()
}

/// Reads the records that a query finds in its first column.
fn records<T: serde::de::DeserializeOwned>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(parameters, |row| row.get::<_, String>(0))?;
    rows.map(|record| Ok(serde_json::from_str(&record?)?))
        .collect()
}
