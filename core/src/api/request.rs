//! The bodies of requests, for the description of the API alone: `spec` reads and checks them.

mod choices;
mod job;
mod many;
mod output;
mod source;
mod system;

pub use choices::{
    AudioChoice, ClockText, HeightText, Moment, OptionValue, Rate, RateText, Rung, RungRequest,
    Speed, Time, VideoChoice,
};
pub use job::{EstimateRequest, JobOptions, JobRequest, LegacyAnswer, PassRequest, RetryRequest};
pub use many::{BatchBody, BulkAction, BulkFilter, BulkRequest, PartOfJob};
pub use output::{
    AudioRequest, CaptionsRequest, ClipRequest, OutputRequest, OverridesRequest, StorageRequest,
    ThumbnailsRequest, VideoRequest, WatermarkRequest,
};
pub use source::{ArrivedPart, CompletionRequest, ProbeRequest, UploadRequest};
pub use system::{
    EndpointChange, EndpointRequest, Health, JobPart, PauseRequest, PresetRequest, TestRequest,
    VersionView,
};
