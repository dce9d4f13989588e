//! Work folders: one for each attempt, private, removed when the attempt ends, and by the next daemon or the
//! server if this one is killed.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{Flock, FlockArg},
    sys::statvfs::statvfs,
};
use nommer_core::error::{Code, JobError};

/// The file in an instance's folder that is locked for as long as the instance lives.
const LOCK: &str = "lock";

/// Space that is left alone: logs, pass statistics, the database beside.
const MARGIN_BYTES: u64 = 64 << 20;

/// The folder of one instance under a root that several may share.
#[derive(Debug)]
pub struct WorkRoot {
    folder: PathBuf,
    _lock: Flock<File>,
}

impl WorkRoot {
    /// Takes the folder of this instance, and wipes those of instances that are dead.
    pub fn open(root: &Path, instance: &str) -> io::Result<Self> {
        let private = |folder: &Path| DirBuilder::new().recursive(true).mode(0o700).create(folder);
        private(root)?;
        sweep(root)?;
        let folder = root.join(instance);
        loop {
            private(&folder)?;
            let file = match File::create(folder.join(LOCK)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                made => made?,
            };
            let inode = file.metadata()?.ino();
            let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
                .map_err(|(_, error)| io::Error::from(error))?;
            // Somebody who sweeps may have come in the moment before the lock.
            let there = fs::metadata(folder.join(LOCK));
            if there.is_ok_and(|there| there.ino() == inode) {
                return Ok(Self {
                    folder,
                    _lock: lock,
                });
            }
        }
    }

    /// A fresh folder for one attempt.
    pub fn attempt(&self, name: &str) -> io::Result<Workspace> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Workspace { folder })
    }
}

impl Drop for WorkRoot {
    fn drop(&mut self) {
        // What cannot be removed now, the next daemon wipes.
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Wipes the folders of instances that are dead.
pub fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        wipe_if_dead(&entry?.path());
    }
    Ok(())
}

/// A folder whose lock can be taken belongs to nobody.
fn wipe_if_dead(folder: &Path) {
    let Ok(file) = File::open(folder.join(LOCK)) else {
        return;
    };
    // Held until it is gone, so that nobody takes it in between.
    if let Ok(_held) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        tracing::info!(folder = %folder.display(), "wiping the work folder of a dead encoder");
        if let Err(error) = fs::remove_dir_all(folder) {
            tracing::warn!(folder = %folder.display(), %error, "the folder stays for now");
        }
    }
}

/// The folder of one attempt. Removed with all that is in it when it is dropped.
#[derive(Debug)]
pub struct Workspace {
    folder: PathBuf,
}

impl Workspace {
    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Bytes that files may still take here.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let disk = statvfs(&self.folder)?;
        Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
    }

    /// Checks that there is room for a source of this size and an output as large, before any work is done. Gives the room.
    pub fn need_room(&self, source_bytes: u64) -> Result<u64, JobError> {
        let fault = |error| {
            JobError::new(
                Code::Unavailable,
                format!("ask for the free space: {error}"),
            )
        };
        let free = self.free_bytes().map_err(fault)?;
        fits(free, source_bytes).map(|()| free)
    }
}

/// The largest source that [`fits`] into so many free bytes.
pub(crate) fn largest_source(free: u64) -> u64 {
    free.saturating_sub(MARGIN_BYTES) / 2
}

/// Checks that a source of this size and an output as large have room in so many free bytes.
pub(crate) fn fits(free: u64, source_bytes: u64) -> Result<(), JobError> {
    let need = source_bytes.saturating_mul(2).saturating_add(MARGIN_BYTES);
    if free >= need {
        return Ok(());
    }
    let mib = |bytes: u64| bytes >> 20;
    let message = format!(
        "the job needs about {} MiB, {} MiB are free",
        mib(need),
        mib(free)
    );
    Err(JobError::new(Code::OutOfDisk, message))
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "a work folder stays until the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempts_folder_is_gone_when_it_ends() {
        let root = tempfile::tempdir().unwrap();
        let work = WorkRoot::open(root.path(), "i-1").unwrap();
        let attempt = work.attempt("job_1-1").unwrap();
        fs::write(attempt.file("source"), b"x").unwrap();
        let folder = attempt.folder().to_owned();
        drop(attempt);
        assert!(!folder.exists());
    }

    #[test]
    fn a_dead_instances_folder_is_wiped_and_a_living_ones_is_not() {
        let root = tempfile::tempdir().unwrap();
        let living = WorkRoot::open(root.path(), "i-1").unwrap();
        let attempt = living.attempt("job_1-1").unwrap();
        let dead = root.path().join("i-0");
        fs::create_dir_all(dead.join("job_0-1")).unwrap();
        fs::write(dead.join(LOCK), b"").unwrap();
        let _next = WorkRoot::open(root.path(), "i-2").unwrap();
        assert!(!dead.exists());
        assert!(attempt.folder().exists());
    }

    #[test]
    fn a_job_that_does_not_fit_is_refused_with_numbers() {
        let root = tempfile::tempdir().unwrap();
        let work = WorkRoot::open(root.path(), "i-1").unwrap();
        let attempt = work.attempt("a").unwrap();
        let error = attempt.need_room(1 << 60).unwrap_err();
        assert_eq!(error.code, Code::OutOfDisk);
        assert!(error.message.contains("MiB are free"));
        assert!(attempt.need_room(1).is_ok());
    }
}
