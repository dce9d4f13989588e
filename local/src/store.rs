//! The table in SQLite: jobs, notifications, the fleet's record and its instances, API keys.

mod batches;
mod endpoints;
mod fleet;
pub(crate) mod idempotency;
mod keys;
mod logs;
pub(crate) mod notifications;
mod presets;

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    id::{BatchId, JobId, KeyId},
    job::{Job, JobOutline, StateName},
    notify::Notification,
    ports::{Created, IdempotencyKey, JobFilter, JobStore, StoreError, Version},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    arrivals::NewJob,
    db::{Db, Fault},
};

/// The table of one data folder.
#[derive(Clone, Debug)]
pub struct LocalStore {
    db: Db,
    endpoints: endpoints::Known,
    idempotency: idempotency::Swept,
}

impl LocalStore {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            endpoints: endpoints::Known::default(),
            idempotency: idempotency::Swept::default(),
        }
    }

    /// Records a new job, and its hint in this queue if it is one.
    pub(crate) async fn create_in(
        &self,
        job: &Job,
        key: Option<&IdempotencyKey>,
        queue: Option<&'static str>,
    ) -> Result<Created, StoreError> {
        let sweep = key.is_some() && self.idempotency.is_due(job.created_at);
        let new = NewJob::of(job, key, queue)?.sweeping(sweep);
        self.db.change("record a job", new).await
    }

    /// Whether a running job's lease has lapsed: a cheap question, as there are no more such jobs than encoders can hold.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn lease_has_lapsed(
        &self,
        now: Timestamp,
        margin: Duration,
    ) -> Result<bool, StoreError> {
        self.db
            .read("look at leases", move |connection| {
                let running = outlines(connection, |state| {
                    !state.ended() && state != StateName::Pending
                })?;
                let mut leases = running.iter().filter_map(|job| job.state.lease());
                Ok(leases.any(|lease| lease.lapsed(now, margin)))
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
            .read_settled("read a job", move |connection| {
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

    async fn unfinished(&self) -> Result<Vec<JobOutline>, StoreError> {
        self.db
            .read_settled("list unfinished jobs", |connection| {
                outlines(connection, |state| !state.ended())
            })
            .await
    }

    async fn unfinished_of(&self, owner: &KeyId, most: u32) -> Result<u32, StoreError> {
        let owner = owner.to_string();
        self.db
            .read_settled("count unfinished jobs", move |connection| {
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
            .read_settled("list jobs", move |connection| list(connection, &filter))
            .await
    }

    async fn delete(&self, id: &JobId, read: Version) -> Result<(), StoreError> {
        let id = id.to_string();
        self.db
            .write("delete a job", move |connection| {
                let sql = "DELETE FROM jobs WHERE id = ?1 AND version = ?2";
                one_row(connection.execute(sql, params![id, number(read)])?)?;
                connection.execute("DELETE FROM notifications WHERE job_id = ?1", [&id])?;
                Ok(())
            })
            .await
    }
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

/// The outlines of jobs in some states, of one record after the other: there may be more than fit into memory as a whole.
fn outlines(
    connection: &Connection,
    wanted: impl Fn(StateName) -> bool,
) -> Result<Vec<JobOutline>, Fault> {
    let states = StateName::ALL.into_iter().filter(|state| wanted(*state));
    let states: Vec<String> = states.map(|state| format!("'{state}'")).collect();
    let states = states.join(", ");
    let sql = format!("SELECT record FROM jobs WHERE state IN ({states})");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut outlines = Vec::new();
    while let Some(row) = rows.next()? {
        let record = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        outlines.push(serde_json::from_str(record)?);
    }
    Ok(outlines)
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

#[cfg(test)]
mod tests {
    use nommer_core::{
        job::Event,
        sealed::SealedSecrets,
        spec::{SpecRules, parse_v1},
    };
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_lapsed_lease_is_seen_among_jobs_that_wait() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(Db::open(&folder.path().join("nommer.db")).unwrap());
        let at = |second| Timestamp::from_second(second).unwrap();
        let lapsed = async |second| {
            let seen = store.lease_has_lapsed(at(second), Duration::ZERO).await;
            seen.unwrap()
        };
        for number in 1..=3 {
            let body = json!({"source_path": "s3://in-bucket/a.mov",
                "dest_path": format!("s3://out-bucket/{number}.mp4"), "preset": "copy"});
            let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
            let id = format!("job_{number}").parse().unwrap();
            let job = Job::new(id, spec, SealedSecrets::default(), at(0));
            store.create(&job, None).await.unwrap();
        }
        assert!(!lapsed(1_000).await, "nobody holds one");
        let (mut job, version) = store.get(&"job_2".parse().unwrap()).await.unwrap().unwrap();
        let claim = Event::Claim {
            instance: "i-1".parse().unwrap(),
            lease: Duration::from_secs(60),
            margin: Duration::ZERO,
            slot_hour_usd: None,
        };
        job.apply(claim, at(0));
        store.put(&job, version, &[]).await.unwrap();
        assert!(!lapsed(59).await);
        assert!(lapsed(60).await);
    }
}
