//! Storage by scheme: which adapter serves `file`, `http` and `s3` is decided by whoever wires the encoder.

use std::{convert::Infallible, ops::Range, path::Path};

use nommer_core::{
    ports::{MediaError, MediaStorage, ObjectFacts, Piece, Upload},
    uri::{MediaUri, Scheme},
};

/// Chooses by the scheme of the address. What the network adapters do is kept on the heap: an attempt's future holds the largest of
/// all, and they are large.
#[derive(Clone, Debug)]
pub struct ByScheme<F, H, S> {
    /// Serves `file`.
    pub file: F,
    /// Serves `http` and `https`.
    pub http: H,
    /// Serves `s3`.
    pub s3: S,
}

/// An output staged by one of them.
#[derive(Debug)]
pub enum Staged<F, H, S> {
    /// By the storage for `file`.
    File(F),
    /// By the storage for `http`.
    Http(H),
    /// By the storage for `s3`.
    S3(S),
}

/// In place of a storage that this system does not have.
#[derive(Clone, Copy, Debug)]
pub struct Unserved;

impl Unserved {
    fn refuse<T>(uri: &MediaUri) -> Result<T, MediaError> {
        let what = uri.redacted();
        Err(MediaError::Unusable(format!(
            "{what}: this system serves no such addresses"
        )))
    }
}

impl MediaStorage for Unserved {
    type Staged = Infallible;

    async fn stat(&self, uri: &MediaUri) -> Result<Option<ObjectFacts>, MediaError> {
        Self::refuse(uri)
    }

    async fn fetch(
        &self,
        uri: &MediaUri,
        _etag: Option<&str>,
        _most: u64,
        _to: &Path,
    ) -> Result<ObjectFacts, MediaError> {
        Self::refuse(uri)
    }

    async fn stage(&self, uri: &MediaUri, _upload: Upload<'_>) -> Result<Infallible, MediaError> {
        Self::refuse(uri)
    }

    async fn commit(
        &self,
        staged: Infallible,
        _before: Option<&ObjectFacts>,
    ) -> Result<Option<String>, MediaError> {
        match staged {}
    }

    async fn discard(&self, staged: Infallible) {
        match staged {}
    }
}

impl<F: MediaStorage, H: MediaStorage, S: MediaStorage> MediaStorage for ByScheme<F, H, S> {
    type Staged = Staged<F::Staged, H::Staged, S::Staged>;

    async fn stat(&self, uri: &MediaUri) -> Result<Option<ObjectFacts>, MediaError> {
        match uri.scheme() {
            Scheme::File => self.file.stat(uri).await,
            Scheme::Http => Box::pin(self.http.stat(uri)).await,
            Scheme::S3 => Box::pin(self.s3.stat(uri)).await,
        }
    }

    async fn fetch(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        most: u64,
        to: &Path,
    ) -> Result<ObjectFacts, MediaError> {
        match uri.scheme() {
            Scheme::File => self.file.fetch(uri, etag, most, to).await,
            Scheme::Http => Box::pin(self.http.fetch(uri, etag, most, to)).await,
            Scheme::S3 => Box::pin(self.s3.fetch(uri, etag, most, to)).await,
        }
    }

    async fn read(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        range: Range<u64>,
    ) -> Result<Option<Piece>, MediaError> {
        match uri.scheme() {
            Scheme::File => self.file.read(uri, etag, range).await,
            Scheme::Http => Box::pin(self.http.read(uri, etag, range)).await,
            Scheme::S3 => Box::pin(self.s3.read(uri, etag, range)).await,
        }
    }

    async fn stage(&self, uri: &MediaUri, upload: Upload<'_>) -> Result<Self::Staged, MediaError> {
        match uri.scheme() {
            Scheme::File => self.file.stage(uri, upload).await.map(Staged::File),
            Scheme::Http => Box::pin(self.http.stage(uri, upload))
                .await
                .map(Staged::Http),
            Scheme::S3 => Box::pin(self.s3.stage(uri, upload)).await.map(Staged::S3),
        }
    }

    async fn commit(
        &self,
        staged: Self::Staged,
        before: Option<&ObjectFacts>,
    ) -> Result<Option<String>, MediaError> {
        match staged {
            Staged::File(staged) => self.file.commit(staged, before).await,
            Staged::Http(staged) => Box::pin(self.http.commit(staged, before)).await,
            Staged::S3(staged) => Box::pin(self.s3.commit(staged, before)).await,
        }
    }

    async fn discard(&self, staged: Self::Staged) {
        match staged {
            Staged::File(staged) => self.file.discard(staged).await,
            Staged::Http(staged) => Box::pin(self.http.discard(staged)).await,
            Staged::S3(staged) => Box::pin(self.s3.discard(staged)).await,
        }
    }
}
