//! What a writer knows of a job from its last read or write. Whoever writes a job many times, as its encoder does, need not read it
//! before each of them. It decides nothing: what is stored is what counts.

use std::sync::{Mutex, PoisonError};

use super::Committed;
use crate::{
    id::JobId,
    job::{Job, SCHEMA},
    log::JobLog,
    ports::{StoreError, Version},
};

/// A job as one of its writers last saw it. Shared by all that write for this writer.
#[derive(Debug)]
pub struct Seen {
    id: JobId,
    last: Mutex<Option<(Job, Version)>>,
    log: Mutex<Option<JobLog>>,
}

impl Seen {
    /// A job that was stored as this version.
    pub fn new(job: Job, version: Version) -> Self {
        Self {
            id: job.id.clone(),
            last: Mutex::new(Some((job, version))),
            log: Mutex::default(),
        }
    }

    /// Which job it is.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// Keeps what FFmpeg said, with the next change.
    pub fn bring(&self, log: JobLog) {
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = Some(log);
    }

    /// What is to be kept with the next change.
    pub(super) fn log(&self) -> Option<JobLog> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }

    /// The job, if it was seen and is of a shape that this version of the system knows.
    pub(super) fn get(&self) -> Option<(Job, Version)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone().filter(|(job, _)| job.schema <= SCHEMA)
    }

    /// Takes in what came of a write. After a fault nothing is known.
    pub(super) fn note(&self, ended: &Result<Committed, StoreError>) {
        let now = match ended {
            Ok(Committed::Changed { job, version, .. }) => {
                if job.log.is_some() {
                    // It was kept with that change.
                    *self.log.lock().unwrap_or_else(PoisonError::into_inner) = None;
                }
                Some((Job::clone(job), *version))
            }
            _ => None,
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}
