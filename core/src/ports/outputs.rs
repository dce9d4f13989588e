//! Outputs that were published: looked at and deleted, when a job is to be forgotten with them. Nothing is written or read through this.

use std::future::Future;

use super::{MediaError, ObjectFacts};
use crate::uri::MediaUri;

/// What deletes outputs. What lies beyond its reach is [`MediaError::Forbidden`], whether it is there or not.
pub trait Outputs: Send + Sync {
    /// What is there now; none if nothing is. Version tags are those of [`super::MediaStorage`].
    fn facts(
        &self,
        uri: &MediaUri,
    ) -> impl Future<Output = Result<Option<ObjectFacts>, MediaError>> + Send;

    /// Deletes a file. With `etag`, only if it is that version. What is not there counts as deleted.
    fn remove(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
    ) -> impl Future<Output = Result<(), MediaError>> + Send;

    /// Deletes files below a folder, and folders below it that are empty then. The folder itself stays, and what is not there counts as
    /// deleted. After an error any of them may be gone.
    fn remove_below(
        &self,
        folder: &MediaUri,
        names: &[String],
    ) -> impl Future<Output = Result<(), MediaError>> + Send;
}
