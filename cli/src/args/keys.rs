//! Words and flags of `nommer keys`.

use clap::{Args, Subcommand, ValueEnum};
use nommer_core::key::Scope;

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it. It is not shown again.
    Create(NewKeyArgs),
    /// List keys, without the keys themselves.
    List,
    /// Take a key no more. Jobs that it submitted go on.
    Revoke {
        /// Its id: `key_` and 16 digits.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewKeyArgs {
    /// What it is for, in your words.
    pub(crate) name: String,

    /// What it may do; may be repeated.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub(crate) scopes: Vec<ScopeArg>,

    /// Most requests in a minute.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) requests_per_minute: Option<u32>,

    /// Most jobs that have not ended.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) queued_jobs: Option<u32>,

    /// Where its sources must lie, such as `s3://uploads/customer-1/`; may be repeated.
    #[arg(long = "source", value_name = "ADDRESS", value_parser = place)]
    pub(crate) sources: Vec<String>,

    /// Where its results must go; may be repeated.
    #[arg(long = "destination", value_name = "ADDRESS", value_parser = place)]
    pub(crate) destinations: Vec<String>,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeArg {
    /// Submit jobs; cancel, retry and delete its own.
    Submit,
    /// See its own jobs, and estimates.
    Read,
    /// Everything.
    Admin,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Submit => Self::Submit,
            ScopeArg::Read => Self::Read,
            ScopeArg::Admin => Self::Admin,
        }
    }
}

/// The beginning of an address. A word without a scheme would match nothing, and a key that can do nothing is a surprise.
fn place(text: &str) -> Result<String, String> {
    let schemes = ["s3://", "http://", "https://", "file:///"];
    let known = schemes
        .iter()
        .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    if known {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "an address begins with one of {}",
            schemes.join(", ")
        ))
    }
}
