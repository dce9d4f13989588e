//! The database: one writer thread that gathers what is to be written into one transaction, and readers beside it.
//!
//! A write is answered after its transaction is on disk (WAL, full sync). One that fails undoes itself and no other.

mod arrivals;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
    time::Duration,
};

use nommer_core::ports::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::oneshot;

pub(crate) use arrivals::Arrivals;

use crate::{LocalError, arrivals::settle};
use writer::{Asked, Write, write_all};

/// Migrations, oldest first; the database's `user_version` counts those that were made.
const MIGRATIONS: [&str; 10] = [
    include_str!("schema.sql"),
    include_str!("schema-2-keys.sql"),
    include_str!("schema-3-logs.sql"),
    include_str!("schema-4-presets.sql"),
    include_str!("schema-5-probes.sql"),
    include_str!("schema-6-batches.sql"),
    include_str!("schema-7-endpoints.sql"),
    include_str!("schema-8-old-keys.sql"),
    include_str!("schema-9-fewer-trees.sql"),
    include_str!("schema-10-arrivals.sql"),
];

/// How long a process waits for another one's transaction. One lasts milliseconds; beyond this, a process stands still in the
/// middle of its own, and prune, which ends it, must not wait for it either.
const BUSY: Duration = Duration::from_secs(10);

/// Pages of the log that are gathered before they are brought into the database, 2 MiB. With eight times as many,
/// submits took more CPU.
const LOG_PAGES: u32 = 500;

/// Pages that a reader keeps. What it kept is worth nothing after the next write, and costs time to forget.
const READER_PAGES: u32 = 64;

/// Pause between two tries to begin while another process writes. Short and even: SQLite's own pauses grow, and lose every race.
const TRY_AGAIN: Duration = Duration::from_micros(500);

/// Statements that a connection keeps prepared: more than there are in the busiest parts of this crate.
const STATEMENTS: usize = 64;

/// Why a write or read inside the database failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the record changed since it was read")]
    Conflict,
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl Fault {
    fn into_store_error(self, what: &'static str) -> StoreError {
        match self {
            Self::Conflict => StoreError::Conflict,
            Self::Sql(error) => StoreError::unavailable(what, error),
            Self::Json(error) => StoreError::unavailable(what, error),
        }
    }
}

/// A change of the database. It is made once more if another one of its transaction failed halfway: it must not keep anything between
/// two times.
pub(crate) trait Change: Send {
    /// What comes of it.
    type Output: Send;

    /// Makes it, within a transaction.
    fn make(&self, connection: &Connection) -> Result<Self::Output, Fault>;

    /// Puts it with the arrivals instead, if it is one of them.
    fn arrive(
        &self,
        _connection: &Connection,
        _arrivals: &mut Arrivals,
    ) -> Result<Option<Self::Output>, Fault> {
        Ok(None)
    }
}

impl<T: Send, F: Fn(&Connection) -> Result<T, Fault> + Send> Change for F {
    type Output = T;

    fn make(&self, connection: &Connection) -> Result<T, Fault> {
        self(connection)
    }
}

/// A handle on the database. Clones share the writer and the readers.
#[derive(Clone, Debug)]
pub(crate) struct Db {
    writes: Sender<Box<dyn Write>>,
    readers: Arc<Readers>,
    /// Whether there are arrivals that are not settled.
    arrivals: Arc<AtomicBool>,
}

impl Db {
    pub(crate) fn open(path: &Path) -> Result<Self, LocalError> {
        let mut writer = connect_writer(path).map_err(|source| LocalError::Database {
            path: path.to_owned(),
            source,
        })?;
        prepare(&mut writer, path)?;
        let (writes, queue) = channel();
        let arrivals = Arc::new(AtomicBool::new(false));
        let unsettled = Arrivals::new(Arc::clone(&arrivals));
        let spawned = thread::Builder::new()
            .name("nommer-db".to_owned())
            .spawn(move || write_all(&writer, &queue, unsettled));
        spawned.map_err(LocalError::file(path))?;
        Ok(Self {
            writes,
            readers: Arc::new(Readers {
                path: path.to_string_lossy().into_owned(),
                idle: Mutex::default(),
            }),
            arrivals,
        })
    }

