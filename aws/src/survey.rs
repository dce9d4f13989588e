//! What `nommer doctor` asks of an account and of a stack's resources. Reads only.

use aws_config::SdkConfig;
use aws_sdk_s3::{error::SdkError, operation::head_object::HeadObjectError};
use aws_sdk_sqs::types::QueueAttributeName;
use nommer_core::ports::StoreError;

use crate::{
    fault::{unavailable, unreadable},
    s3::client,
};

/// Quotas of processors for standard instances (A, C, D, H, I, M, R, T, Z), which EC2 counts by market.
/// <https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html>
const SPOT_QUOTA: &str = "L-34B43A08";
const ON_DEMAND_QUOTA: &str = "L-1216C47A";

/// Looks at one account in one region.
#[derive(Clone, Debug)]
pub struct Survey<'a> {
    sdk: &'a SdkConfig,
}

impl<'a> Survey<'a> {
    /// Asks nothing of AWS yet.
    pub fn new(sdk: &'a SdkConfig) -> Self {
        Self { sdk }
    }

    /// Whose the credentials are: the ARN of a user or of a role's session.
    pub async fn caller(&self) -> Result<String, StoreError> {
        const WHAT: &str = "ask whose the credentials are";
        let asked = aws_sdk_sts::Client::new(self.sdk).get_caller_identity();
        let answer = asked.send().await;
        let answer = answer.map_err(|error| unavailable(WHAT, &error.into_service_error()))?;
        answer
            .arn
            .ok_or_else(|| unreadable(WHAT, "the answer names nobody"))
    }

    /// How many processors of standard instances the account may run at once: on the spot market, or on demand.
    pub async fn processor_quota(&self, spot: bool) -> Result<f64, StoreError> {
        const WHAT: &str = "look the quota up";
        let code = if spot { SPOT_QUOTA } else { ON_DEMAND_QUOTA };
        let asked = aws_sdk_servicequotas::Client::new(self.sdk)
            .get_service_quota()
            .service_code("ec2")
            .quota_code(code);
        let answer = asked.send().await;
        let answer = answer.map_err(|error| unavailable(WHAT, &error.into_service_error()))?;
        answer
            .quota
            .and_then(|quota| quota.value)
            .ok_or_else(|| unreadable(WHAT, "the answer has no value"))
    }

    /// How many messages wait in a queue, about.
    pub async fn waiting(&self, queue_url: &str) -> Result<u64, StoreError> {
        const WHAT: &str = "look at a queue";
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let asked = aws_sdk_sqs::Client::new(self.sdk)
            .get_queue_attributes()
            .queue_url(queue_url)
            .attribute_names(name.clone());
        let answer = asked.send().await;
        let answer = answer.map_err(|error| unavailable(WHAT, &error.into_service_error()))?;
        let count = answer.attributes.as_ref().and_then(|all| all.get(&name));
        count
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| unreadable(WHAT, "the answer has no count"))
    }

    /// The state of a key: `Enabled` if secrets can be sealed with it.
    pub async fn key_state(&self, key_arn: &str) -> Result<String, StoreError> {
        let asked = aws_sdk_kms::Client::new(self.sdk)
            .describe_key()
            .key_id(key_arn);
        let answer = asked.send().await;
        let answer =
            answer.map_err(|error| unavailable("look at the key", &error.into_service_error()))?;
        let state = answer.key_metadata.and_then(|key| key.key_state);
        Ok(state.map_or_else(String::new, |state| state.as_str().to_owned()))
    }

    /// Whether there is such an object.
    pub async fn has_object(&self, bucket: &str, key: &str) -> Result<bool, StoreError> {
        let asked = client(self.sdk).head_object().bucket(bucket).key(key);
        match asked.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(HeadObjectError::NotFound(_)) => Ok(false),
            Err(error) => Err(unavailable("look for an object", &error)),
        }
    }
}
