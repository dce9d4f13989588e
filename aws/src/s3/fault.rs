//! What S3 answers when it does not do what it is asked, in our words.

use std::error::Error;

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use nommer_core::ports::MediaError;

/// S3's code for a bucket that does not exist.
const NO_BUCKET: &str = "NoSuchBucket";

/// A failed call.
#[derive(Clone, Debug)]
pub(super) struct S3Fault {
    /// The HTTP status; none if there was no answer.
    pub(super) status: Option<u16>,
    /// The service's error code.
    pub(super) code: Option<String>,
    /// Where the bucket is, if the answer says so.
    pub(super) region: Option<String>,
    /// The service's message, or what went wrong on the way.
    detail: String,
}

impl<E> From<SdkError<E, HttpResponse>> for S3Fault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let raw = error.raw_response();
        Self {
            status: raw.map(|raw| raw.status().as_u16()),
            code: error.code().map(str::to_owned),
            region: raw
                .and_then(|raw| raw.headers().get("x-amz-bucket-region"))
                .map(str::to_owned),
            detail: match error.message() {
                Some(message) => message.to_owned(),
                None => in_words(&error),
            },
        }
    }
}

/// An error with its causes, each in its own words. The debug form, which may hold headers and bodies, stays out.
pub(super) fn in_words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

impl S3Fault {
    /// A fault of our own making, on the way to or from S3.
    pub(super) fn local(detail: impl Into<String>) -> Self {
        Self {
            status: None,
            code: None,
            region: None,
            detail: detail.into(),
        }
    }

    /// What an answer says that no client read: its status, and the code and message of its body.
    pub(super) fn answered(status: u16, body: &str) -> Self {
        Self {
            status: Some(status),
            code: element(body, "Code").map(str::to_owned),
            region: None,
            detail: element(body, "Message").unwrap_or_default().to_owned(),
        }
    }

    /// That there is no bucket, for `HEAD`, whose answers have no room for S3's own words.
    pub(super) fn no_bucket() -> Self {
        Self {
            status: Some(404),
            code: Some(NO_BUCKET.to_owned()),
            ..Self::local("")
        }
    }

    /// Whether the object is not what the request expected it to be.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self.status, Some(409 | 412))
            || matches!(
                self.code.as_deref(),
                Some("PreconditionFailed" | "ConditionalRequestConflict")
            )
    }

    /// The fault as the storage port tells it.
    pub(super) fn explain(self, name: &str) -> MediaError {
        let code = self.code.as_deref().unwrap_or_default();
        match (code, self.status) {
            (NO_BUCKET, _) => {
                MediaError::NotFound(format!("{name}: the bucket does not exist"))
            }
            ("AccessControlListNotSupported", _) => MediaError::Forbidden(format!(
                "{name}: the bucket takes no ACLs; leave out storage.acl of the job and the setting storage.s3_acl, or enable ACLs on it"
            )),
            ("ExpiredToken" | "TokenRefreshRequired", _) => {
                MediaError::Forbidden(format!("{name}: the credentials have expired"))
            }
            ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken", _) => {
                MediaError::Forbidden(format!("{name}: S3 does not know these credentials"))
            }
            ("RequestTimeTooSkewed", _) => {
                MediaError::Forbidden(format!("{name}: this machine's clock is wrong"))
            }
            ("InvalidObjectState", _) => {
                MediaError::Forbidden(format!("{name}: the object is archived; restore it first"))
            }
            _ if self.is_conflict() => MediaError::Changed(name.to_owned()),
            (
                "SlowDown" | "RequestTimeout" | "InternalError" | "ServiceUnavailable"
                // What arrived is not what was sent, or an upload was taken away: the next attempt sends it anew.
                | "BadDigest" | "IncompleteBody" | "XAmzContentChecksumMismatch" | "InvalidPart" | "NoSuchUpload",
                _,
            )
            | (_, None | Some(408 | 429 | 500..)) => self.unavailable(name),
            (_, Some(404)) => MediaError::NotFound(name.to_owned()),
            (_, Some(403)) => MediaError::Forbidden(format!(
                "{name} (S3 also says so of what is not there, to those who may not list the bucket)"
            )),
            (_, Some(status)) => MediaError::Unusable(format!(
                "{name}: S3 answered {status} {code}: {}",
                self.detail
            )),
        }
    }

    fn unavailable(&self, name: &str) -> MediaError {
        let code = self.code.as_deref().unwrap_or_default();
        MediaError::Unavailable {
            what: format!("use {name}"),
            detail: format!("{code} {}", self.detail).trim().to_owned(),
        }
    }
}

/// The text of the first element of this name.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// A fault of the local disk.
pub(super) fn disk(name: &str, error: &std::io::Error) -> MediaError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            MediaError::NoSpace(name.to_owned())
        }
        _ => MediaError::Unavailable {
            what: format!("use the local copy of {name}"),
            detail: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: Option<u16>, code: &str) -> S3Fault {
        S3Fault {
            status,
            code: Some(code.to_owned()),
            region: None,
            detail: "why".to_owned(),
        }
    }

    #[test]
    fn each_answer_has_its_meaning() {
        for (status, code, expected) in [
            (Some(404), "NoSuchKey", "there is nothing at s3://b/k"),
            (Some(404), "NoSuchBucket", "the bucket does not exist"),
            (Some(403), "AccessDenied", "access to s3://b/k"),
            (Some(400), "ExpiredToken", "have expired"),
            (
                Some(403),
                "SignatureDoesNotMatch",
                "does not know these credentials",
            ),
            (Some(400), "AccessControlListNotSupported", "storage.s3_acl"),
            (Some(412), "PreconditionFailed", "changed meanwhile"),
            (Some(409), "ConditionalRequestConflict", "changed meanwhile"),
            (Some(503), "SlowDown", "use s3://b/k: SlowDown why"),
            (Some(500), "InternalError", "use s3://b/k"),
            (Some(404), "NoSuchUpload", "use s3://b/k: NoSuchUpload why"),
            (Some(400), "BadDigest", "use s3://b/k: BadDigest why"),
            (None, "", "use s3://b/k: why"),
            (Some(403), "InvalidObjectState", "restore it first"),
            (
                Some(400),
                "EntityTooLarge",
                "S3 answered 400 EntityTooLarge",
            ),
        ] {
            let words = fault(status, code).explain("s3://b/k").to_string();
            assert!(words.contains(expected), "{code}: {words}");
        }
    }

    #[test]
    fn a_full_disk_is_told_from_other_faults() {
        use std::io::{Error, ErrorKind};
        for full in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            let told = disk("s3://b/k", &Error::from(full));
            assert!(matches!(told, MediaError::NoSpace(_)), "{told:?}");
        }
        let told = disk("s3://b/k", &Error::from(ErrorKind::PermissionDenied));
        assert!(matches!(told, MediaError::Unavailable { .. }), "{told:?}");
    }
}