    /// Runs a write; its result once it is on disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        write: impl Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.change(what, write).await
    }

    /// Makes a change; what came of it once it is on disk.
    pub(crate) async fn change<C: Change<Output: 'static> + 'static>(
        &self,
        what: &'static str,
        change: C,
    ) -> Result<C::Output, StoreError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || StoreError::unavailable(what, "the database thread has stopped");
        let task = Box::new(Asked::new(what, change, answer));
        self.writes.send(task).map_err(|_closed| stopped())?;
        answered.await.map_err(|_closed| stopped())?
    }

    /// Runs a read of a few rows, here and now: handing it to another thread would take longer than it does.
    pub(crate) fn look<T>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let found = self.readers.run(read);
        found.map_err(|fault| fault.into_store_error(what))
    }

    /// Runs a read of what new jobs are part of.
    pub(crate) async fn read_settled<T: Send + 'static>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.arrivals.load(Ordering::Acquire) {
            // Whatever is written settles them.
            self.write(what, |_| Ok(())).await?;
        }
        self.read(what, read).await
    }

    /// Runs a read on what is on disk now, arrivals aside.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let reading = tokio::task::spawn_blocking(move || readers.run(read));
        match reading.await {
            Ok(result) => result.map_err(|fault| fault.into_store_error(what)),
            Err(panicked) => Err(StoreError::unavailable(what, panicked)),
        }
    }
}

/// Connections for reads that nobody uses now.
#[derive(Debug)]
struct Readers {
    path: String,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Runs a read on a connection that nobody else uses meanwhile.
    fn run<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let connection = self.take()?;
        let result = read(&connection);
        self.put_back(connection);
        result
    }

    fn take(&self) -> Result<Connection, Fault> {
        let idle = self.idle.lock().expect("no holder panics").pop();
        idle.map_or_else(|| Ok(connect_reader(Path::new(&self.path))?), Ok)
    }

    fn put_back(&self, connection: Connection) {
        self.idle.lock().expect("no holder panics").push(connection);
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(wait_for_turn))?;
    use_log(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn connect_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    // What undoes a savepoint is never read after a crash: it need not be in a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    Ok(connection)
}

fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "cache_size", READER_PAGES)?;
    Ok(connection)
}

/// Called by SQLite while another process writes, with the number of calls before.
fn wait_for_turn(tries: i32) -> bool {
    thread::sleep(TRY_AGAIN);
    let waited = TRY_AGAIN.saturating_mul(u32::try_from(tries).unwrap_or(u32::MAX));
    waited < BUSY
}

/// Switches to the write-ahead log. SQLite does not wait for this one, so processes that open a new database at once try in turn.
fn use_log(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && wait_for_turn(tries) =>
            {
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Checks the database and brings it to the newest version.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), LocalError> {
    let database = |source| LocalError::Database {
        path: path.to_owned(),
        source,
    };
    let finding: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(database)?;
    if finding != "ok" {
        return Err(LocalError::Damaged {
            path: path.to_owned(),
            finding,
        });
    }
    let known = i64::try_from(MIGRATIONS.len()).expect("there are few migrations");
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(database)?;
    let found: i64 = transaction
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(database)?;
    if found > known {
        return Err(LocalError::NewerDatabase {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration).map_err(database)?;
    }
    transaction
        .pragma_update(None, "user_version", known)
        .map_err(database)?;
    // Of a server that died.
    settle(&transaction).map_err(database)?;
    transaction.commit().map_err(database)
}

/// Runs a statement that takes nothing and gives nothing. It stays prepared: preparing takes longer than running.
fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
pub(crate) mod tests;
