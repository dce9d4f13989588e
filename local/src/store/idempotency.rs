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
pub(super) fn sweep(connection: &Connection, now: Timestamp) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM idempotency_keys WHERE expires_at <= ?1")?
        .execute([now.as_millisecond()])?;
    Ok(())
}

/// Keeps a key with the id of what was made, in place of one whose time is over.
pub(super) fn remember(
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
pub(super) fn known(
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
