//! `submit`: accepts encoding jobs over HTTP, records them and queues them; shows, cancels and deletes them.
//!
//! One axum router for both modes: on AWS a Lambda serves it behind API Gateway, locally `nommer dev` does. A job is written
//! first and queued after; a message that cannot be sent is sent by prune. Nothing here runs FFmpeg or fetches media.

mod body;
mod estimate;
mod fleet;
mod job;
mod legacy;
mod reply;
mod v1;

use std::sync::Arc;

use axum::{Router, routing};
use nommer_core::{
    ports::{Backend, ScaleSignal},
    settings::Settings,
    spec::SpecRules,
};
use tower_http::catch_panic::CatchPanicLayer;

pub use job::{Accepted, accept};

/// Largest request body, in bytes.
pub const BODY_LIMIT: usize = 256 * 1_024;

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
        .route(
            "/v1/jobs",
            routing::post(v1::create::<B, W>).get(v1::list::<B, W>),
        )
        .route(
            "/v1/jobs/{id}",
            routing::get(v1::get::<B, W>).delete(v1::delete::<B, W>),
        )
        .route("/v1/jobs/{id}/cancel", routing::post(v1::cancel::<B, W>))
        .route(
            "/v1/webhook-deliveries",
            routing::get(v1::deliveries::<B, W>),
        )
        .merge(fleet_routes())
        .route("/v1/presets", routing::get(v1::presets))
        .route("/v1/health", routing::get(v1::health::<B, W>))
        .route("/v1/version", routing::get(v1::version))
        .fallback(reply::not_found)
        .method_not_allowed_fallback(reply::wrong_method)
        .layer(CatchPanicLayer::custom(reply::panicked))
        .with_state(submit)
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
