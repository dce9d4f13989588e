//! Where uploads arrive in local mode: `PUT /v1/uploads/{id}`. On AWS it is S3 that they are sent to.
//!
//! Whoever knows the address may send: it was given to whoever announced the upload, and nobody guesses it.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing,
};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use nommer_core::{
    error::{Code, JobError},
    id::UploadId,
};
use nommer_local::{Incoming, LocalUploads, UploadError};
use nommer_submit::Refusal;

/// The route.
pub(super) fn routes(uploads: Arc<LocalUploads>) -> Router {
    Router::new()
        .route("/v1/uploads/{id}", routing::put(receive))
        .with_state(uploads)
}

async fn receive(
    State(uploads): State<Arc<LocalUploads>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match received(uploads, &id, &headers, body).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => Refusal::from(error).into_response(),
    }
}

async fn received(
    uploads: Arc<LocalUploads>,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), JobError> {
    let id: UploadId = id
        .parse()
        .map_err(|_invalid| refused(&UploadError::Unknown))?;
    let incoming = blocking(move || uploads.begin(&id, Timestamp::now())).await?;
    let told = headers.get(header::CONTENT_LENGTH);
    let told = told.and_then(|text| text.to_str().ok()?.parse().ok());
    if let Some(received) = told.filter(|told| *told != incoming.expected()) {
        let expected = incoming.expected();
        return Err(refused(&UploadError::OtherSize { expected, received }));
    }
    write(incoming, body).await
}

/// Writes what comes, and puts it in its place if all of it did.
async fn write(mut incoming: Incoming, body: Body) -> Result<(), JobError> {
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|broken| {
            JobError::new(Code::InvalidSpec, format!("the upload broke off: {broken}"))
        })?;
        incoming = blocking(move || {
            let written = incoming.write(&chunk);
            written.map(|()| incoming)
        })
        .await?;
    }
    blocking(move || incoming.finish()).await
}

/// Does file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, JobError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| JobError::new(Code::Internal, error.to_string()))?
        .map_err(|error| refused(&error))
}

fn refused(error: &UploadError) -> JobError {
    let code = match error {
        UploadError::Unknown => Code::NotFound,
        UploadError::OtherSize { .. } => Code::InvalidSpec,
        UploadError::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            Code::OutOfDisk
        }
        UploadError::Io(error) => {
            ::tracing::error!(%error, "an upload could not be written");
            Code::Unavailable
        }
    };
    JobError::new(code, error.to_string()).with_hint("announce it with POST /v1/uploads")
}
