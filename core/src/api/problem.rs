//! Error answers after RFC 9457.

use serde::{Deserialize, Serialize};

use crate::error::JobError;

/// An error answer after RFC 9457, `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI that names the kind of problem: `urn:media-nommer:error:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What happened this time.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The fields at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldProblem {
    /// The field, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

impl Problem {
    /// The answer for an error, at fault with the field at `pointer` if that is not empty.
    pub fn new(error: &JobError, pointer: &str) -> Self {
        let code = error.code.as_str();
        let mut title = code.replace('_', " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let field = || FieldProblem {
            pointer: pointer.to_owned(),
            detail: error.message.clone(),
        };
        Self {
            kind: format!("urn:media-nommer:error:{code}"),
            title,
            status: error.code.http_status(),
            code: code.to_owned(),
            detail: error.message.clone(),
            hint: error.hint.clone(),
            errors: (!pointer.is_empty()).then(field).into_iter().collect(),
            retryable: error.code.retryable(),
        }
    }
}
