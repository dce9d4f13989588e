//! The promises of callers: keys, each with what was made of it, until their time is over.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;
use nommer_core::ports::IdempotencyKey;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::db::Fault;

/// Milliseconds between two sweeps. A key whose time is over is free without one.
const BETWEEN_SWEEPS: u64 = 60_000;

/// When old keys were swept away last, in milliseconds since 1970.
#[derive(Clone, Debug, Default)]
pub(super) struct Swept(Arc<AtomicI64>);

impl Swept {
    /// Whether it is time again; if so, for one who asks.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let (now, last) = (now.as_millisecond(), self.0.load(Ordering::Relaxed));
        now.abs_diff(last) >= BETWEEN_SWEEPS
            && self
                .0
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// Forgets keys whose time is over.
pub(crate) fn sweep(connection: &Connection, now: Timestamp) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM idempotency_keys WHERE expires_at <= ?1")?
        .execute([now.as_millisecond()])?;
    Ok(())
}

/// Keeps a key with the id of what was made, in place of one whose time is over.
pub(crate) fn remember(
    connection: &Connection,
    key: &IdempotencyKey,
    id: &str,
) -> Result<(), Fault> {
    let sql = "INSERT OR REPLACE INTO idempotency_keys (key, body_hash, job_id, expires_at) VALUES (?1, ?2, ?3, ?4)";
    let until = key.expires_at.as_millisecond();
    let mut insert = connection.prepare_cached(sql)?;
    insert.execute(params![key.key, key.body_hash, id, until])?;
    Ok(())
}

/// The id of what was made of a key already, and whether the request was the same.
pub(crate) fn known(
    connection: &Connection,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<(String, bool)>, Fault> {
    let sql = "SELECT job_id, body_hash FROM idempotency_keys WHERE key = ?1 AND expires_at > ?2";
    let known: Option<(String, String)> = connection
        .prepare_cached(sql)?
        .query_row(params![key.key, now.as_millisecond()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(known.map(|(id, body_hash)| (id, body_hash == key.body_hash)))
}

#[cfg(test)]
mod tests {
    use nommer_core::{
        job::Job,
        lease::later,
        ports::{Created, JobStore as _},
        sealed::SealedSecrets,
        spec::{SpecRules, parse_v1},
    };
    use serde_json::json;

    use super::*;
    use crate::{LocalStore, db::Db};

    #[tokio::test]
    async fn old_keys_are_swept_away_once_a_minute_and_are_free_before() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("nommer.db")).unwrap();
        let store = LocalStore::new(db.clone());
        let submit = async |number: u32, key: &str, seconds: u64| {
            let now = later(
                Timestamp::UNIX_EPOCH,
                std::time::Duration::from_secs(seconds),
            );
            let body = json!({"source_path": "s3://in-bucket/a.mov",
                "dest_path": format!("s3://out-bucket/{number}.mp4"), "preset": "copy"});
            let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
            let id = format!("job_{number}").parse().unwrap();
            let job = Job::new(id, spec, SealedSecrets::default(), now);
            let key = IdempotencyKey {
                key: key.to_owned(),
                body_hash: "hash".to_owned(),
                expires_at: later(now, std::time::Duration::from_secs(30)),
            };
            store.create(&job, Some(&key)).await.unwrap()
        };
        let kept = || {
            let sql = "SELECT count(*) FROM idempotency_keys";
            let count =
                |connection: &Connection| Ok(connection.query_row(sql, [], |row| row.get(0))?);
            db.look::<u32>("count keys", count).unwrap()
        };
        assert_eq!(submit(1, "a", 0).await, Created::New);
        assert_eq!(submit(2, "b", 1).await, Created::New);
        assert_eq!(submit(3, "a", 31).await, Created::New, "its time is over");
        assert_eq!(kept(), 2, "that of b too, but nobody asked for it");
        assert_eq!(submit(4, "c", 62).await, Created::New);
        assert_eq!(kept(), 1, "a minute later, all that are over are gone");
    }
}
