//! Storage by scheme: `file` and `http` here, `s3` once there is something that serves it.

use std::path::Path;

use nommer_core::{
    moov::Segment,
    ports::{MediaError, MediaStorage, ObjectFacts},
    uri::{MediaUri, Scheme},
};

/// Chooses by the scheme of the address.
#[derive(Clone, Debug)]
pub struct ByScheme<F, H> {
    /// Serves `file`.
    pub file: F,
    /// Serves `http` and `https`.
    pub http: H,
}

/// An output staged by the one or the other.
#[derive(Debug)]
pub enum Staged<F, H> {
    /// By the storage for `file`.
    File(F),
    /// By the storage for `http`.
    Http(H),
}

fn no_s3(uri: &MediaUri) -> MediaError {
    MediaError::Unusable(format!("{uri}: this system has no S3 storage"))
}

impl<F: MediaStorage, H: MediaStorage> MediaStorage for ByScheme<F, H> {
    type Staged = Staged<F::Staged, H::Staged>;

    async fn stat(&self, uri: &MediaUri) -> Result<Option<ObjectFacts>, MediaError> {
        match uri.scheme() {
            Scheme::File => self.file.stat(uri).await,
            Scheme::Http => self.http.stat(uri).await,
            Scheme::S3 => Err(no_s3(uri)),
        }
    }

    async fn fetch(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        to: &Path,
    ) -> Result<ObjectFacts, MediaError> {
        match uri.scheme() {
            Scheme::File => self.file.fetch(uri, etag, to).await,
            Scheme::Http => self.http.fetch(uri, etag, to).await,
            Scheme::S3 => Err(no_s3(uri)),
        }
    }

    async fn stage(
        &self,
        uri: &MediaUri,
        from: &Path,
        segments: &[Segment],
    ) -> Result<Self::Staged, MediaError> {
        match uri.scheme() {
            Scheme::File => self.file.stage(uri, from, segments).await.map(Staged::File),
            Scheme::Http => self.http.stage(uri, from, segments).await.map(Staged::Http),
            Scheme::S3 => Err(no_s3(uri)),
        }
    }

    async fn commit(
        &self,
        staged: Self::Staged,
        before: Option<&ObjectFacts>,
    ) -> Result<Option<String>, MediaError> {
        match staged {
            Staged::File(staged) => self.file.commit(staged, before).await,
            Staged::Http(staged) => self.http.commit(staged, before).await,
        }
    }

    async fn discard(&self, staged: Self::Staged) {
        match staged {
            Staged::File(staged) => self.file.discard(staged).await,
            Staged::Http(staged) => self.http.discard(staged).await,
        }
    }
}
