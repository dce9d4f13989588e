//! The closed list of error codes, shared by API answers and by jobs that fail.
//!
//! A code is stable: programs branch on it. The message beside it is for people and may change.

mod code;

use serde::{Deserialize, Serialize};

pub use code::Code;

/// Why a job failed, or why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobError {
    /// The stable code.
    pub code: Code,
    /// What happened, for people: lower case, no full stop, no secret.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl JobError {
    /// An error with the code's own hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: code.hint().map(str::to_owned),
        }
    }

    /// The same error with a better hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Something the caller should know that does not stop the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warning {
    /// The stable code, lower snake case.
    pub code: String,
    /// What was found or changed, for people.
    pub detail: String,
}

impl Warning {
    /// A warning.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            detail: detail.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_name_in_rust_and_on_the_wire() {
        for code in Code::ALL {
            let wire = serde_json::to_string(&code).unwrap();
            assert_eq!(wire, format!("\"{}\"", code.as_str()));
            assert!((400..600).contains(&code.http_status()));
        }
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
