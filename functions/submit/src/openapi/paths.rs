//! What each address takes and answers, as documentation that the compiler checks. The functions are never called: the routes
//! themselves are generic and documented here once.

#![expect(
    dead_code,
    unused_qualifications,
    reason = "all of this is read by macros and described, never called"
)]

use nommer_core::{
    api::{
        BatchView, BulkView, CompletedUpload, DeliveryView, DryRun, EncoderView, EndpointView,
        Estimate, FleetView, JobView, Page, PresetView, ProbeView, Problem, SourceView, StatsView,
        UploadView,
        request::{
            BatchBody, BulkRequest, CompletionRequest, EndpointChange, EndpointRequest,
            EstimateRequest, Health, JobRequest, LegacyAnswer, PauseRequest, PresetRequest,
            ProbeRequest, RetryRequest, TestRequest, UploadRequest, VersionView,
        },
    },
    job::{StateChange, StateName},
    notify::DeliveryStatus,
};
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// Refusals, after RFC 9457. `code` is stable.
#[derive(IntoResponses, ToSchema)]
enum Refused {
    /// The request was refused; `code` says why, `errors` names the field, `hint` says what to do.
    #[response(status = "4XX", content_type = "application/problem+json")]
    Request(Problem),
    /// The system could not answer. With `retryable`, the same request may succeed later.
    #[response(status = "5XX", content_type = "application/problem+json")]
    System(Problem),
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only jobs in this state.
    #[param(nullable = false)]
    state: Option<StateName>,
    /// Only jobs with this external id.
    #[param(nullable = false)]
    external_id: Option<String>,
    /// Only jobs of this batch.
    #[param(nullable = false, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    batch_id: Option<String>,
    /// Only jobs submitted at this time or later.
    #[param(nullable = false, format = DateTime)]
    created_after: Option<String>,
    /// Only jobs submitted before this time.
    #[param(nullable = false, format = DateTime)]
    created_before: Option<String>,
    /// Only jobs of this preset: `name` for each version of it, `name@2` for one. Of this and the next two, a request looks at 2,000
    /// records at most: a page may hold fewer jobs than its limit, and the next one more.
    #[param(nullable = false, min_length = 1)]
    preset: Option<String>,
    /// Only jobs with this tag.
    #[param(nullable = false, min_length = 1)]
    tag: Option<String>,
    /// Only jobs that hold this text, whatever its case: in id, addresses without secrets, external id, tags, metadata or error.
    #[param(nullable = false, min_length = 1)]
    q: Option<String>,
    /// At most so many.
    #[param(nullable = false, minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(nullable = false, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct DeliveryQuery {
    /// Only those of this job.
    #[param(nullable = false)]
    job_id: Option<String>,
    /// Only those to this endpoint.
    #[param(nullable = false)]
    endpoint_id: Option<String>,
    /// Only those of which this has become.
    #[param(nullable = false)]
    status: Option<DeliveryStatus>,
    /// Of those to an endpoint, at most so many.
    #[param(nullable = false, minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(nullable = false, pattern = "^[A-Za-z0-9_-]{1,128}$")]
    cursor: Option<String>,
}

/// Submit a job
///
/// With `dry_run=true` it is checked and estimated, and nothing is made.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", request_body = JobRequest,
    params(
        ("dry_run" = Option<bool>, Query, description = "Only check and estimate.", nullable = false),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same body gives the same job for 24 hours.", nullable = false, min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
    ),
    responses((status = 201, description = "The job is recorded.", body = JobView), (status = 200, description = "The dry run.", body = DryRun), Refused))]
pub(super) fn create() {}

/// List jobs, newest first
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(ListQuery),
    responses((status = 200, description = "A page of jobs.", body = Page<JobView>), Refused))]
pub(super) fn list() {}

