//! Faults of AWS services, told in a line that names the service's own error code. Retries are the SDK's business, not done here.

use std::{error::Error, fmt};

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};
use nommer_core::ports::StoreError;

/// What a service answered.
#[derive(Debug)]
struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Fault {}

/// A fault while attempting `what`.
pub(crate) fn unavailable<E>(what: &str, error: &E) -> StoreError
where
    E: Error + ProvideErrorMetadata,
{
    StoreError::unavailable(what, Fault(describe(error)))
}

/// The service's code and message; where it gave none, the whole chain of causes.
pub(crate) fn describe<E: Error + ProvideErrorMetadata>(error: &E) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => DisplayErrorContext(error).to_string(),
    }
}

/// A record that this version cannot read, or that somebody else wrote into the table.
pub(crate) fn unreadable(what: &str, problem: impl fmt::Display) -> StoreError {
    StoreError::unavailable(what, Fault(problem.to_string()))
}
