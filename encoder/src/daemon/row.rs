//! The instance's row in the table, kept by heartbeats. It says what the daemon does and hears what others ask of it; it decides
//! nothing.

use std::future::Future;

use jiff::Timestamp;
use nommer_core::{
    instance::{Instance, InstanceState},
    ports::{Backend, FleetStore, StoreError, Version},
};

use super::Shared;
use crate::{clock::Clock, runner::Runner, worker::Worker};

/// The instance's row in the table.
pub(super) struct Row {
    /// As it was last written.
    pub(super) instance: Instance,
    version: Version,
}

impl Row {
    /// Writes the row for the first time. A paused fleet drains the instance at once.
    pub(super) async fn register<B: Backend, R: Runner, C: Clock>(
        worker: &Worker<B, R, C>,
        slots: u32,
    ) -> Result<Self, StoreError> {
        let now = worker.clock.now();
        let instance = Instance {
            id: worker.instance.clone(),
            state: InstanceState::Ready,
            slots,
            jobs: Vec::new(),
            started_at: now,
            beat_at: now,
            drain_requested: false,
            ffmpeg_version: None,
            instance_type: worker.kind.instance_type.clone(),
            market: worker.kind.market,
            work: None,
        };
        let mut row = Self {
            instance,
            version: Version(0),
        };
        // A daemon that starts again on the same instance takes over its old row.
        row.reread(worker).await?;
        let (fleet, _) = worker.backend.store().fleet().await?;
        row.instance.drain_requested |= fleet.paused(now).is_some();
        row.version = worker
            .backend
            .store()
            .put_instance(&row.instance, row.version)
            .await?;
        Ok(row)
    }

    /// Takes over the version of the row, and what others wrote into it.
    async fn reread<B: Backend, R: Runner, C: Clock>(
        &mut self,
        worker: &Worker<B, R, C>,
    ) -> Result<(), StoreError> {
        let rows = worker.backend.store().instances(Timestamp::MIN).await?;
        if let Some((found, version)) = rows.into_iter().find(|(row, _)| row.id == self.instance.id)
        {
            self.version = version;
            self.instance.drain_requested |=
                found.drain_requested && found.state != InstanceState::Gone;
        }
        Ok(())
    }

    /// Beats for as long as something goes on.
    pub(super) async fn beat_while<B: Backend, R: Runner, C: Clock>(
        &mut self,
        work: impl Future<Output = ()>,
        worker: &Worker<B, R, C>,
        shared: &Shared,
        state: InstanceState,
    ) {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = &mut work => return,
                () = worker.clock.sleep(worker.times.heartbeat) => self.beat(worker, shared, state).await,
            }
        }
    }

    /// Writes the row anew. A fault is logged: the next beat comes.
    pub(super) async fn beat<B: Backend, R: Runner, C: Clock>(
        &mut self,
        worker: &Worker<B, R, C>,
        shared: &Shared,
        state: InstanceState,
    ) {
        self.instance.state = state;
        self.instance.beat_at = worker.clock.now();
        self.instance.work = *shared.work.lock().expect("no holder panics");
        self.instance.jobs = shared
            .jobs
            .lock()
            .expect("no holder panics")
            .iter()
            .cloned()
            .collect();
        let mut written = worker
            .backend
            .store()
            .put_instance(&self.instance, self.version)
            .await;
        if matches!(written, Err(StoreError::Conflict)) {
            written = match self.reread(worker).await {
                Ok(()) => {
                    worker
                        .backend
                        .store()
                        .put_instance(&self.instance, self.version)
                        .await
                }
                Err(error) => Err(error),
            };
        }
        match written {
            Ok(version) => self.version = version,
            Err(error) => {
                tracing::warn!(error = ?error, "the instance's heartbeat was not written");
            }
        }
        if self.instance.drain_requested {
            shared.stop.drain.cancel();
        }
    }
}