/// Show a job
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job's id."), ("expand" = Option<String>, Query, description = "What it is shown with, separated by commas: `events` (always there) and `log_tail`, the last 20 lines of what FFmpeg said.", nullable = false, pattern = "^((events|log_tail)(,(events|log_tail))*)?$"), ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier answer.", nullable = false, pattern = "^[!-~ ]*$")),
    responses((status = 200, description = "The job.", body = JobView, headers(("ETag" = String, description = "Changes when the job does."))), (status = 304, description = "It has not changed."), Refused))]
pub(super) fn get() {}

/// Forget a job that has ended
///
/// Its outputs stay, unless `delete_outputs=true`. Then what it published is deleted first: the files of its outputs with their segments,
/// manifests, pictures and captions, and nothing else. If one was replaced since, the answer is `dest_conflict` and nothing is deleted; if one
/// is gone, that is as good. `dest_forbidden` says that it lies where the system may not delete: a stack may in its own bucket for media, local
/// mode in the folders that it serves. `conflict` says that the job does not know its files any more: it brought credentials of its own, which
/// are forgotten when it ends, or it is an older one with segments. A request that was interrupted is sent again, and goes on.
#[utoipa::path(delete, path = "/v1/jobs/{id}", tag = "jobs",
    params(
        ("id" = String, Path, description = "The job's id."),
        ("delete_outputs" = Option<bool>, Query, description = "Delete what it published, too.", nullable = false),
    ),
    responses((status = 204, description = "It is forgotten."), Refused))]
pub(super) fn delete() {}

/// List a job's state changes
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path, description = "The job's id."), ("after_sequence" = Option<u64>, Query, description = "Only changes after this one.", nullable = false, minimum = 0)),
    responses((status = 200, description = "The newest 64 changes, oldest first.", body = Page<StateChange>), Refused))]
pub(super) fn events() {}

/// What FFmpeg said
///
/// In the job's last attempt, cut to its end.
#[utoipa::path(get, path = "/v1/jobs/{id}/log", tag = "jobs",
    params(("id" = String, Path, description = "The job's id."), ("tail" = Option<u32>, Query, description = "Only so many lines, the last ones.", nullable = false, minimum = 1, maximum = 10_000), ("pass" = Option<u32>, Query, description = "Only this run of FFmpeg, from 1.", nullable = false, minimum = 1, maximum = 64)),
    responses((status = 200, description = "The words.", body = String, content_type = "text/plain"), Refused))]
pub(super) fn log() {}

/// Cancel a job
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs", params(("id" = String, Path, description = "The job's id.")),
    responses((status = 202, description = "The job, canceled.", body = JobView), Refused))]
pub(super) fn cancel() {}

/// Try a job that ended badly again
///
/// As a new job: ends never change. `retry_of` names the old one. A job makes all of its outputs together and publishes them when all are made; so the new one
/// makes all of them, with `only_failed_outputs` or without. Of a job that finished none has failed: that is a `conflict`.
#[utoipa::path(post, path = "/v1/jobs/{id}/retry", tag = "jobs", request_body(content = Option<RetryRequest>, description = "May be left out."),
    params(("id" = String, Path, description = "The job's id."), ("Idempotency-Key" = Option<String>, Header, description = "As when a job is submitted.", nullable = false, min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    responses((status = 201, description = "The new job.", body = JobView), Refused))]
pub(super) fn retry() {}

/// Cancel, delete or retry all jobs that a filter finds
///
/// At most 50 in one request, 10 with `delete_outputs`; go on with `next_cursor` until there is none.
#[utoipa::path(post, path = "/v1/jobs:bulk", tag = "jobs", request_body = BulkRequest,
    responses((status = 200, description = "What was done, and what was not.", body = BulkView), Refused))]
pub(super) fn bulk() {}

/// Submit many jobs
///
/// All are checked first; then a few at a time are made, each is seen to its end, and what may end better is tried again.
#[utoipa::path(post, path = "/v1/batches", tag = "batches", request_body = BatchBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key with the same body gives the same batch for 24 hours.", nullable = false, min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    responses((status = 201, description = "The batch is recorded.", body = BatchView), Refused))]
pub(super) fn create_batch() {}

