//! What runs attempts for the worker: on a real machine a work folder and a pipeline; in simulations something quicker.

use std::{future::Future, sync::OnceLock};

use nommer_core::{
    error::{Code, JobError},
    job::Output,
    ports::MediaStorage,
    settings::Settings,
};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{Observer, Stop},
    pipeline::{Pipeline, Request},
    tools::Tools,
    workspace::WorkRoot,
};

/// Runs attempts.
pub trait Runner: Send + Sync + 'static {
    /// Runs one attempt; no other has the same name. Canceling ends it at once.
    fn run(
        &self,
        name: &str,
        request: &Request,
        cancel: &CancellationToken,
        observer: &mut impl Observer,
    ) -> impl Future<Output = Result<Vec<Output>, Stop>> + Send;
}

/// Each attempt gets a pipeline and a folder of its own.
#[derive(Debug)]
pub struct Workshop<M> {
    settings: Settings,
    storage: M,
    root: WorkRoot,
    tools: OnceLock<Tools>,
}

impl<M: MediaStorage + Clone> Workshop<M> {
    /// Works by these settings, with media from and to this storage, in work folders under this root.
    pub fn new(settings: &Settings, storage: M, root: WorkRoot) -> Self {
        Self {
            settings: settings.clone(),
            storage,
            root,
            tools: OnceLock::new(),
        }
    }

    /// FFmpeg is looked for until it is found: it may be installed while the daemon runs.
    fn pipeline(&self) -> Result<Pipeline<M>, JobError> {
        let tools = if let Some(known) = self.tools.get() {
            known.clone()
        } else {
            let found = Tools::find(&self.settings.ffmpeg)?;
            self.tools.get_or_init(|| found).clone()
        };
        Ok(Pipeline::new(&self.settings, self.storage.clone(), tools))
    }
}

impl<M: MediaStorage + Clone + 'static> Runner for Workshop<M> {
    async fn run(
        &self,
        name: &str,
        request: &Request,
        cancel: &CancellationToken,
        observer: &mut impl Observer,
    ) -> Result<Vec<Output>, Stop> {
        let pipeline = self.pipeline()?;
        let work = self.root.attempt(name).map_err(|error| {
            JobError::new(Code::Unavailable, format!("make a work folder: {error}"))
        })?;
        pipeline.run(request, &work, cancel, observer).await
    }
}
