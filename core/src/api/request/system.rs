//! What is set up around jobs: presets, webhook endpoints, the fleet.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    JobOptions, OutputRequest, OverridesRequest, StorageRequest, ThumbnailsRequest,
    WatermarkRequest,
};
use crate::notify::EventName;

/// A preset of one's own.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresetRequest {
    /// What it makes.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// What it puts into jobs.
    pub job: JobPart,
}

/// Fields of a job: `outputs` or `job_options`, and what belongs to them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobPart {
    /// As in a job.
    #[schema(nullable = false, min_items = 1, max_items = 16)]
    pub outputs: Option<Vec<OutputRequest>>,
    /// As in a job.
    #[schema(nullable = false)]
    pub job_options: Option<JobOptions>,
    /// As in a job.
    pub thumbnails: Option<ThumbnailsRequest>,
    /// As in a job.
    pub watermark: Option<WatermarkRequest>,
    /// As in a job.
    pub overrides: Option<OverridesRequest>,
    /// As in a job.
    pub file_metadata: Option<BTreeMap<String, String>>,
    /// As in a job.
    pub storage: Option<StorageRequest>,
    /// As in a job.
    #[schema(minimum = 1, maximum = 31_622_400)]
    pub timeout_seconds: Option<u64>,
    /// As in a job.
    #[schema(nullable = false, minimum = 1, maximum = 10)]
    pub max_attempts: Option<u32>,
}

/// A new webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointRequest {
    /// Where: a web address. Its query may hold a token and is kept sealed.
    pub url: String,
    /// What it is to hear of; `job.created`, `job.started`, `job.retrying` and the ends of jobs if nothing is said.
    #[schema(min_items = 1)]
    pub events: Option<Vec<EventName>>,
    /// What it is for.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Whether anything is sent to it; true if nothing is said.
    pub enabled: Option<bool>,
}

/// Changes of a webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointChange {
    /// Where.
    pub url: Option<String>,
    /// What it is to hear of.
    #[schema(min_items = 1)]
    pub events: Option<Vec<EventName>>,
    /// What it is for.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Whether anything is sent to it.
    pub enabled: Option<bool>,
}

/// Which event to send as a sample.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRequest {
    /// `job.finished` if nothing is said.
    pub event: Option<EventName>,
}

/// A request to pause the fleet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// Goes on by itself after so many minutes; without, when somebody resumes.
    #[schema(minimum = 1, maximum = 527_040)]
    pub minutes: Option<u32>,
}

/// The system answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
}

/// Which system answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    /// Always `media-nommer`.
    pub name: String,
    /// Its version.
    pub version: String,
}