/// List batches, newest first
#[utoipa::path(get, path = "/v1/batches", tag = "batches",
    params(
        ("limit" = Option<u32>, Query, description = "At most so many.", nullable = false, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before.", nullable = false, pattern = "^[A-Za-z0-9_-]{1,64}$"),
    ),
    responses((status = 200, description = "A page of batches.", body = Page<BatchView>), Refused))]
pub(super) fn batches() {}

/// Show a batch
#[utoipa::path(get, path = "/v1/batches/{id}", tag = "batches", params(("id" = String, Path, description = "The batch's id.")),
    responses((status = 200, description = "The batch.", body = BatchView), Refused))]
pub(super) fn batch() {}

/// Make no more jobs of a batch, and cancel those that it has
#[utoipa::path(post, path = "/v1/batches/{id}/cancel", tag = "batches", params(("id" = String, Path, description = "The batch's id.")),
    responses((status = 202, description = "The batch.", body = BatchView), Refused))]
pub(super) fn cancel_batch() {}

/// List the deliveries of a job's notifications, or those to an endpoint
///
/// One of `job_id` and `endpoint_id` is needed. Those of a job come whole, by sequence; those to an endpoint in pages, the newest first. `status` is
/// looked at within a page.
#[utoipa::path(get, path = "/v1/webhook-deliveries", tag = "webhooks", params(DeliveryQuery),
    responses((status = 200, description = "A page of deliveries.", body = Page<DeliveryView>), Refused))]
pub(super) fn deliveries() {}

/// Deliver a notification again
#[utoipa::path(post, path = "/v1/webhook-deliveries/{id}/redeliver", tag = "webhooks", params(("id" = String, Path, description = "The delivery's id.")),
    responses((status = 202, description = "It is due again.", body = DeliveryView), Refused))]
pub(super) fn redeliver() {}

/// List the webhook endpoints
///
/// A key sees its own, an operator those of the operator.
#[utoipa::path(get, path = "/v1/webhook-endpoints", tag = "webhooks",
    responses((status = 200, description = "All of them, the newest first.", body = Page<EndpointView>), Refused))]
pub(super) fn endpoints() {}

/// Make a webhook endpoint
///
/// It hears of jobs that are submitted from now on: one of a key of that key's jobs, one of the operator's of all. The answer tells its signing secret, once.
#[utoipa::path(post, path = "/v1/webhook-endpoints", tag = "webhooks", request_body = EndpointRequest,
    responses((status = 201, description = "The endpoint with its secret.", body = EndpointView), Refused))]
pub(super) fn create_endpoint() {}

/// Show a webhook endpoint
#[utoipa::path(get, path = "/v1/webhook-endpoints/{id}", tag = "webhooks", params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 200, description = "The endpoint.", body = EndpointView), Refused))]
pub(super) fn endpoint() {}

/// Change a webhook endpoint
///
/// What is not said stays. What it hears of is decided when a job is submitted. `enabled: true` turns it on again after it was given up.
#[utoipa::path(patch, path = "/v1/webhook-endpoints/{id}", tag = "webhooks", request_body = EndpointChange, params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 200, description = "The endpoint.", body = EndpointView), Refused))]
pub(super) fn update_endpoint() {}

/// Forget a webhook endpoint
///
/// What is due to it is not sent.
#[utoipa::path(delete, path = "/v1/webhook-endpoints/{id}", tag = "webhooks", params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 204, description = "It is forgotten."), Refused))]
pub(super) fn delete_endpoint() {}

/// Give a webhook endpoint a new signing secret
///
/// The answer tells it, once. For 24 hours deliveries are signed with the old one too.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}/rotate", tag = "webhooks", params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 200, description = "The endpoint with its new secret.", body = EndpointView), Refused))]
pub(super) fn rotate_endpoint() {}

