//! Error answers after RFC 9457, and the mapping from what went wrong to a code.

use std::any::Any;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use nommer_core::{
    api::Problem,
    error::{Code, JobError},
    ports::StoreError,
    spec::SpecError,
};

/// Seconds after which a client may try again when a part of the system did not answer.
const RETRY_AFTER: u64 = 1;

/// An error on its way to the caller.
#[derive(Debug)]
pub struct Refusal {
    error: JobError,
    pointer: String,
    /// Seconds.
    retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        JobError::new(code, message).into()
    }

    /// What is wrong, without the field.
    pub fn into_error(self) -> JobError {
        self.error
    }

    /// The field at fault, as a JSON pointer; empty if there is none.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The same refusal, with the time when to try again.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn no_such_job(id: &str) -> Self {
        // Whatever was asked for is cut short, so that an answer cannot be made huge.
        let id: String = id.chars().take(64).collect();
        Self::new(Code::NotFound, format!("there is no job {id:?}"))
    }
}

impl From<JobError> for Refusal {
    fn from(error: JobError) -> Self {
        Self {
            retry_after: error.code.retryable().then_some(RETRY_AFTER),
            error,
            pointer: String::new(),
        }
    }
}

impl From<SpecError> for Refusal {
    fn from(refused: SpecError) -> Self {
        Self {
            pointer: refused.pointer,
            ..refused.error.into()
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = ?error, "the job table did not answer");
        Self::new(Code::Unavailable, "the job table did not answer; try again")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Problem::new(&self.error, &self.pointer);
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.error.code == Code::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

pub(crate) async fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "there is nothing at this address")
}

pub(crate) async fn wrong_method() -> Refusal {
    Refusal::new(
        Code::MethodNotAllowed,
        "this address does not answer this method",
    )
}

/// A panic becomes an answer. The panic hook has logged it already.
pub(crate) fn panicked(_payload: Box<dyn Any + Send + 'static>) -> Response {
    Refusal::new(Code::Internal, "a defect of ours; the server goes on").into_response()
}
