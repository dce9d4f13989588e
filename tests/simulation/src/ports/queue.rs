//! The queues, the keys and the signal to scale, as one process sees them.

use std::{sync::Arc, time::Duration};

use nommer_core::{
    id::JobId,
    lane::Lane,
    memory::{MemoryQueue, PlainSecrets},
    ports::{Backend as _, Delivery, JobQueue, ScaleSignal, Secrets, StoreError},
    sealed::SealedText,
    secret::Secret,
};
use tokio::time::sleep;

use crate::{functions, mutants::Mutant, process::Process};

/// A queue as one process sees it.
#[derive(Debug)]
pub struct SimQueue {
    pub(super) process: Arc<Process>,
    /// The queue that holds hints for encoders; none if it holds those for state-change.
    pub(super) jobs: Option<Lane>,
}

impl SimQueue {
    fn base(&self) -> &MemoryQueue {
        let world = &self.process.world;
        let queue = match self.jobs {
            Some(lane) => world.memory.job_queue(lane),
            None => &world.memory.state_queue,
        };
        queue.set_now(world.now());
        queue
    }
}

impl JobQueue for SimQueue {
    async fn send(&self, id: &JobId, delay: Duration) -> Result<(), StoreError> {
        self.process.enter("send").await?;
        let world = &self.process.world;
        let faults = world.faults();
        let late = Duration::from_secs(world.between(0, faults.delay.into()));
        if world.chance(faults.drop) {
            world.log(|| format!("a message for {id} is lost"));
        } else {
            self.base().send(id, delay + late).await?;
        }
        self.process.leave("send").await
    }

    async fn receive(
        &self,
        limit: u32,
        wait: Duration,
        hidden: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.process.enter("receive").await?;
        let world = &self.process.world;
        let mut taken = self.base().receive(limit, wait, hidden).await?;
        if taken.is_empty() && !wait.is_zero() {
            sleep(wait).await;
            self.process.gate().await;
            taken = self.base().receive(limit, wait, hidden).await?;
        }
        for delivery in &taken {
            if world.chance(world.faults().duplicate) {
                let soon = Duration::from_secs(world.between(0, 90));
                self.base().send(&delivery.job_id, soon).await?;
            }
            if self.jobs.is_some() && world.has(Mutant::DeleteBeforeWork) {
                self.base().delete(&delivery.receipt).await?;
            }
        }
        if !taken.is_empty() {
            self.process.leave("receive").await?;
        }
        Ok(taken)
    }

    async fn extend(&self, receipt: &str, hidden: Duration) -> Result<(), StoreError> {
        self.process.enter("extend").await?;
        self.base().extend(receipt, hidden).await?;
        self.process.leave("extend").await
    }

    async fn delete(&self, receipt: &str) -> Result<(), StoreError> {
        self.process.enter("delete").await?;
        self.base().delete(receipt).await?;
        self.process.leave("delete").await
    }
}

/// The keys as one process sees them.
#[derive(Debug)]
pub struct SimSecrets(pub(super) Arc<Process>);

impl Secrets for SimSecrets {
    async fn seal(&self, plain: &Secret, context: &str) -> Result<SealedText, StoreError> {
        let sealing = PlainSecrets.seal(plain, context);
        self.0.call("seal", sealing).await
    }

    async fn open(&self, sealed: &SealedText, context: &str) -> Result<Secret, StoreError> {
        let opening = PlainSecrets.open(sealed, context);
        self.0.call("open", opening).await
    }
}

/// Wakes scale, unless that is lost.
#[derive(Debug)]
pub struct Wake(pub Arc<Process>);

impl ScaleSignal for Wake {
    async fn wake(&self) -> Result<(), StoreError> {
        self.0.enter("wake").await?;
        functions::scale_run(&self.0.world);
        self.0.leave("wake").await
    }
}
