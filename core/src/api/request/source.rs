//! Sources before there is a job: brought, and looked at.

use serde::Serialize;
use utoipa::ToSchema;

/// A request for an upload.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadRequest {
    /// Its name, without folders.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^./\\%?#\x00-\x1f\x7f ][^/\\%?#\x00-\x1f\x7f]*$",
        example = "holiday.mov"
    )]
    pub filename: String,
    /// How many bytes there will be: exactly so many.
    #[schema(minimum = 1)]
    pub bytes: u64,
    /// What it is, such as `video/mp4`.
    #[schema(
        max_length = 127,
        pattern = "^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$"
    )]
    pub content_type: Option<String>,
}

/// A request to put the parts of an upload together.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompletionRequest {
    /// All parts, in the order of their numbers.
    #[schema(min_items = 2, max_items = 1000)]
    pub parts: Vec<ArrivedPart>,
}

/// A part that arrived.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArrivedPart {
    /// Which one it is, from 1 on.
    #[schema(minimum = 1, maximum = 1000)]
    pub number: u32,
    /// The header `ETag` of the answer to it, with its quotes or without.
    #[schema(min_length = 1, max_length = 130)]
    pub etag: String,
}

/// A request for a look at a source.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeRequest {
    /// Where the media is, as in a job.
    #[schema(example = "s3://in-bucket/holiday.mov")]
    pub source_path: String,
}