/// Send a sample to a webhook endpoint
///
/// It is signed and retried as all else is; its `data` says `"test": true`, and there is no such job.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}/test", tag = "webhooks", request_body(content = Option<TestRequest>, description = "May be left out."), params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 202, description = "The delivery, which is due.", body = DeliveryView), Refused))]
pub(super) fn test_endpoint() {}

/// Estimate what a job would take and cost
#[utoipa::path(post, path = "/v1/estimates", tag = "jobs", request_body = EstimateRequest,
    responses((status = 200, description = "The estimate.", body = Estimate), Refused))]
pub(super) fn estimate() {}

/// Look at a source
///
/// An encoder does, as soon as one is free: ask for the probe until its state is an end. Probes are not in the list of jobs.
#[utoipa::path(post, path = "/v1/probes", tag = "probes", request_body = ProbeRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "As when a job is submitted.", nullable = false, min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    responses((status = 202, description = "The probe, which waits.", body = ProbeView), Refused))]
pub(super) fn create_probe() {}

/// Show a probe, and what was found
#[utoipa::path(get, path = "/v1/probes/{id}", tag = "probes", params(("id" = String, Path, description = "The probe's id.")),
    responses((status = 200, description = "The probe.", body = ProbeView), Refused))]
pub(super) fn probe() {}

/// Forget a probe
///
/// One that has not ended is canceled.
#[utoipa::path(delete, path = "/v1/probes/{id}", tag = "probes", params(("id" = String, Path, description = "The probe's id.")),
    responses((status = 204, description = "It is forgotten."), Refused))]
pub(super) fn delete_probe() {}

/// What was found in a job's source
#[utoipa::path(get, path = "/v1/jobs/{id}/probe", tag = "jobs", params(("id" = String, Path, description = "The job's id.")),
    responses((status = 200, description = "What was found.", body = SourceView), Refused))]
pub(super) fn job_probe() {}

/// Announce an upload
///
/// Send the bytes to `url` with the headers that are named, then give `source_path` to a job. On AWS `url` is signed and leads to S3; locally it leads to this server.
///
/// On AWS, more than 5 GiB come in parts: `url` is null, `parts` has a `url` for each part, and `complete_path` puts them together when all have come.
#[utoipa::path(post, path = "/v1/uploads", tag = "uploads", request_body = UploadRequest,
    responses((status = 201, description = "It may begin.", body = UploadView), Refused))]
pub(super) fn announce() {}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct TicketQuery {
    /// What the paths of an upload's announcement hold.
    ticket: String,
}

/// Give the parts of an upload new addresses
///
/// For an upload that takes longer than its addresses hold: until `expires_at`, or until the credentials end that signed them. Ask as `parts_path` says.
#[utoipa::path(get, path = "/v1/uploads/{id}/parts", tag = "uploads", params(("id" = String, Path, description = "The upload's id."), TicketQuery),
    responses((status = 200, description = "The same parts, with new addresses.", body = UploadView), Refused))]
pub(super) fn upload_parts() {}

/// Put the parts of an upload together
///
/// Ask as `complete_path` says, when all parts have come. Asked again, it answers the same. S3 may take minutes for it; until then the answer is `unavailable`: ask again.
#[utoipa::path(post, path = "/v1/uploads/{id}/complete", tag = "uploads", request_body = CompletionRequest,
    params(("id" = String, Path, description = "The upload's id."), TicketQuery),
    responses((status = 200, description = "The upload is whole; give `source_path` to a job.", body = CompletedUpload), Refused))]
pub(super) fn complete_upload() {}

/// List the presets
#[utoipa::path(get, path = "/v1/presets", tag = "jobs",
    responses((status = 200, description = "All of them.", body = Page<PresetView>), Refused))]
pub(super) fn presets() {}

