//! What `/v1/uploads` shows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::UploadId;

/// An upload that may begin: send the bytes to `url`, then name `source_path` in a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadView {
    /// Always `upload`.
    pub object: String,
    /// Its name.
    pub id: UploadId,
    /// What a job calls it.
    pub source_path: String,
    /// The method of the request that brings the bytes: always `PUT`.
    pub method: String,
    /// Its address. Whoever has it may use it, and needs nothing else.
    pub url: String,
    /// The headers that it must have.
    pub headers: BTreeMap<String, String>,
    /// Until when it may begin.
    pub expires_at: Timestamp,
}
