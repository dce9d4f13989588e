//! The embedded default: the whole system's table, queues, keys, storage and fleet on one machine, without an account.
//!
//! SQLite is the table and the queues, folders are the storage, processes are the instances. Everything survives `kill -9` of any
//! process at any moment: what was answered is on disk, and what was begun is either finished or undone.

mod arrivals;
mod db;
mod fleet;
mod process;
mod queue;
mod secrets;
mod signal;
mod storage;
mod store;
mod uploads;
mod watch;

use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};
use nommer_core::{
    job::Job,
    lane::Lane,
    notify::SigningSecret,
    ports::{Backend, Created, IdempotencyKey, StoreError},
};

pub use fleet::{ProcessFleet, launched_as};
pub use queue::LocalQueue;
pub use secrets::LocalSecrets;
pub use signal::LocalSignal;
pub use storage::FolderStorage;
pub use store::LocalStore;
pub use uploads::{Incoming, LocalUploads, UploadError};
pub use watch::{Changes, FolderWatch, WholeFile};

use db::Db;

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file or folder cannot be made or read.
    #[error("use {path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What came back.
        source: std::io::Error,
    },
    /// The database cannot be opened.
    #[error("open the database {path}: {source}")]
    Database {
        /// Which one.
        path: PathBuf,
        /// What came back.
        source: rusqlite::Error,
    },
    /// A newer nommer has written to the database.
    #[error(
        "the database {path} is at version {found}, this nommer knows up to {known}: use the newer one"
    )]
    NewerDatabase {
        /// Which one.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// SQLite's own check found damage.
    #[error("the database {path} is damaged: {finding}")]
    Damaged {
        /// Which one.
        path: PathBuf,
        /// What the check says.
        finding: String,
    },
    /// A key file that others may read, or that holds no key.
    #[error("the key file {path} {problem}")]
    Key {
        /// Which one.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// Another server uses the data folder.
    #[error(
        "another nommer uses {path}: stop it, or give this one a folder of its own with --data-dir"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
}

impl LocalError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

/// One data folder, opened.
#[derive(Debug)]
pub struct Local {
    folder: PathBuf,
    db: Db,
    store: LocalStore,
    job_queue: LocalQueue,
    bulk_queue: LocalQueue,
    state_queue: LocalQueue,
    secrets: LocalSecrets,
    signing_secret: SigningSecret,
    uploads: LocalUploads,
    outputs: Option<FolderStorage>,
}

impl Local {
    /// Opens a data folder, making it and what belongs in it where it is new. Any number of processes may have it open.
    pub fn open(folder: &Path) -> Result<Self, LocalError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(LocalError::file(folder))?;
        // One spelling of the folder, so that paths below it can be compared.
        let folder = fs::canonicalize(folder).map_err(LocalError::file(folder))?;
        let db = Db::open(&folder.join("nommer.db"))?;
        Ok(Self {
            store: LocalStore::new(db.clone()),
            job_queue: LocalQueue::new(db.clone(), "job"),
            bulk_queue: LocalQueue::new(db.clone(), "bulk"),
            state_queue: LocalQueue::new(db.clone(), "state-change"),
            secrets: LocalSecrets::open(&folder.join("secret.key"))?,
            signing_secret: secrets::signing_secret(&folder.join("webhook.key"))?,
            db,
            uploads: LocalUploads::new(&folder),
            outputs: None,
            folder,
        })
    }

    /// The same where outputs in these folders can be deleted. Nothing of the data folder is among them that is not named.
    #[must_use]
    pub fn serving(self, folders: Vec<PathBuf>) -> Self {
        let outputs = FolderStorage::new(folders, self.folder.clone());
        Self {
            outputs: Some(outputs),
            ..self
        }
    }

    /// The right to be the one server of this data folder, for as long as it is held.
    pub fn lock(&self) -> Result<ServerLock, LocalError> {
        let path = self.folder.join("server.lock");
        let file = File::create(&path).map_err(LocalError::file(&path))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_held| {
            LocalError::InUse {
                path: self.folder.clone(),
            }
        })?;
        Ok(ServerLock { _lock: lock })
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where uploads arrive.
    pub fn uploads(&self) -> &LocalUploads {
        &self.uploads
    }

    /// What notifications are signed with.
    pub fn signing_secret(&self) -> &SigningSecret {
        &self.signing_secret
    }
}

/// Held by the one server of a data folder. The kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct ServerLock {
    _lock: Flock<File>,
}

impl Backend for Local {
    type Store = LocalStore;
    type Queue = LocalQueue;
    type Secrets = LocalSecrets;
    type Uploads = LocalUploads;
    type Outputs = FolderStorage;

    fn store(&self) -> &LocalStore {
        &self.store
    }

    fn job_queue(&self, lane: Lane) -> &LocalQueue {
        match lane {
            Lane::Default => &self.job_queue,
            Lane::Bulk => &self.bulk_queue,
        }
    }

    /// One transaction for both: half the waits for the disk.
    async fn record(
        &self,
        job: &Job,
        key: Option<&IdempotencyKey>,
    ) -> Result<(Created, Option<StoreError>), StoreError> {
        let queue = self.job_queue(job.spec.lane());
        let created = self.store.create_in(job, key, Some(queue.name())).await?;
        Ok((created, None))
    }

    fn state_queue(&self) -> &LocalQueue {
        &self.state_queue
    }

    fn secrets(&self) -> &LocalSecrets {
        &self.secrets
    }

    fn uploads(&self) -> Option<&LocalUploads> {
        Some(&self.uploads)
    }

    fn outputs(&self) -> Option<&FolderStorage> {
        self.outputs.as_ref()
    }
}
