//! Storage of media: sources that are read, outputs that appear whole or not at all.

use std::{collections::BTreeMap, future::Future, ops::Range, path::Path};

use serde::{Deserialize, Serialize};

use crate::{moov::Segment, uri::MediaUri};

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectFacts {
    /// Its size, if the store says.
    pub bytes: Option<u64>,
    /// Its version tag, if the store has any.
    pub etag: Option<String>,
}

/// A range of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Facts of the whole object.
    pub facts: ObjectFacts,
    /// The bytes: fewer than were asked for where the object ends before.
    pub bytes: Vec<u8>,
}

/// A file that is to be stored: its pieces in order, and what the store is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// The local file that pieces are taken from. A store on the same disk may take the file itself: it is nobody else's, and not read
    /// again.
    pub from: &'a Path,
    /// The pieces.
    pub segments: &'a [Segment],
    /// What goes with it; only S3 takes any.
    pub attributes: &'a ObjectAttributes,
}

static NOTHING: ObjectAttributes = ObjectAttributes::NONE;

impl<'a> Upload<'a> {
    /// A file with nothing to be told.
    pub fn new(from: &'a Path, segments: &'a [Segment]) -> Self {
        Self {
            from,
            segments,
            attributes: &NOTHING,
        }
    }
}

/// What S3 is told of an object. What is not there is as the operator set it, or as the bucket has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectAttributes {
    /// A canned ACL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl: Option<String>,
    /// A storage class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// The header `Cache-Control` of its answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// User metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl ObjectAttributes {
    /// Nothing.
    pub const NONE: Self = Self {
        acl: None,
        storage_class: None,
        cache_control: None,
        metadata: BTreeMap::new(),
    };

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }
}

/// Why media could not be read or written. Maps to the job's error code one to one.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// There is nothing there.
    #[error("there is nothing at {0}")]
    NotFound(String),
    /// The rights at hand do not suffice.
    #[error("access to {0} is denied")]
    Forbidden(String),
    /// It is not the version that was asked for.
    #[error("{0} changed meanwhile")]
    Changed(String),
    /// It has more bytes than were to be fetched.
    #[error("{name} has {bytes} bytes")]
    TooLarge {
        /// Which object.
        name: String,
        /// How many it says that it has.
        bytes: u64,
    },
    /// The disk is full.
    #[error("no space left while writing {0}")]
    NoSpace(String),
    /// The address cannot be used at all; another attempt ends the same way.
    #[error("{0}")]
    Unusable(String),
    /// A fault that may pass.
    #[error("{what}: {detail}")]
    Unavailable {
        /// What was attempted.
        what: String,
        /// What came back.
        detail: String,
    },
}

/// Where media comes from and goes to. One implementation per scheme, and one that chooses by scheme.
pub trait MediaStorage: Send + Sync {
    /// An output that is complete at the destination's side and not visible yet. Dropping it leaves nothing visible.
    type Staged: Send;

    /// What is there now; none if nothing is.
    fn stat(
        &self,
        uri: &MediaUri,
    ) -> impl Future<Output = Result<Option<ObjectFacts>, MediaError>> + Send;

    /// Copies the object into a new file. With `etag`, only if it is that version. Nothing is copied of one that says that it has
    /// more than `most` bytes.
    fn fetch(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        most: u64,
        to: &Path,
    ) -> impl Future<Output = Result<ObjectFacts, MediaError>> + Send;

    /// A range of the object, held in memory. With `etag`, only of that version. None where the store cannot promise that ranges are
    /// of one version: such an object can only be fetched.
    fn read(
        &self,
        _uri: &MediaUri,
        _etag: Option<&str>,
        _range: Range<u64>,
    ) -> impl Future<Output = Result<Option<Piece>, MediaError>> + Send {
        async { Ok(None) }
    }

    /// Brings a file to the destination's side.
    fn stage(
        &self,
        uri: &MediaUri,
        upload: Upload<'_>,
    ) -> impl Future<Output = Result<Self::Staged, MediaError>> + Send;

    /// Makes a staged output visible, whole, if the destination still is what it was: `before`, or nothing.
    /// Gives the new version tag.
    fn commit(
        &self,
        staged: Self::Staged,
        before: Option<&ObjectFacts>,
    ) -> impl Future<Output = Result<Option<String>, MediaError>> + Send;

    /// Removes a staged output that is not wanted any more.
    fn discard(&self, staged: Self::Staged) -> impl Future<Output = ()> + Send;
}
