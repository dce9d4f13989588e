//! A queue of hints in the database, shared by all processes of the machine.

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    id::JobId,
    lane::Lane,
    lease::later,
    ports::{Delivery, JobQueue, StoreError},
};
use rusqlite::{Connection, params};
use tokio::time::Instant;

use crate::db::{Db, Fault};

/// Pause between two looks for a message. A look costs some ten microseconds; nobody waits long for a job to start.
const LOOK: Duration = Duration::from_millis(15);

/// One queue of a data folder.
#[derive(Clone, Debug)]
pub struct LocalQueue {
    db: Db,
    name: &'static str,
}

impl LocalQueue {
    pub(crate) fn new(db: Db, name: &'static str) -> Self {
        Self { db, name }
    }

    /// Its name, of those that one database holds.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    async fn take(&self, limit: u32, hidden: Duration) -> Result<Vec<Delivery>, StoreError> {
        let name = self.name;
        let seen = self.db.look("look into a queue", |connection| {
            any_visible(connection, name)
        })?;
        if !seen {
            return Ok(Vec::new());
        }
        self.db
            .write("receive messages", move |connection| {
                take(connection, name, limit, hidden)
            })
            .await
    }
}

/// Puts a hint in, visible from then on. Its number is the time, in nanoseconds since 1970: it is never given again, as an old receipt
/// must not fit a new message.
pub(crate) fn insert(
    connection: &Connection,
    queue: &str,
    job_id: &str,
    visible_at: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO messages (number, queue, job_id, visible_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    let mut insert = connection.prepare_cached(sql)?;
    let mut inserted = 0;
    while inserted == 0 {
        // Another process may have taken this nanosecond.
        let number = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        inserted = insert.execute(params![number, queue, job_id, visible_at.as_millisecond()])?;
    }
    Ok(())
}

/// The number of a message and of its receipt: an old receipt is no good once the message was received again.
fn receipt(number: i64, receives: u32) -> String {
    format!("{number}:{receives}")
}

/// A message that was never received has no receipt.
fn parse_receipt(text: &str) -> Option<(i64, u32)> {
    let (number, receives) = text.split_once(':')?;
    let receives = receives.parse().ok().filter(|receives| *receives > 0)?;
    Some((number.parse().ok()?, receives))
}

fn any_visible(connection: &Connection, queue: &str) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM messages WHERE queue = ?1 AND visible_at <= ?2)";
    let now = Timestamp::now().as_millisecond();
    Ok(connection
        .prepare_cached(sql)?
        .query_row(params![queue, now], |row| row.get(0))?)
}

fn take(
    connection: &Connection,
    queue: &str,
    limit: u32,
    hidden: Duration,
) -> Result<Vec<Delivery>, Fault> {
    let now = Timestamp::now();
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET visible_at = ?3, receives = receives + 1
         WHERE number IN (SELECT number FROM messages WHERE queue = ?1 AND visible_at <= ?2 ORDER BY visible_at, number LIMIT ?4)
         RETURNING number, job_id, receives",
    )?;
    let until = later(now, hidden).as_millisecond();
    let rows = statement.query_map(params![queue, now.as_millisecond(), until, limit], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, u32>(2)?,
        ))
    })?;
    rows.map(|row| {
        let (number, job_id, receives) = row?;
        Ok(Delivery {
            job_id: job_id
                .parse()
                .expect("ids are checked before they are stored"),
            receipt: receipt(number, receives),
            receives,
            lane: Lane::default(),
        })
    })
    .collect()
}

impl JobQueue for LocalQueue {
    async fn send(&self, id: &JobId, delay: Duration) -> Result<(), StoreError> {
        let (id, queue) = (id.to_string(), self.name);
        self.db
            .write("send a message", move |connection| {
                let visible_at = later(Timestamp::now(), delay);
                Ok(insert(connection, queue, &id, visible_at)?)
            })
            .await
    }

    async fn receive(
        &self,
        limit: u32,
        wait: Duration,
        hidden: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        let until = Instant::now() + wait;
        loop {
            let taken = self.take(limit, hidden).await?;
            if !taken.is_empty() || Instant::now() >= until {
                return Ok(taken);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn extend(&self, receipt: &str, hidden: Duration) -> Result<(), StoreError> {
        let Some((number, receives)) = parse_receipt(receipt) else {
            return Ok(());
        };
        self.db
            .write("extend a message", move |connection| {
                let sql = "UPDATE messages SET visible_at = ?3 WHERE number = ?1 AND receives = ?2";
                let visible_at = later(Timestamp::now(), hidden).as_millisecond();
                connection
                    .prepare_cached(sql)?
                    .execute(params![number, receives, visible_at])?;
                Ok(())
            })
            .await
    }

    async fn delete(&self, receipt: &str) -> Result<(), StoreError> {
        let Some((number, receives)) = parse_receipt(receipt) else {
            return Ok(());
        };
        self.db
            .write("delete a message", move |connection| {
                let sql = "DELETE FROM messages WHERE number = ?1 AND receives = ?2";
                connection
                    .prepare_cached(sql)?
                    .execute(params![number, receives])?;
                Ok(())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_receipt_of_a_deleted_message_fits_no_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("nommer.db")).unwrap();
        let queue = LocalQueue::new(db, "job");
        let (id, hour) = ("job_1".parse().unwrap(), Duration::from_secs(3_600));
        let mut old: Vec<String> = Vec::new();
        for _ in 0..3 {
            queue.send(&id, Duration::ZERO).await.unwrap();
            let taken = queue.receive(1, Duration::ZERO, hour).await.unwrap();
            let receipt = taken[0].receipt.clone();
            for gone in &old {
                queue.delete(gone).await.unwrap();
            }
            // It is there still: no old receipt deleted it.
            let (number, receives) = parse_receipt(&receipt).unwrap();
            let sql = "SELECT count(*) FROM messages WHERE number = ?1 AND receives = ?2";
            let look = |connection: &Connection| {
                let found = connection.query_row(sql, params![number, receives], |row| row.get(0));
                Ok(found?)
            };
            let there: u32 = queue.db.look("count", look).unwrap();
            assert_eq!(there, 1);
            queue.delete(&receipt).await.unwrap();
            old.push(receipt);
        }
    }
}
