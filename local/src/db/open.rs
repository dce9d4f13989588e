//! Opening the database: its modes, its check, its migrations.

use std::{path::Path, thread, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{LocalError, arrivals::settle};

/// Migrations, oldest first; the database's `user_version` counts those that were made.
pub(super) const MIGRATIONS: [&str; 10] = [
    include_str!("../schema.sql"),
    include_str!("../schema-2-keys.sql"),
    include_str!("../schema-3-logs.sql"),
    include_str!("../schema-4-presets.sql"),
    include_str!("../schema-5-probes.sql"),
    include_str!("../schema-6-batches.sql"),
    include_str!("../schema-7-endpoints.sql"),
    include_str!("../schema-8-old-keys.sql"),
    include_str!("../schema-9-fewer-trees.sql"),
    include_str!("../schema-10-arrivals.sql"),
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

pub(super) fn connect_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    // What undoes a savepoint is never read after a crash: it need not be in a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    Ok(connection)
}

pub(super) fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
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
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), LocalError> {
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
