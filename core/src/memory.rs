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
    upload::{Completion, Cut, Offer, Part, Upload},
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

/// A place for uploads that takes none, and cuts them as S3 does. The version tag of a part is its number, for which it takes the caller's word.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryUploads;

impl MemoryUploads {
    fn handle(upload: &Upload) -> String {
        format!("parts of {}", upload.place())
    }
}

impl Uploads for MemoryUploads {
    fn root(&self) -> &'static str {
        "s3://memory/uploads/"
    }

    fn cut(&self) -> Cut {
        Cut::S3
    }

    async fn offer(&self, upload: &Upload, now: Timestamp) -> Result<Offer, StoreError> {
        let handle = Self::handle(upload);
        let parts = self.offer_parts(upload, &handle, now).await?;
        if parts.is_empty() {
            return Ok(Offer::Whole {
                url: format!("/{}", upload.place()),
                headers: Vec::new(),
            });
        }
        Ok(Offer::Parts { handle, parts })
    }

    async fn offer_parts(
        &self,
        upload: &Upload,
        _handle: &str,
        _now: Timestamp,
    ) -> Result<Vec<Part>, StoreError> {
        let lengths = Cut::S3.parts(upload.announced.bytes).unwrap_or_default();
        let parts = (1..).zip(lengths).map(|(number, bytes)| Part {
            number,
            bytes,
            url: format!("/{}?part={number}", upload.place()),
        });
        Ok(parts.collect())
    }

    async fn complete(
        &self,
        upload: &Upload,
        handle: &str,
        etags: &[String],
        _now: Timestamp,
    ) -> Result<Completion, StoreError> {
        if handle != Self::handle(upload) {
            return Ok(Completion::Unknown);
        }
        let mut numbered = (1_u32..).zip(etags);
        let wrong = numbered.find(|(number, etag)| **etag != number.to_string());
        Ok(match wrong {
            Some((number, _)) => Completion::OtherPart(Some(number)),
            None => Completion::Done,
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
