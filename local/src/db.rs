//! The database: one writer thread that gathers what is to be written into one transaction, and readers beside it.
//!
//! A write is answered after its transaction is on disk (WAL, full sync). One that fails undoes itself and no other.

mod arrivals;
mod open;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
};

use nommer_core::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

pub(crate) use arrivals::Arrivals;

use crate::LocalError;
use open::{connect_reader, connect_writer, prepare};
use writer::{Asked, Write, write_all};

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

/// Runs a statement that takes nothing and gives nothing. It stays prepared: preparing takes longer than running.
fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
pub(crate) mod tests;
