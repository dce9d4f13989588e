//! `/v1`: resources as JSON, errors as RFC 9457 problems.

pub(crate) mod batches;
pub(crate) mod bulk;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deliveries;
pub(crate) mod endpoints;
pub(crate) mod jobs;
pub(crate) mod logs;
pub(crate) mod presets;
pub(crate) mod probes;
pub(crate) mod stats;
pub(crate) mod uploads;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::header,
    response::{Html, IntoResponse},
};
use nommer_core::{
    error::Code,
    ports::{Backend, JobFilter, JobStore, ScaleSignal},
};
use serde_json::{Value, json};

use crate::{Submit, reply::Refusal};

type Ports<B, W> = State<Arc<Submit<B, W>>>;

/// The query of an address, if it can be read.
fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    let Query(query) =
        query.map_err(|rejection| Refusal::new(Code::InvalidSpec, rejection.body_text()))?;
    Ok(query)
}

/// Healthy means that the table answers.
pub(crate) async fn health<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
) -> Result<Json<Value>, Refusal> {
    let filter = JobFilter {
        limit: 1,
        ..JobFilter::default()
    };
    submit.backend.store().list(&filter).await?;
    Ok(Json(json!({"status": "ok"})))
}

pub(crate) async fn version() -> Json<Value> {
    Json(json!({"name": "media-nommer", "version": env!("CARGO_PKG_VERSION")}))
}

/// The description of the API, as `openapi.rs` makes it.
pub(crate) async fn description() -> impl IntoResponse {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, crate::OPENAPI)
}

/// The same for people. It loads nothing from elsewhere.
pub(crate) async fn docs() -> impl IntoResponse {
    Html(include_str!("../openapi.html"))
}
