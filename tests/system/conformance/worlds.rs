//! The sets of adapters.

mod aws;
mod ec2;
mod processes;
mod s3;

use std::{fs, path::PathBuf, time::Duration};

use jiff::Timestamp;
use nommer_core::{
    lane::Lane,
    lease::later,
    memory::{MemoryQueue, MemoryStore, PlainSecrets},
    ports::Backend as _,
    uri::MediaUri,
};
use nommer_local::{FolderStorage, LocalQueue, LocalSecrets, LocalStore};
use tempfile::TempDir;

use super::{MediaWorld, World};

pub(crate) use aws::Aws;
pub(crate) use ec2::{Ec2, fleet_of};
pub(super) use processes::Processes;
pub(super) use s3::S3;

/// The adapters in memory.
pub(super) struct Memory {
    store: MemoryStore,
    queue: MemoryQueue,
    now: std::sync::Mutex<Timestamp>,
}

impl World for Memory {
    type Store = MemoryStore;
    type Queue = MemoryQueue;
    type Secrets = PlainSecrets;

    async fn new() -> Self {
        let now = Timestamp::UNIX_EPOCH;
        Self {
            store: MemoryStore::new(),
            queue: MemoryQueue::new(now),
            now: now.into(),
        }
    }

    fn store(&self) -> &MemoryStore {
        &self.store
    }

    async fn elsewhere<T>(&self, work: impl AsyncFnOnce(&MemoryStore) -> T) -> T {
        work(&self.store).await
    }

    fn queue(&self) -> &MemoryQueue {
        &self.queue
    }

    async fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = later(*now, by);
        self.queue.set_now(*now);
    }

    fn secrets(&self) -> &PlainSecrets {
        &PlainSecrets
    }
}

/// The embedded adapters in one data folder.
pub(super) struct Local {
    local: nommer_local::Local,
    folder: TempDir,
}

impl Local {
    fn database(&self) -> PathBuf {
        self.folder.path().join("nommer.db")
    }
}

impl World for Local {
    type Store = LocalStore;
    type Queue = LocalQueue;
    type Secrets = LocalSecrets;

    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            local: nommer_local::Local::open(folder.path()).unwrap(),
            folder,
        }
    }

    fn store(&self) -> &LocalStore {
        self.local.store()
    }

    async fn elsewhere<T>(&self, work: impl AsyncFnOnce(&LocalStore) -> T) -> T {
        let other = nommer_local::Local::open(self.folder.path()).unwrap();
        work(other.store()).await
    }

    fn queue(&self) -> &LocalQueue {
        self.local.job_queue(Lane::Default)
    }

    /// Moves all messages into the past instead of waiting.
    async fn advance(&self, by: Duration) {
        let connection = rusqlite::Connection::open(self.database()).unwrap();
        let millis = i64::try_from(by.as_millis()).unwrap();
        connection
            .execute("UPDATE messages SET visible_at = visible_at - ?", [millis])
            .unwrap();
    }

    fn secrets(&self) -> &LocalSecrets {
        self.local.secrets()
    }
}

/// A folder of media.
pub(super) struct Folder {
    storage: FolderStorage,
    root: TempDir,
}

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("media").join(name)
    }
}

impl MediaWorld for Folder {
    type Storage = FolderStorage;
    type Outputs = FolderStorage;

    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let media = root.path().join("media");
        fs::create_dir(&media).unwrap();
        let storage = FolderStorage::new(vec![media], root.path().join("data"));
        Self { storage, root }
    }

    fn storage(&self) -> &FolderStorage {
        &self.storage
    }

    fn outputs(&self) -> &FolderStorage {
        &self.storage
    }

    fn uri(&self, name: &str) -> MediaUri {
        let text = format!("file://{}", self.path(name).display());
        serde_json::from_value(text.into()).unwrap()
    }

    async fn put(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    async fn get(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    async fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    async fn leftovers(&self) -> usize {
        let media = fs::read_dir(self.path("")).unwrap();
        let hidden = media.filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_str().unwrap().starts_with('.')
        });
        hidden.count()
    }
}
