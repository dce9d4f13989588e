//! `submit`: accepts encoding jobs over HTTP, records them and queues them; shows, cancels and deletes them.
//!
//! One axum router for both modes: on AWS a Lambda serves it behind API Gateway, locally `nommer dev` does. A job is written
//! first and queued after; a message that cannot be sent is sent by prune. Nothing here runs FFmpeg or fetches media.

mod auth;
mod body;
mod estimate;
mod fleet;
mod job;
mod legacy;
#[cfg(feature = "openapi")]
pub mod openapi;
mod reply;
mod v1;
pub mod watch;

use std::sync::Arc;

use axum::{Router, middleware, routing};
use nommer_core::{
    ports::{Backend, ScaleSignal},
    settings::Settings,
    spec::SpecRules,
};
use tower_http::catch_panic::CatchPanicLayer;

pub use auth::{Access, Allowances};
pub use job::{Accepted, NewJob, accept};
pub use reply::Refusal;

/// Largest request body, in bytes.
pub const BODY_LIMIT: usize = 256 * 1_024;

/// The description of the API: what is served at `/openapi.json`.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// Everything that the router needs.
#[derive(Debug)]
pub struct Submit<B, W> {
    /// The table, the queues and the keys.
    pub backend: Arc<B>,
    /// What makes scale run soon.
    pub signal: W,
    /// What requests are checked against.
    pub rules: SpecRules,
    /// What the fleet is shown with, and what estimates reckon with.
    pub settings: Settings,
    /// Who may call without an API key.
    pub access: Access,
    /// Whether what becomes of jobs is put on the event bus.
    pub job_events: bool,
    /// What API keys have used of their rates. Each copy of this program counts for itself.
    pub allowances: Allowances,
}

/// The HTTP surface: the original's route and `/v1`.
pub fn router<B: Backend, W: ScaleSignal + 'static>(submit: Arc<Submit<B, W>>) -> Router {
    Router::new()
        .route(
            "/job/submit",
            routing::post(legacy::submit::<B, W>).fallback(legacy::wrong_method),
        )
        .route(
            "/job/submit/",
            routing::post(legacy::submit::<B, W>).fallback(legacy::wrong_method),
        )
        .merge(job_routes())
        .merge(batch_routes())
        .merge(fleet_routes())
        .merge(source_routes())
        .merge(webhook_routes())
        .route("/v1/presets", routing::get(v1::presets::list::<B, W>))
        .route(
            "/v1/presets/{name}",
            routing::get(v1::presets::get::<B, W>)
                .put(v1::presets::put::<B, W>)
                .delete(v1::presets::delete::<B, W>),
        )
        .route("/v1/stats", routing::get(v1::stats::stats::<B, W>))
        .route("/v1/health", routing::get(v1::health::<B, W>))
        .route("/v1/version", routing::get(v1::version))
        .route("/openapi.json", routing::get(v1::description))
        .route("/docs", routing::get(v1::docs))
        .fallback(reply::not_found)
        .method_not_allowed_fallback(reply::wrong_method)
        .layer((
            CatchPanicLayer::custom(reply::panicked),
            middleware::from_fn_with_state(Arc::clone(&submit), auth::identify::<B, W>),
        ))
        .with_state(submit)
}

/// Jobs.
fn job_routes<B: Backend, W: ScaleSignal + 'static>() -> Router<Arc<Submit<B, W>>> {
    use v1::{bulk, create, delete, jobs, logs};
    Router::new()
        .route(
            "/v1/jobs",
            routing::post(create::create::<B, W>).get(jobs::list::<B, W>),
        )
        .route(
            "/v1/jobs/{id}",
            routing::get(jobs::get::<B, W>).delete(delete::delete::<B, W>),
        )
        .route("/v1/jobs:bulk", routing::post(bulk::bulk::<B, W>))
        .route("/v1/jobs/{id}/events", routing::get(jobs::events::<B, W>))
        .route("/v1/jobs/{id}/log", routing::get(logs::log::<B, W>))
        .route("/v1/jobs/{id}/cancel", routing::post(jobs::cancel::<B, W>))
        .route("/v1/jobs/{id}/retry", routing::post(create::retry::<B, W>))
}

/// Who is told of jobs, and what became of that.
fn webhook_routes<B: Backend, W: ScaleSignal + 'static>() -> Router<Arc<Submit<B, W>>> {
    use v1::{deliveries, endpoints};
    Router::new()
        .route(
            "/v1/webhook-endpoints",
            routing::get(endpoints::list::<B, W>).post(endpoints::create::<B, W>),
        )
        .route(
            "/v1/webhook-endpoints/{id}",
            routing::get(endpoints::get::<B, W>)
                .patch(endpoints::update::<B, W>)
                .delete(endpoints::delete::<B, W>),
        )
        .route(
            "/v1/webhook-endpoints/{id}/rotate",
            routing::post(endpoints::rotate::<B, W>),
        )
        .route(
            "/v1/webhook-endpoints/{id}/test",
            routing::post(endpoints::test::<B, W>),
        )
        .route(
            "/v1/webhook-deliveries",
            routing::get(deliveries::list::<B, W>),
        )
        .route(
            "/v1/webhook-deliveries/{id}/redeliver",
            routing::post(deliveries::redeliver::<B, W>),
        )
}

/// Sources before there is a job: brought, and looked at.
fn source_routes<B: Backend, W: ScaleSignal + 'static>() -> Router<Arc<Submit<B, W>>> {
    use v1::{probes, uploads};
    Router::new()
        .route("/v1/probes", routing::post(probes::create::<B, W>))
        .route(
            "/v1/probes/{id}",
            routing::get(probes::get::<B, W>).delete(probes::delete::<B, W>),
        )
        .route("/v1/uploads", routing::post(uploads::create::<B, W>))
        .route(
            "/v1/uploads/{id}/parts",
            routing::get(uploads::parts::<B, W>),
        )
        .route(
            "/v1/uploads/{id}/complete",
            routing::post(uploads::complete::<B, W>),
        )
        .route("/v1/jobs/{id}/probe", routing::get(probes::of_job::<B, W>))
}

/// Many jobs in one request.
fn batch_routes<B: Backend, W: ScaleSignal + 'static>() -> Router<Arc<Submit<B, W>>> {
    use v1::batches;
    Router::new()
        .route(
            "/v1/batches",
            routing::post(batches::create::<B, W>).get(batches::list::<B, W>),
        )
        .route("/v1/batches/{id}", routing::get(batches::get::<B, W>))
        .route(
            "/v1/batches/{id}/cancel",
            routing::post(batches::cancel::<B, W>),
        )
}

/// What is asked and told about the fleet and about money.
fn fleet_routes<B: Backend, W: ScaleSignal + 'static>() -> Router<Arc<Submit<B, W>>> {
    Router::new()
        .route("/v1/fleet", routing::get(fleet::show::<B, W>))
        .route("/v1/fleet/pause", routing::post(fleet::pause::<B, W>))
        .route("/v1/fleet/resume", routing::post(fleet::resume::<B, W>))
        .route("/v1/encoders", routing::get(fleet::encoders::<B, W>))
        .route(
            "/v1/encoders/{id}/drain",
            routing::post(fleet::drain::<B, W>),
        )
        .route("/v1/estimates", routing::post(estimate::estimate::<B, W>))
}

#[cfg(test)]
mod tests;
