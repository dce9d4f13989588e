//! A queue of hints in SQS. A body is a job's id and nothing else; one that is not is dropped, so that it never comes again.

use std::time::Duration;

use aws_sdk_sqs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{Message, MessageSystemAttributeName},
};
use nommer_core::{
    id::JobId,
    lane::Lane,
    ports::{Delivery, JobQueue, StoreError},
};

use crate::fault::unavailable;

/// Longest delay of a message.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// Longest that one request waits for a message.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Longest that a message can be hidden.
const LONGEST_HIDDEN: Duration = Duration::from_secs(43_200);

/// Most messages that one request takes.
const LARGEST_BATCH: u32 = 10;

/// One queue by its URL.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }

    /// The hint in a message; none, and the message dropped, if it is no hint of ours.
    async fn delivery(&self, message: Message) -> Option<Delivery> {
        let receipt = message.receipt_handle?;
        let receives = message
            .attributes
            .unwrap_or_default()
            .get(&MessageSystemAttributeName::ApproximateReceiveCount)
            .and_then(|count| count.parse().ok())
            .unwrap_or(1);
        let Ok(job_id) = message.body.unwrap_or_default().parse() else {
            tracing::warn!(
                queue = self.url,
                "dropping a message that holds no job's id"
            );
            if let Err(error) = self.delete(&receipt).await {
                tracing::warn!(error = ?error, "it was not dropped and will come again");
            }
            return None;
        };
        Some(Delivery {
            job_id,
            receipt,
            receives,
            lane: Lane::default(),
        })
    }
}

/// Whole seconds, rounded up, within what SQS takes.
fn seconds(duration: Duration, most: Duration) -> i32 {
    let whole = duration.min(most).as_secs_f64().ceil();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "between 0 and 43,200 by the limit"
    )]
    let seconds = whole as i32;
    seconds
}

/// Whether an answer says that a receipt is no good any more, or never was.
fn is_old_receipt(error: &impl ProvideErrorMetadata) -> bool {
    matches!(
        error.code(),
        Some(
            "ReceiptHandleIsInvalid"
                | "InvalidReceiptHandle"
                | "MessageNotInflight"
                | "AWS.SimpleQueueService.MessageNotInflight"
                | "InvalidParameterValue"
                | "InvalidParameterValueException"
                | "MissingParameter"
                | "ValidationError"
        )
    )
}

impl JobQueue for SqsQueue {
    async fn send(&self, id: &JobId, delay: Duration) -> Result<(), StoreError> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(id.as_str())
            .delay_seconds(seconds(delay, LONGEST_DELAY))
            .send()
            .await
            .map_err(|error| unavailable("send a message", &error.into_service_error()))?;
        Ok(())
    }

    async fn receive(
        &self,
        limit: u32,
        wait: Duration,
        hidden: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(limit.clamp(1, LARGEST_BATCH)).unwrap_or(1))
            .wait_time_seconds(seconds(wait, LONGEST_WAIT))
            .visibility_timeout(seconds(hidden, LONGEST_HIDDEN))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map_err(|error| unavailable("receive messages", &error.into_service_error()))?;
        let mut deliveries = Vec::new();
        for message in answer.messages.unwrap_or_default() {
            deliveries.extend(self.delivery(message).await);
        }
        Ok(deliveries)
    }

    async fn extend(&self, receipt: &str, hidden: Duration) -> Result<(), StoreError> {
        let sent = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(seconds(hidden, LONGEST_HIDDEN))
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(()),
            Err(error) if is_old_receipt(&error) => Ok(()),
            Err(error) => Err(unavailable("hide a message for longer", &error)),
        }
    }

    async fn delete(&self, receipt: &str) -> Result<(), StoreError> {
        let sent = self
            .client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(()),
            Err(error) if is_old_receipt(&error) => Ok(()),
            Err(error) => Err(unavailable("delete a message", &error)),
        }
    }
}
