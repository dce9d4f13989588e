//! From files of this machine to outputs at their destinations: staged first, then made visible one after another.
//!
//! Each file appears whole or not at all, and only in place of what was there before. Segments go first, under names that nothing refers
//! to; a manifest goes last. Leases are not known here: whoever runs an attempt asks between staging and committing.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use nommer_core::{
    error::{Code, JobError},
    job::Output,
    ports::{MediaError, MediaStorage, ObjectFacts, Upload},
    uri::MediaUri,
};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{Made, MadeFile, Stop, unless_canceled},
    point::reach,
};

/// Segments that are delivered at a time. They are small: most of the time is waiting.
const AT_A_TIME: usize = 8;

/// The outputs of one attempt on their way.
#[derive(Debug)]
pub(crate) struct Publication<'a, M: MediaStorage> {
    storage: &'a M,
    cancel: &'a CancellationToken,
    /// What was at a destination when the attempt began.
    before: Vec<(String, Option<ObjectFacts>)>,
    /// What is ready to become visible, with what it replaces, in order.
    staged: Vec<(M::Staged, Option<ObjectFacts>)>,
}

impl<'a, M: MediaStorage> Publication<'a, M> {
    pub(crate) fn new(storage: &'a M, cancel: &'a CancellationToken) -> Self {
        Self {
            storage,
            cancel,
            before: Vec::new(),
            staged: Vec::new(),
        }
    }

    /// Notes what is at the destinations now. What lies in folders is looked at when its names are known.
    pub(crate) async fn look(&mut self, destinations: &[MediaUri]) -> Result<(), Stop> {
        for destination in destinations
            .iter()
            .filter(|destination| !destination.is_folder())
        {
            let found = self
                .storage
                .stat(destination)
                .await
                .map_err(destination_error)?;
            self.before.push((destination.identity(), found));
        }
        Ok(())
    }

    /// Brings everything to the destinations' side. Nothing that was there before changes.
    pub(crate) async fn stage(&mut self, made: &[Made]) -> Result<(), Stop> {
        for one in made {
            deliver(self.storage, self.cancel, &one.parts).await?;
        }
        for file in made.iter().flat_map(|one| &one.files) {
            if let Err(stop) = self.stage_file(file).await {
                self.discard().await;
                return Err(stop);
            }
        }
        Ok(())
    }

    async fn stage_file(&mut self, file: &MadeFile) -> Result<(), Stop> {
        let identity = file.destination.identity();
        let known = self.before.iter().find(|(place, _)| *place == identity);
        let before = match known {
            Some((_, before)) => before.clone(),
            None => self
                .storage
                .stat(&file.destination)
                .await
                .map_err(destination_error)?,
        };
        let staged = unless_canceled(self.cancel, stage_one(self.storage, file)).await?;
        self.staged
            .push((staged.map_err(destination_error)?, before));
        Ok(())
    }

    /// Takes back what is staged.
    pub(crate) async fn discard(&mut self) {
        for (staged, _) in self.staged.drain(..) {
            self.storage.discard(staged).await;
        }
    }

    /// Makes what is staged visible, in order.
    pub(crate) async fn commit(mut self, made: Vec<Made>) -> Result<Vec<Output>, Stop> {
        let mut waiting = std::mem::take(&mut self.staged).into_iter();
        let mut outputs = Vec::new();
        for one in made {
            let mut etags = Vec::new();
            for (staged, before) in waiting.by_ref().take(one.files.len()) {
                let committed = self.storage.commit(staged, before.as_ref()).await;
                match committed {
                    Ok(etag) => etags.push(etag),
                    Err(error) => {
                        self.staged = waiting.collect();
                        self.discard().await;
                        return Err(destination_error(error).into());
                    }
                }
            }
            outputs.push(one.recorded(etags));
        }
        Ok(outputs)
    }
}

/// Delivers files that nothing refers to yet.
async fn deliver<M: MediaStorage>(
    storage: &M,
    cancel: &CancellationToken,
    parts: &[MadeFile],
) -> Result<(), Stop> {
    // Owned, because futures that borrow what a stream lends cannot be sent between threads.
    let delivering = stream::iter(parts.to_vec())
        .map(|part| deliver_one(storage, part))
        .buffer_unordered(AT_A_TIME)
        .try_collect::<Vec<()>>();
    let delivered = unless_canceled(cancel, delivering).await?;
    delivered
        .map(|_units| ())
        .map_err(|error| destination_error(error).into())
}

async fn deliver_one<M: MediaStorage>(storage: &M, part: MadeFile) -> Result<(), MediaError> {
    let before = storage.stat(&part.destination).await?;
    let staged = stage_one(storage, &part).await?;
    reach("in_segments").await;
    storage
        .commit(staged, before.as_ref())
        .await
        .map(|_etag| ())
}

async fn stage_one<M: MediaStorage>(storage: &M, file: &MadeFile) -> Result<M::Staged, MediaError> {
    let upload = Upload {
        from: &file.file,
        segments: &file.segments,
        attributes: &file.attributes,
    };
    storage.stage(&file.destination, upload).await
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn destination_error(error: MediaError) -> JobError {
    let code = match error {
        MediaError::NotFound(_) | MediaError::Forbidden(_) | MediaError::Unusable(_) => {
            Code::DestForbidden
        }
        MediaError::Changed(_) => Code::DestConflict,
        MediaError::NoSpace(_) => Code::OutOfDisk,
        MediaError::TooLarge { .. } | MediaError::Unavailable { .. } => Code::DestUnavailable,
    };
    JobError::new(code, error.to_string())
}
