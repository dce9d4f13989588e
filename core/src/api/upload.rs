//! What `/v1/uploads` shows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{id::UploadId, upload::Part};

/// An upload that may begin: send the bytes to `url`, or each part of them to the `url` of its own in `parts`, then name `source_path` in a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadView {
    /// Always `upload`.
    pub object: String,
    /// Its name.
    pub id: UploadId,
    /// What a job calls it.
    pub source_path: String,
    /// The method of the requests that bring the bytes: always `PUT`.
    pub method: String,
    /// Its address. Whoever has it may use it, and needs nothing else. None if there are `parts`.
    pub url: Option<String>,
    /// The headers that each request must have. A part's needs none, but its length must be the part's `bytes`.
    pub headers: BTreeMap<String, String>,
    /// Until when each request may begin.
    pub expires_at: Timestamp,
    /// The parts, in order, if one request does not take that much. They may be sent in any order, side by side, and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Vec<PartView>>,
    /// The path at this API that gives the parts new addresses (`GET`). Only there with `parts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts_path: Option<String>,
    /// The path at this API that puts the parts together when all have come (`POST`). Only there with `parts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_path: Option<String>,
}

/// A part of an upload. The answer to the request that brings it has a header `ETag`, which is asked for in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PartView {
    /// Which one it is, from 1 on.
    pub number: u32,
    /// How many bytes it has. It begins where the one before it ends.
    pub bytes: u64,
    /// Its address. Whoever has it may use it, and needs nothing else.
    pub url: String,
}

impl From<Part> for PartView {
    fn from(part: Part) -> Self {
        Self {
            number: part.number,
            bytes: part.bytes,
            url: part.url,
        }
    }
}

/// An upload whose parts were put together. A job can name it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CompletedUpload {
    /// Always `upload`.
    pub object: String,
    /// Its name.
    pub id: UploadId,
    /// What a job calls it.
    pub source_path: String,
    /// How many bytes it has.
    pub bytes: u64,
}
