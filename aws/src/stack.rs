//! A deployed stack as `CloudFormation` describes it: its state and its outputs.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::{Client, error::ProvideErrorMetadata as _};
use nommer_core::ports::StoreError;

use crate::fault::{unavailable, unreadable};

/// One stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its state, as `CloudFormation` calls it: `CREATE_COMPLETE`.
    pub status: String,
    /// Why it is in that state, if `CloudFormation` says so.
    pub reason: Option<String>,
    /// Its outputs by name.
    pub outputs: BTreeMap<String, String>,
    /// Its parameters by name.
    pub parameters: BTreeMap<String, String>,
}

impl Stack {
    /// Looks a stack up; none if there is none of this name.
    pub async fn find(sdk: &SdkConfig, name: &str) -> Result<Option<Self>, StoreError> {
        const WHAT: &str = "look the stack up";
        let described = Client::new(sdk)
            .describe_stacks()
            .stack_name(name)
            .send()
            .await;
        let described =
            match described.map_err(aws_sdk_cloudformation::error::SdkError::into_service_error) {
                Ok(described) => described,
                Err(error)
                    if error.code() == Some("ValidationError")
                        && error
                            .message()
                            .is_some_and(|words| words.contains("does not exist")) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(unavailable(WHAT, &error)),
            };
        let found = described.stacks.unwrap_or_default().into_iter().next();
        Ok(found.map(|stack| Self {
            name: name.to_owned(),
            status: stack
                .stack_status
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            reason: stack.stack_status_reason,
            outputs: stack
                .outputs
                .unwrap_or_default()
                .into_iter()
                .filter_map(|output| Some((output.output_key?, output.output_value?)))
                .collect(),
            parameters: stack
                .parameters
                .unwrap_or_default()
                .into_iter()
                .filter_map(|one| Some((one.parameter_key?, one.parameter_value?)))
                .collect(),
        }))
    }

    /// One output; stacks of another version may lack it.
    pub fn output(&self, name: &str) -> Result<&str, StoreError> {
        let found = self.outputs.get(name).map(String::as_str);
        found.ok_or_else(|| {
            let name_of_stack = &self.name;
            unreadable(
                "read the stack's outputs",
                format!(
                    "stack {name_of_stack} has no output {name}: deploy it again with this version"
                ),
            )
        })
    }
}
