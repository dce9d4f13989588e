//! Waking scale within one process.

use std::sync::Arc;

use nommer_core::ports::{ScaleSignal, StoreError};
use tokio::sync::Notify;

/// A signal whose clones are one. Several calls before it is heard count as one.
#[derive(Clone, Debug, Default)]
pub struct LocalSignal(Arc<Notify>);

impl LocalSignal {
    /// Waits for the next call.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

impl ScaleSignal for LocalSignal {
    async fn wake(&self) -> Result<(), StoreError> {
        self.0.notify_one();
        Ok(())
    }
}
