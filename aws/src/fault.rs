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

/// The service's code and message, and what to do where that is known; the whole chain of causes where it gave no code.
pub(crate) fn describe<E: Error + ProvideErrorMetadata>(error: &E) -> String {
    let Some(code) = error.code() else {
        return DisplayErrorContext(error).to_string();
    };
    let message = error.message().map(|words| format!(": {words}"));
    let advice = advice(code).map(|words| format!("; {words}"));
    format!(
        "{code}{}{}",
        message.unwrap_or_default(),
        advice.unwrap_or_default()
    )
}

/// What the codes that all services share mean for whoever runs the system.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            "the policies of the role or user that asked do not allow this"
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            "the credentials have expired: sign in again, and look at this machine's clock"
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "AuthFailure" => "AWS does not know these credentials, or not in this region",
        "ResourceNotFoundException"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "NotFoundException" => {
            "it is not in this account and region: was the stack deleted, or is the region another?"
        }
        "DisabledException" | "KMSInvalidStateException" => {
            "the key is disabled or about to be deleted: enable it in KMS"
        }
        _ => return None,
    })
}

/// A record that this version cannot read, or that somebody else wrote into the table.
pub(crate) fn unreadable(what: &str, problem: impl fmt::Display) -> StoreError {
    StoreError::unavailable(what, Fault(problem.to_string()))
}
