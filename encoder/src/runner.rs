//! What runs attempts for the worker: on a real machine a work folder and a pipeline; in simulations something quicker.

use std::future::Future;

use nommer_core::{
    error::{Code, JobError},
    job::Output,
    ports::MediaStorage,
};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{Observer, Stop},
    pipeline::{Pipeline, Request},
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
pub struct Workshop<P> {
    /// Makes what runs an attempt; fails when this machine cannot run any.
    pub pipeline: P,
    /// Where work folders are.
    pub root: WorkRoot,
}

impl<M, P> Runner for Workshop<P>
where
    M: MediaStorage + 'static,
    P: Fn() -> Result<Pipeline<M>, JobError> + Send + Sync + 'static,
{
    async fn run(
        &self,
        name: &str,
        request: &Request,
        cancel: &CancellationToken,
        observer: &mut impl Observer,
    ) -> Result<Vec<Output>, Stop> {
        let pipeline = (self.pipeline)()?;
        let work = self.root.attempt(name).map_err(|error| {
            JobError::new(Code::Unavailable, format!("make a work folder: {error}"))
        })?;
        pipeline.run(request, &work, cancel, observer).await
    }
}
