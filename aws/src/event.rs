//! What Lambda hands over from a queue, and what it wants back: which messages are to come again.

use std::future::Future;

use nommer_core::{id::JobId, ports::StoreError};
use serde::{Deserialize, Serialize};

/// Messages from a queue of hints.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Clone, Debug, Deserialize)]
pub struct QueueEvent {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// One message.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// By which the answer names it.
    pub message_id: String,
    /// A job's id.
    pub body: String,
}

/// Messages that are to come again; the others are done.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// One entry for each.
    pub batch_item_failures: Vec<Failure>,
}

/// One message that is to come again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Which one.
    pub item_identifier: String,
}

impl QueueEvent {
    /// Handles each message on its own. A fault brings that message back; a message that holds no job's id is dropped for good.
    pub async fn each<F, W>(self, handle: F) -> BatchAnswer
    where
        F: Fn(JobId) -> W,
        W: Future<Output = Result<(), StoreError>>,
    {
        let mut answer = BatchAnswer::default();
        for record in self.records {
            let Ok(id) = record.body.parse::<JobId>() else {
                tracing::warn!(
                    message.id = record.message_id,
                    "dropping a message that holds no job's id"
                );
                continue;
            };
            if let Err(error) = handle(id.clone()).await {
                tracing::warn!(job.id = %id, error = ?error, "the message comes again");
                answer.batch_item_failures.push(Failure {
                    item_identifier: record.message_id,
                });
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_fault_brings_back_one_message_and_a_strange_one_is_dropped() {
        let event = r#"{"Records":[
            {"messageId":"a","receiptHandle":"r","body":"job_1","attributes":{"ApproximateReceiveCount":"1"},"eventSource":"aws:sqs"},
            {"messageId":"b","body":"job_2"},
            {"messageId":"c","body":"{\"poison\":true}"}]}"#;
        let event: QueueEvent = serde_json::from_str(event).unwrap();
        let answer = event
            .each(async |id: JobId| match id.as_str() {
                "job_1" => Err(StoreError::unavailable("read a job", "throttled")),
                _ => Ok(()),
            })
            .await;
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(text, r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#);
    }
}