/// Show a preset
#[utoipa::path(get, path = "/v1/presets/{name}", tag = "jobs", params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The preset.", body = PresetView), Refused))]
pub(super) fn preset() {}

/// Store a preset of one's own
///
/// Jobs that name it get those of its fields that they do not say themselves. Each write makes a new version; jobs keep what they were made of.
#[utoipa::path(put, path = "/v1/presets/{name}", tag = "jobs", request_body = PresetRequest,
    params(("name" = String, Path, description = "Its name.", pattern = "^[a-z0-9][a-z0-9-]{0,63}$")),
    responses((status = 200, description = "A new version.", body = PresetView), (status = 201, description = "A new preset.", body = PresetView), Refused))]
pub(super) fn put_preset() {}

/// Forget a preset of one's own
#[utoipa::path(delete, path = "/v1/presets/{name}", tag = "jobs", params(("name" = String, Path, description = "Its name.")),
    responses((status = 204, description = "It is forgotten."), Refused))]
pub(super) fn delete_preset() {}

/// Show the fleet
#[utoipa::path(get, path = "/v1/fleet", tag = "fleet",
    responses((status = 200, description = "The fleet, its last decision, and what it has cost.", body = FleetView), Refused))]
pub(super) fn fleet() {}

/// Launch nothing, and let encoders finish what they have
#[utoipa::path(post, path = "/v1/fleet/pause", tag = "fleet", request_body(content = Option<PauseRequest>, description = "May be left out."),
    responses((status = 202, description = "The fleet.", body = FleetView), Refused))]
pub(super) fn pause() {}

/// Go on
#[utoipa::path(post, path = "/v1/fleet/resume", tag = "fleet",
    responses((status = 202, description = "The fleet.", body = FleetView), Refused))]
pub(super) fn resume() {}

/// List the encoders
#[utoipa::path(get, path = "/v1/encoders", tag = "fleet",
    responses((status = 200, description = "All of them, those that ended lately too.", body = Page<EncoderView>), Refused))]
pub(super) fn encoders() {}

/// Let an encoder finish what it has, and end
#[utoipa::path(post, path = "/v1/encoders/{id}/drain", tag = "fleet", params(("id" = String, Path, description = "The encoder's id.")),
    responses((status = 202, description = "The encoder.", body = EncoderView), Refused))]
pub(super) fn drain() {}

/// Figures of what the system did lately
#[utoipa::path(get, path = "/v1/stats", tag = "fleet",
    params(("window" = Option<String>, Query, description = "How far back, from `1m` to `2160h`: `24h` unless it is given.", nullable = false, pattern = "^([1-9][0-9]{0,3}h|[1-9][0-9]{0,3}m)$")),
    responses((status = 200, description = "The figures.", body = StatsView), Refused))]
pub(super) fn stats() {}

/// Whether the system answers
#[utoipa::path(get, path = "/v1/health", tag = "system", security(()),
    responses((status = 200, description = "The job table answers.", body = Health), Refused))]
pub(super) fn health() {}

/// Which version answers
#[utoipa::path(get, path = "/v1/version", tag = "system", security(()),
    responses((status = 200, description = "Name and version.", body = VersionView), Refused))]
pub(super) fn version() {}

/// Submit a job as the original's client does
///
/// Whatever becomes of it, the status is 200 and `success` tells. The content type is not looked at.
#[utoipa::path(post, path = "/job/submit", tag = "original", request_body(content = Option<serde_json::Value>, description = "As the original documents it."),
    responses((status = 200, description = "Whether the job was taken.", body = LegacyAnswer), Refused))]
pub(super) fn legacy() {}

/// The same with a slash at the end
#[utoipa::path(post, path = "/job/submit/", tag = "original", request_body(content = Option<serde_json::Value>, description = "As the original documents it."),
    responses((status = 200, description = "Whether the job was taken.", body = LegacyAnswer), Refused))]
pub(super) fn legacy_slash() {}
