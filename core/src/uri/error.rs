//! Why an address was refused.

use crate::{address::Refused, error::Code};

/// Why an address was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// It cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// It may not be reached.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// It lies outside the folders that are served.
    #[error(
        "{path} is outside the folders that are served ({folders}); add one to local.allowed_folders"
    )]
    Outside {
        /// The path.
        path: String,
        /// The folders.
        folders: String,
    },
}

impl UriError {
    /// The stable code.
    pub fn code(&self) -> Code {
        Code::InvalidSpec
    }
}
