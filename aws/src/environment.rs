//! What a stack tells its functions and encoders through environment variables: names of its resources, and settings.
//!
//! Resources have names of their own (`NOMMER_TABLE`); settings are `NOMMER_<TABLE>__<KEY>`, as everywhere. A variable that is empty
//! counts as not set, because a template cannot leave one out.

use figment::{
    Figment,
    providers::{Env, Serialized},
};
use nommer_core::{ports::StoreError, settings::Settings};

use crate::stack::Stack;

/// What every variable of ours begins with.
const PREFIX: &str = "NOMMER_";

/// Between the table and the key of a setting.
const SEPARATOR: &str = "__";

/// The resources of one stack, and its settings.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The stack's name. `NOMMER_STACK`.
    pub stack: String,
    /// The table's name. `NOMMER_TABLE`.
    pub table: String,
    /// URL of the queue of hints for encoders. `NOMMER_JOB_QUEUE_URL`.
    pub job_queue_url: String,
    /// URL of the queue of hints for encoders that have nothing else to do. `NOMMER_BULK_QUEUE_URL`.
    pub bulk_queue_url: String,
    /// URL of the queue of hints for state-change. `NOMMER_STATE_QUEUE_URL`.
    pub state_queue_url: String,
    /// The KMS key that seals. `NOMMER_KEY_ID`.
    pub key_id: String,
    /// The bucket for media, where uploads go. `NOMMER_MEDIA_BUCKET`; only submit is told.
    pub media_bucket: Option<String>,
    /// Settings, with the template's values.
    pub settings: Settings,
}

/// Why the environment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A resource is not named.
    #[error("the variable {0} is not set: deploy the stack again, or name a stack with --stack")]
    Missing(&'static str),
    /// A setting cannot be read.
    #[error("{0}")]
    Unreadable(Box<figment::Error>),
    /// Settings contradict each other.
    #[error(transparent)]
    Setting(#[from] nommer_core::settings::SettingError),
}

impl Environment {
    /// Reads the variables of this process.
    pub fn read() -> Result<Self, EnvironmentError> {
        Ok(Self {
            stack: required("NOMMER_STACK")?,
            table: required("NOMMER_TABLE")?,
            job_queue_url: required("NOMMER_JOB_QUEUE_URL")?,
            bulk_queue_url: required("NOMMER_BULK_QUEUE_URL")?,
            state_queue_url: required("NOMMER_STATE_QUEUE_URL")?,
            key_id: required("NOMMER_KEY_ID")?,
            media_bucket: optional("NOMMER_MEDIA_BUCKET"),
            settings: settings()?,
        })
    }
}

impl Environment {
    /// The resources of a stack, looked up; for a machine that the stack did not launch. Settings come from this process's variables.
    pub fn of_stack(stack: &Stack) -> Result<Self, StackError> {
        let output = |name| stack.output(name).map(str::to_owned);
        Ok(Self {
            stack: stack.name.clone(),
            table: output("TableName")?,
            job_queue_url: output("JobQueueUrl")?,
            bulk_queue_url: output("BulkQueueUrl")?,
            state_queue_url: output("StateQueueUrl")?,
            key_id: output("KeyArn")?,
            media_bucket: None,
            settings: settings()?,
        })
    }
}

/// Why a stack's resources cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// It does not name them.
    #[error(transparent)]
    Output(#[from] StoreError),
    /// The settings of this process cannot be read.
    #[error(transparent)]
    Settings(#[from] EnvironmentError),
}

/// A variable that must name something.
pub fn required(name: &'static str) -> Result<String, EnvironmentError> {
    optional(name).ok_or(EnvironmentError::Missing(name))
}

/// A variable that may name something.
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A comma-separated list; empty if the variable is not set.
pub fn list(name: &str) -> Vec<String> {
    let text = optional(name).unwrap_or_default();
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

fn settings() -> Result<Settings, EnvironmentError> {
    let empty: Vec<String> = std::env::vars_os()
        .filter(|(_, value)| value.is_empty())
        .filter_map(|(name, _)| Some(name.to_str()?.strip_prefix(PREFIX)?.to_lowercase()))
        .collect();
    let variables = Env::prefixed(PREFIX)
        .filter(move |key| {
            let name = key.as_str().to_lowercase();
            name.contains(SEPARATOR) && !empty.contains(&name)
        })
        .split(SEPARATOR);
    let settings: Settings = Figment::from(Serialized::defaults(Settings::default()))
        .merge(variables)
        .extract()
        .map_err(|error| EnvironmentError::Unreadable(Box::new(error)))?;
    settings.validate()?;
    Ok(settings)
}
