//! The ports in memory: for tests and for the simulation. Time stands still until it is set.
//!
//! They keep the contracts of the ports to the letter, so the conformance tests run on them too.

mod outputs;
mod queue;
mod store;

pub use outputs::MemoryOutputs;
pub use queue::MemoryQueue;
pub use store::MemoryStore;

use jiff::Timestamp;

use crate::{
    lane::Lane,
    notify::BusEvent,
    ports::{Backend, EventBus, ScaleSignal, Secrets, StoreError, Uploads},
    sealed::SealedText,
    secret::Secret,
    upload::{Offer, Upload},
};

/// A whole side in memory.
#[derive(Debug)]
pub struct Memory {
    /// The table.
    pub store: MemoryStore,
    /// Hints for encoders.
    pub job_queue: MemoryQueue,
    /// Hints for encoders that have nothing else to do.
    pub bulk_queue: MemoryQueue,
    /// Hints for state-change.
    pub state_queue: MemoryQueue,
    /// Keeps secrets in the clear.
    pub secrets: PlainSecrets,
    /// Outputs that were published.
    pub outputs: MemoryOutputs,
}

impl Memory {
    /// An empty side at this time.
    pub fn new(now: Timestamp) -> Self {
        Self {
            store: MemoryStore::new(),
            job_queue: MemoryQueue::new(now),
            bulk_queue: MemoryQueue::new(now),
            state_queue: MemoryQueue::new(now),
            secrets: PlainSecrets,
            outputs: MemoryOutputs::default(),
        }
    }
}

impl Backend for Memory {
    type Store = MemoryStore;
    type Queue = MemoryQueue;
    type Secrets = PlainSecrets;
    type Uploads = MemoryUploads;
    type Outputs = MemoryOutputs;

    fn store(&self) -> &MemoryStore {
        &self.store
    }

    fn job_queue(&self, lane: Lane) -> &MemoryQueue {
        match lane {
            Lane::Default => &self.job_queue,
            Lane::Bulk => &self.bulk_queue,
        }
    }

    fn state_queue(&self) -> &MemoryQueue {
        &self.state_queue
    }

    fn secrets(&self) -> &PlainSecrets {
        &self.secrets
    }

    fn uploads(&self) -> Option<&MemoryUploads> {
        Some(&MemoryUploads)
    }

    fn outputs(&self) -> Option<&MemoryOutputs> {
        Some(&self.outputs)
    }
}

/// A place for uploads that takes none.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryUploads;

impl Uploads for MemoryUploads {
    fn root(&self) -> &'static str {
        "s3://memory/uploads/"
    }

    fn most_bytes(&self) -> u64 {
        5 << 30
    }

    async fn offer(&self, upload: &Upload, _now: Timestamp) -> Result<Offer, StoreError> {
        Ok(Offer {
            url: format!("/{}", upload.place()),
            headers: Vec::new(),
        })
    }
}

/// A signal that nobody listens to.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSignal;

impl ScaleSignal for NoSignal {
    async fn wake(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A system without an event bus: jobs of it name none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBus;

impl EventBus for NoBus {
    async fn publish(&self, _events: &[BusEvent]) -> Result<(), StoreError> {
        Err(StoreError::unavailable(
            "publish a job's event",
            "there is no event bus",
        ))
    }
}

/// Encoding instead of encryption: keeps the contract (the context is bound, wrong contexts fail) and hides nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainSecrets;

impl Secrets for PlainSecrets {
    async fn seal(&self, plain: &Secret, context: &str) -> Result<SealedText, StoreError> {
        Ok(SealedText(format!("{context}\n{}", plain.expose())))
    }

    async fn open(&self, sealed: &SealedText, context: &str) -> Result<Secret, StoreError> {
        match sealed.0.split_once('\n') {
            Some((bound, plain)) if bound == context => Ok(Secret::new(plain.to_owned())),
            _ => Err(StoreError::unavailable(
                "open a sealed text",
                "it belongs to another context",
            )),
        }
    }
}
