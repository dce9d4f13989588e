//! New jobs in SQLite. One that comes alone is written where it belongs. Those that come together are written into one small table, and
//! go on from there with many others: the indexes of jobs, keys and messages have their places all over the file, and a page of one that
//! is written for many jobs costs as much as for one.
//!
//! Whoever asks for jobs has them settled first (see [`crate::db::Db::read_settled`]), so nobody sees the difference.

use jiff::Timestamp;
use nommer_core::{
    id::KeyId,
    job::Job,
    notify::Notification,
    ports::{Created, IdempotencyKey, StoreError},
};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params, params_from_iter};

use crate::{
    db::{Arrivals, Change, Fault},
    queue,
    store::{idempotency, notifications},
};

/// What is written of a new job, made before the writer's turn.
pub(crate) struct NewJob {
    id: String,
    state: &'static str,
    ended: bool,
    external_id: Option<String>,
    destination: Option<String>,
    record: String,
    owner: Option<String>,
    probe: bool,
    batch: Option<String>,
    notifications: Vec<Notification>,
    created_at: Timestamp,
    key: Option<IdempotencyKey>,
    queue: Option<&'static str>,
    sweep: bool,
}

impl NewJob {
    /// A job with the caller's promise, and the queue that it shall be in, if there are any.
    pub(crate) fn of(
        job: &Job,
        key: Option<&IdempotencyKey>,
        queue: Option<&'static str>,
    ) -> Result<Self, StoreError> {
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
            key: key.cloned(),
            queue,
            sweep: false,
        })
    }

    /// The same, which forgets old keys on its way.
    #[must_use]
    pub(crate) fn sweeping(self, sweep: bool) -> Self {
        Self { sweep, ..self }
    }

    /// What jobs and arrivals both have a column for, in the order of both statements below.
    fn columns(&self) -> [&dyn ToSql; 9] {
        [
            &self.id,
            &self.state,
            &self.ended,
            &self.external_id,
            &self.destination,
            &self.record,
            &self.owner,
            &self.probe,
            &self.batch,
        ]
    }

    /// Stores it, unless its key, its destination or its id is known already.
    fn create(&self, connection: &Connection) -> Result<Created, Fault> {
        let id_of = |text: String| {
            text.parse()
                .expect("ids are checked before they are stored")
        };
        if let Some(key) = &self.key
            && let Some((id, same_body)) = idempotency::known(connection, key, self.created_at)?
        {
            let job_id = id_of(id);
            return Ok(Created::Existing { job_id, same_body });
        }
        let mut insert = connection.prepare_cached(
            "INSERT INTO jobs (id, version, state, ended, external_id, live_destination, record, owner, probe, batch)
             VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        )?;
        let inserted = insert.execute(self.columns())?;
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
        if let Some(key) = &self.key {
            idempotency::remember(connection, key, &self.id)?;
        }
        Ok(Created::New)
    }

    /// What no two jobs may have: its id, its destination, its key.
    fn names(&self) -> impl Iterator<Item = &str> {
        let key = self.key.as_ref().map(|key| key.key.as_str());
        let names = [Some(self.id.as_str()), self.destination.as_deref(), key];
        names.into_iter().flatten()
    }

    /// Whether a job that is settled has any of them.
    fn is_known(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1)
                   OR EXISTS (SELECT 1 FROM jobs WHERE live_destination = ?2)
                   OR EXISTS (SELECT 1 FROM idempotency_keys WHERE key = ?3 AND expires_at > ?4)";
        let key = self.key.as_ref().map(|key| &key.key);
        let now = self.created_at.as_millisecond();
        let names = params![self.id, self.destination, key, now];
        connection
            .prepare_cached(sql)?
            .query_row(names, |row| row.get(0))
    }

    /// Writes it as one that came with others.
    fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut insert = connection.prepare_cached(
            "INSERT INTO arrivals (id, state, ended, external_id, live_destination, record, owner, probe, batch,
                 queue, key, body_hash, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        let key = self.key.as_ref();
        let name = key.map(|key| &key.key);
        let body_hash = key.map(|key| &key.body_hash);
        let expires_at = key.map(|key| key.expires_at.as_millisecond());
        let beside: [&dyn ToSql; 4] = [&self.queue, &name, &body_hash, &expires_at];
        insert.execute(params_from_iter(self.columns().into_iter().chain(beside)))?;
        Ok(())
    }
}

impl Change for NewJob {
    type Output = Created;

