//! Request bodies: read with a limit, then parsed strictly. The content type is not looked at: the original's client sends JSON
//! under a form's name.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use axum::body::{Body, Bytes, to_bytes};
use nommer_core::{
    error::{Code, JobError},
    json::parse_strict,
};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::BODY_LIMIT;

/// How long a body may take to come. Who sends a byte a minute shall not hold what it sent.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Bodies that are held as values at once. In memory, JSON of short objects is eighty times as large as its text; whoever holds it longer
/// than it takes to read it, because the table is asked, counts.
const AT_ONCE: usize = 16;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// A body as a value, one of a few at once.
#[derive(Debug)]
pub(crate) struct Parsed {
    value: Value,
    _turn: SemaphorePermit<'static>,
}

impl Parsed {
    /// The value alone, for whoever reads it at once.
    pub(crate) fn into_value(self) -> Value {
        self.value
    }
}

impl Deref for Parsed {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

impl DerefMut for Parsed {
    fn deref_mut(&mut self) -> &mut Value {
        &mut self.value
    }
}

/// Reads a body as [`read_json`] does, if there is any.
pub(crate) async fn read_optional_json(body: Body) -> Result<Option<Parsed>, JobError> {
    let bytes = read(body).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    parse(&bytes).await.map(Some)
}

/// Reads a body of at most [`BODY_LIMIT`] bytes as JSON.
pub(crate) async fn read_json(body: Body) -> Result<Parsed, JobError> {
    parse(&read(body).await?).await
}

async fn read(body: Body) -> Result<Bytes, JobError> {
    let whole = tokio::time::timeout(BODY_TIME, to_bytes(body, BODY_LIMIT)).await;
    let Ok(whole) = whole else {
        let message = format!("the body did not come within {} s", BODY_TIME.as_secs());
        return Err(JobError::new(Code::InvalidSpec, message));
    };
    whole.map_err(|_too_large_or_broken| {
        let message = format!(
            "the body could not be read or is larger than {} KiB",
            BODY_LIMIT / 1_024
        );
        JobError::new(Code::BodyTooLarge, message)
    })
}

async fn parse(bytes: &[u8]) -> Result<Parsed, JobError> {
    let turn = TURNS.acquire().await.expect("it is never closed");
    let value = parse_strict(bytes);
    let value = value.map_err(|error| JobError::new(Code::InvalidSpec, error.to_string()))?;
    Ok(Parsed { value, _turn: turn })
}
