//! Request bodies: read with a limit, then parsed strictly. The content type is not looked at: the original's client sends JSON
//! under a form's name.

use axum::body::{Body, Bytes, to_bytes};
use nommer_core::{
    error::{Code, JobError},
    json::parse_strict,
};
use serde_json::Value;

use crate::BODY_LIMIT;

/// Reads a body as [`read_json`] does, if there is any.
pub(crate) async fn read_optional_json(body: Body) -> Result<Option<Value>, JobError> {
    let bytes = read(body).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    parse(&bytes).map(Some)
}

/// Reads a body of at most [`BODY_LIMIT`] bytes as JSON.
pub(crate) async fn read_json(body: Body) -> Result<Value, JobError> {
    parse(&read(body).await?)
}

async fn read(body: Body) -> Result<Bytes, JobError> {
    to_bytes(body, BODY_LIMIT)
        .await
        .map_err(|_too_large_or_broken| {
            let message = format!(
                "the body could not be read or is larger than {} KiB",
                BODY_LIMIT / 1_024
            );
            JobError::new(Code::BodyTooLarge, message)
        })
}

fn parse(bytes: &[u8]) -> Result<Value, JobError> {
    parse_strict(bytes).map_err(|error| JobError::new(Code::InvalidSpec, error.to_string()))
}
