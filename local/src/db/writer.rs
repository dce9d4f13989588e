//! The writer thread: writes that come at about the same time share a transaction, and with it the wait for the disk.

use std::{sync::mpsc::Receiver, thread, time::Duration};

use nommer_core::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Fault, run};

/// Pause after each transaction, in which another process can begin its own.
const TURN: Duration = Duration::from_micros(200);

/// The same after a transaction of several writes: those who were answered come again, and share the next one.
const GATHER: Duration = Duration::from_millis(2);

/// Most writes in one transaction. Bounds how long other processes wait for their turn.
const BATCH: usize = 256;

/// What the writer thread is asked for.
pub(super) trait Write: Send {
    /// Runs within a transaction; whether it went well.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Tells who asked what came of the last run, or why the transaction failed.
    fn answer(self: Box<Self>, committed: Result<(), &str>);
}

/// A write with its result, and with who waits for it.
pub(super) struct Asked<T, W> {
    what: &'static str,
    write: W,
    result: Option<Result<T, Fault>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W> Asked<T, W> {
    pub(super) fn new(
        what: &'static str,
        write: W,
        answer: oneshot::Sender<Result<T, StoreError>>,
    ) -> Self {
        Self {
            what,
            write,
            result: None,
            answer,
        }
    }
}

impl<T: Send, W: Fn(&Connection) -> Result<T, Fault> + Send> Write for Asked<T, W> {
    fn run(&mut self, connection: &Connection) -> bool {
        let result = (self.write)(connection);
        let well = result.is_ok();
        self.result = Some(result);
        well
    }

    fn answer(self: Box<Self>, committed: Result<(), &str>) {
        let what = self.what;
        let outcome = match (committed, self.result) {
            (Ok(()), Some(result)) => result.map_err(|fault| fault.into_store_error(what)),
            (Ok(()), None) => Err(StoreError::unavailable(what, "it was not run")),
            (Err(why), _) => Err(StoreError::unavailable(what, why)),
        };
        // Whoever asked may have gone away; the write is made all the same.
        self.answer.send(outcome).ok();
    }
}

/// The writer thread: ends when the last handle is gone.
pub(super) fn write_all(connection: &Connection, queue: &Receiver<Box<dyn Write>>) {
    while let Ok(first) = queue.recv() {
        let more = queue.try_iter().take(BATCH - 1);
        let mut writes: Vec<Box<dyn Write>> = std::iter::once(first).chain(more).collect();
        let committed = commit(connection, &mut writes).map_err(|error| error.to_string());
        let pause = if writes.len() > 1 { GATHER } else { TURN };
        for write in writes {
            write.answer(committed.as_ref().map(|&()| ()).map_err(String::as_str));
        }
        // Let others have the lock: SQLite gives it to whoever happens to ask, and a busy server asks most often.
        thread::sleep(pause);
    }
}

/// Writes all of them in one transaction, but for those that fail.
fn commit(connection: &Connection, writes: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
    let done = match together(connection, writes) {
        Ok(false) => one_by_one(connection, writes),
        done => done.map(drop),
    };
    if done.is_err() && !connection.is_autocommit() {
        run(connection, "ROLLBACK").ok();
    }
    done
}

/// Savepoints cost more than most writes, and few fail after they have changed something. Whether none did; otherwise nothing is written.
fn together(connection: &Connection, writes: &mut [Box<dyn Write>]) -> rusqlite::Result<bool> {
    run(connection, "BEGIN IMMEDIATE")?;
    for write in writes {
        let before = connection.total_changes();
        let well = write.run(connection);
        if !well && (connection.total_changes() != before || connection.is_autocommit()) {
            if !connection.is_autocommit() {
                run(connection, "ROLLBACK")?;
            }
            return Ok(false);
        }
    }
    run(connection, "COMMIT")?;
    Ok(true)
}

/// Each within a savepoint of its own, which undoes it alone if it fails.
fn one_by_one(connection: &Connection, writes: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
    run(connection, "BEGIN IMMEDIATE")?;
    for write in writes {
        run(connection, "SAVEPOINT one")?;
        if !write.run(connection) {
            run(connection, "ROLLBACK TO one")?;
        }
        run(connection, "RELEASE one")?;
    }
    run(connection, "COMMIT")
}
