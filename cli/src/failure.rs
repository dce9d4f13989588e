//! Why the command ends without success: the exit status, the message and what to do next.

use std::{fmt, process::ExitCode};

use nommer_core::{
    api::Problem,
    error::{Code, JobError},
};

/// An error with its exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    const FAILED: u8 = 1;
    const USAGE: u8 = 2;
    const NOT_FOUND: u8 = 3;
    const NOT_ALLOWED: u8 = 4;
    const JOB_ENDED_BADLY: u8 = 5;
    /// What shells give for a command that Ctrl-C ended: 128 and the signal's number.
    const INTERRUPTED: u8 = 130;

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::with(Self::USAGE, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::with(Self::NOT_FOUND, message)
    }

    pub(crate) fn not_allowed(message: impl Into<String>) -> Self {
        Self::with(Self::NOT_ALLOWED, message)
    }

    pub(crate) fn interrupted() -> Self {
        Self::with(Self::INTERRUPTED, "interrupted")
    }

    /// The same, as a mistake of the caller's.
    pub(crate) fn into_usage(self) -> Self {
        Self {
            status: Self::USAGE,
            ..self
        }
    }

    /// The job did not end well.
    pub(crate) fn job(message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            hint,
            ..Self::with(Self::JOB_ENDED_BADLY, message)
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The next step: what was said with the error, or what helps with all of its kind.
    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref().or(match self.status {
            Self::FAILED => {
                Some("`nommer doctor` checks this machine and, with --stack, a deployed stack")
            }
            Self::USAGE => Some("add --help to the command to see what it takes"),
            Self::NOT_FOUND => Some("`nommer jobs list` shows the jobs that there are"),
            Self::NOT_ALLOWED => Some(
                "an operator gives rights with `nommer keys create`; say the key in NOMMER_API_KEY",
            ),
            Self::JOB_ENDED_BADLY => Some("`nommer jobs log ID` prints what FFmpeg said"),
            _ => None,
        })
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.status)
    }

    fn with(status: u8, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            hint: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Anything unexpected: the whole chain of causes, exit status 1.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::with(Self::FAILED, format!("{error:#}"))
    }
}

/// An answer of the API that says no.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let status = match problem.status {
            401 | 403 => Self::NOT_ALLOWED,
            404 => Self::NOT_FOUND,
            400 | 413 | 422 => Self::USAGE,
            _ => Self::FAILED,
        };
        Self {
            hint: problem.hint,
            ..Self::with(status, problem.detail)
        }
    }
}

/// What stopped a foreground encode.
impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        let status = match error.code {
            Code::SourceNotFound => Self::NOT_FOUND,
            _ => Self::JOB_ENDED_BADLY,
        };
        let hint = error.hint.clone();
        Self {
            hint,
            ..Self::with(status, error.to_string())
        }
    }
}
