//! The writer thread: writes that come at about the same time share a transaction, and with it the wait for the disk. New jobs among
//! them are gathered over several transactions.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use nommer_core::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Arrivals, Change, Fault, run};
use crate::arrivals::settle;

/// Pause after each transaction, in which another process can begin its own.
const TURN: Duration = Duration::from_micros(200);

/// The same after a transaction of several writes: those who were answered come again, and share the next one.
const GATHER: Duration = Duration::from_millis(1);

/// Most writes in one transaction. Bounds how long other processes wait for their turn.
const BATCH: usize = 256;

/// What the writer thread is asked for.
pub(super) trait Write: Send {
    /// Runs within a transaction; whether it went well.
    fn run(&mut self, connection: &Connection) -> bool;

    /// The same for what may settle later; whether it may.
    fn arrive(&mut self, connection: &Connection, arrivals: &mut Arrivals) -> bool;

    /// Tells who asked what came of the last run, or why the transaction failed.
    fn answer(self: Box<Self>, committed: Result<(), &str>);
}

/// A write with its result, and with who waits for it.
pub(super) struct Asked<C: Change> {
    what: &'static str,
    change: C,
    result: Option<Result<C::Output, Fault>>,
    answer: oneshot::Sender<Result<C::Output, StoreError>>,
}

impl<C: Change> Asked<C> {
    pub(super) fn new(
        what: &'static str,
        change: C,
        answer: oneshot::Sender<Result<C::Output, StoreError>>,
    ) -> Self {
        Self {
            what,
            change,
            result: None,
            answer,
        }
    }
}

impl<C: Change> Write for Asked<C> {
    fn run(&mut self, connection: &Connection) -> bool {
        let result = self.change.make(connection);
        let well = result.is_ok();
        self.result = Some(result);
        well
    }

    fn arrive(&mut self, connection: &Connection, arrivals: &mut Arrivals) -> bool {
        // What fails here is tried where it belongs, and says there what is wrong.
        let arrived = self.change.arrive(connection, arrivals).ok().flatten();
        self.result = arrived.map(Ok);
        self.result.is_some()
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
pub(super) fn write_all(
    connection: &Connection,
    queue: &Receiver<Box<dyn Write>>,
    mut arrivals: Arrivals,
) {
    while let Some(mut writes) = gather(queue, &arrivals) {
        let committed = commit(connection, &mut writes, &mut arrivals);
        let committed = committed.map_err(|error| error.to_string());
        if let (Err(error), []) = (&committed, &writes[..]) {
            tracing::warn!(
                error,
                "new jobs are on disk, but encoders do not see them yet"
            );
        }
        let pause = if writes.len() > 1 { GATHER } else { TURN };
        for write in writes {
            write.answer(committed.as_ref().map(|&()| ()).map_err(String::as_str));
        }
        // Let others have the lock: SQLite gives it to whoever happens to ask, and a busy server asks most often.
        thread::sleep(pause);
    }
    if arrivals.any() {
        // What fails here is done when the database is opened again.
        commit(connection, &mut [], &mut arrivals).ok();
    }
}

/// What is to be written next; nothing if it is time to settle arrivals. None at the end.
fn gather(queue: &Receiver<Box<dyn Write>>, arrivals: &Arrivals) -> Option<Vec<Box<dyn Write>>> {
    let first = match arrivals.due_in() {
        None => queue.recv().ok()?,
        Some(wait) => match queue.recv_timeout(wait) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => return None,
        },
    };
    let more = queue.try_iter().take(BATCH - 1);
    Some(std::iter::once(first).chain(more).collect())
}

/// Writes all of them in one transaction, but for those that fail.
fn commit(
    connection: &Connection,
    writes: &mut [Box<dyn Write>],
    arrivals: &mut Arrivals,
) -> rusqlite::Result<()> {
    let done = attempt(connection, writes, arrivals);
    if done.is_err() {
        arrivals.put_off();
        if !connection.is_autocommit() {
            run(connection, "ROLLBACK").ok();
        }
    }
    done
}

fn attempt(
    connection: &Connection,
    writes: &mut [Box<dyn Write>],
    arrivals: &mut Arrivals,
) -> rusqlite::Result<()> {
    if arrivals.may_grow(writes.len()) && arrive(connection, writes, arrivals)? {
        arrivals.grown(writes.len());
        return Ok(());
    }
    if !together(connection, writes, arrivals)? {
        one_by_one(connection, writes, arrivals)?;
    }
    arrivals.settled();
    Ok(())
}

/// Puts all of them with the arrivals. Whether they may be there; otherwise nothing is written.
fn arrive(
    connection: &Connection,
    writes: &mut [Box<dyn Write>],
    arrivals: &mut Arrivals,
) -> rusqlite::Result<bool> {
    run(connection, "BEGIN IMMEDIATE")?;
    let all = writes
        .iter_mut()
        .all(|write| write.arrive(connection, arrivals));
    if all {
        run(connection, "COMMIT")?;
    } else if !connection.is_autocommit() {
        run(connection, "ROLLBACK")?;
    }
    Ok(all)
}

/// Begins a transaction in which nothing waits to be settled.
fn begin(connection: &Connection, arrivals: &Arrivals) -> rusqlite::Result<()> {
    run(connection, "BEGIN IMMEDIATE")?;
    if arrivals.any() {
        settle(connection)?;
    }
    Ok(())
}

/// Savepoints cost more than most writes, and few fail after they have changed something. Whether none did; otherwise nothing is written.
fn together(
    connection: &Connection,
    writes: &mut [Box<dyn Write>],
    arrivals: &Arrivals,
) -> rusqlite::Result<bool> {
    begin(connection, arrivals)?;
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
fn one_by_one(
    connection: &Connection,
    writes: &mut [Box<dyn Write>],
    arrivals: &Arrivals,
) -> rusqlite::Result<()> {
    begin(connection, arrivals)?;
    for write in writes {
        run(connection, "SAVEPOINT one")?;
        if !write.run(connection) {
            run(connection, "ROLLBACK TO one")?;
        }
        run(connection, "RELEASE one")?;
    }
    run(connection, "COMMIT")
}