    fn make(&self, connection: &Connection) -> Result<Created, Fault> {
        if self.sweep {
            idempotency::sweep(connection, self.created_at)?;
        }
        let created = self.create(connection)?;
        if let (Created::New, Some(queue)) = (&created, self.queue) {
            queue::insert(connection, queue, &self.id, Timestamp::now())?;
        }
        Ok(created)
    }

    fn arrive(
        &self,
        connection: &Connection,
        arrivals: &mut Arrivals,
    ) -> Result<Option<Created>, Fault> {
        // Notifications are written with what they tell of.
        let plain = !self.sweep && self.notifications.is_empty();
        if !plain || !arrivals.claim(self.names()) || self.is_known(connection)? {
            return Ok(None);
        }
        self.insert(connection)?;
        Ok(Some(Created::New))
    }
}

/// Moves all arrivals to where they belong. None of them is known there: that was looked at when they came.
pub(crate) fn settle(connection: &Connection) -> rusqlite::Result<()> {
    let run = |sql| connection.prepare_cached(sql)?.execute([]);
    run(
        "INSERT INTO jobs (id, version, state, ended, external_id, live_destination, record, owner, probe, batch)
         SELECT id, 1, state, ended, external_id, live_destination, record, owner, probe, batch FROM arrivals ORDER BY number",
    )?;
    run(
        "INSERT OR REPLACE INTO idempotency_keys (key, body_hash, job_id, expires_at)
         SELECT key, body_hash, id, expires_at FROM arrivals WHERE key IS NOT NULL",
    )?;
    let sql = "SELECT queue, id FROM arrivals WHERE queue IS NOT NULL ORDER BY number";
    let mut queued = connection.prepare_cached(sql)?;
    let mut queued = queued.query([])?;
    while let Some(row) = queued.next()? {
        let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
        queue::insert(connection, text(0)?, text(1)?, Timestamp::now())?;
    }
    drop(queued);
    run("DELETE FROM arrivals")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use nommer_core::{
        ports::{JobFilter, JobQueue as _, JobStore as _},
        sealed::SealedSecrets,
        spec::{SpecRules, parse_v1},
    };
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::{
        LocalQueue, LocalStore,
        db::{Db, tests::in_one_transaction},
    };

    /// How often is tried what the clock may spoil.
    const TRIES: u32 = 50;

    fn opened() -> (TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("nommer.db")).unwrap();
        (folder, db)
    }

    /// A job with this number that is written to this file.
    fn job(number: u32, file: &str) -> Job {
        let body = json!({"source_path": "s3://in-bucket/a.mov",
            "dest_path": format!("s3://out-bucket/{file}.mp4"), "preset": "copy"});
        let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
        let id = format!("job_{number}").parse().unwrap();
        Job::new(id, spec, SealedSecrets::default(), Timestamp::UNIX_EPOCH)
    }

    fn key(name: &str, body_hash: &str) -> IdempotencyKey {
        IdempotencyKey {
            key: name.to_owned(),
            body_hash: body_hash.to_owned(),
            expires_at: Timestamp::from_second(1_000).unwrap(),
        }
    }

    /// Jobs that are not where they belong.
    fn unsettled(db: &Db) -> u32 {
        let count = |connection: &Connection| {
            let sql = "SELECT count(*) FROM arrivals";
            Ok(connection.query_row(sql, [], |row| row.get(0))?)
        };
        db.look("count arrivals", count).unwrap()
    }

    /// Submits them so that they come together.
    async fn submit(db: &Db, jobs: &[(Job, Option<IdempotencyKey>)]) -> Vec<Created> {
        let store = LocalStore::new(db.clone());
        let one = |(job, key): &(Job, Option<IdempotencyKey>)| {
            let (store, job, key) = (store.clone(), job.clone(), key.clone());
            async move { store.create_in(&job, key.as_ref(), Some("job")).await }
        };
        let all = in_one_transaction(db, join_all(jobs.iter().map(one))).await;
        all.into_iter().map(Result::unwrap).collect()
    }

    /// Writes them as if a server had died right after its answer.
    async fn leave(db: &Db, jobs: Vec<(Job, Option<IdempotencyKey>)>) -> Vec<bool> {
        let new = |(job, key): &(Job, Option<IdempotencyKey>)| {
            NewJob::of(job, key.as_ref(), Some("job")).unwrap()
        };
        let new: Vec<_> = jobs.iter().map(new).collect();
        let write = move |connection: &Connection| {
            let mut arrivals = Arrivals::default();
            new.iter()
                .map(|new| Ok(new.arrive(connection, &mut arrivals)?.is_some()))
                .collect()
        };
        db.write("leave arrivals", write).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn jobs_that_come_together_are_put_aside_and_seen_all_the_same() {
        let (_folder, db) = opened();
        let store = LocalStore::new(db.clone());
        for round in 0..TRIES {
            let numbers = round * 20..round * 20 + 20;
            let jobs: Vec<_> = numbers
                .clone()
                .map(|number| (job(number, &number.to_string()), None))
                .collect();
            let created = submit(&db, &jobs).await;
            // Unless this thread stood still for a tenth of a second.
            let put_aside = unsettled(&db) == 20;
            assert!(created.iter().all(|created| *created == Created::New));
            for (job, _) in &jobs {
                let (found, _) = store.get(&job.id).await.unwrap().expect("it was answered");
                assert_eq!(found, *job);
            }
            assert_eq!(unsettled(&db), 0, "whoever reads settles");
            let filter = JobFilter {
                limit: 1_000,
                ..JobFilter::default()
            };
            let listed = u32::try_from(store.list(&filter).await.unwrap().len());
            assert_eq!(listed.unwrap(), numbers.end);
            if put_aside {
                return;
            }
        }
        panic!("{TRIES} times no job was put aside");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn jobs_that_come_together_reach_their_queue_though_nobody_asks_for_them() {
        let (_folder, db) = opened();
        let jobs: Vec<_> = (0..20)
            .map(|number| (job(number, &number.to_string()), None))
            .collect();
        submit(&db, &jobs).await;
        let queue = LocalQueue::new(db.clone(), "job");
        let mut received = 0;
        while received < jobs.len() {
            let wait = Duration::from_secs(30);
            let taken = queue.receive(10, wait, wait * 100).await.unwrap();
            assert!(!taken.is_empty(), "{received} came");
            received += taken.len();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_jobs_that_come_together_one_alone_has_a_destination_or_a_key() {
        let (_folder, db) = opened();
        let jobs = [
            (job(1, "same"), None),
            (job(2, "same"), None),
            (job(3, "three"), Some(key("order", "hash"))),
            (job(4, "four"), Some(key("order", "hash"))),
            (job(5, "five"), Some(key("order", "other"))),
        ];
        let created = submit(&db, &jobs).await;
        let existing = |same_body| Created::Existing {
            job_id: "job_3".parse().unwrap(),
            same_body,
        };
        let job_id = "job_1".parse().unwrap();
        assert_eq!(created[0], Created::New);
        assert_eq!(created[1], Created::DestinationTaken { job_id });
        assert_eq!(created[2], Created::New);
        assert_eq!(created[3], existing(true));
        assert_eq!(created[4], existing(false));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_job_is_not_put_aside_if_a_settled_one_has_its_name() {
        let (_folder, db) = opened();
        let store = LocalStore::new(db.clone());
        let known = (job(1, "one"), Some(key("order", "hash")));
        store.create(&known.0, known.1.as_ref()).await.unwrap();
        let jobs = vec![
            (job(1, "other"), None),
            (job(2, "one"), None),
            (job(3, "three"), Some(key("order", "hash"))),
            (job(4, "four"), Some(key("another", "hash"))),
        ];
        assert_eq!(leave(&db, jobs).await, [false, false, false, true]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_server_that_died_had_put_aside_is_there_when_it_is_started_again() {
        let (folder, db) = opened();
        let left = vec![
            (job(1, "one"), Some(key("order", "hash"))),
            (job(2, "two"), None),
        ];
        let (first, second) = (left[0].clone(), left[1].clone());
        assert_eq!(leave(&db, left).await, [true, true]);
        assert_eq!(unsettled(&db), 2);
        let again = Db::open(&folder.path().join("nommer.db")).unwrap();
        let store = LocalStore::new(again.clone());
        assert_eq!(unsettled(&again), 0);
        for job in [&first.0, &second.0] {
            assert_eq!(store.get(&job.id).await.unwrap().unwrap().0, *job);
        }
        let queue = LocalQueue::new(again, "job");
        let taken = queue.receive(10, Duration::ZERO, Duration::from_secs(9));
        assert_eq!(taken.await.unwrap().len(), 2);
        let repeated = store.create(&job(3, "three"), first.1.as_ref()).await;
        let existing = Created::Existing {
            job_id: first.0.id,
            same_body: true,
        };
        assert_eq!(repeated.unwrap(), existing);
    }
}
