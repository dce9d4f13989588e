//! The AWS adapters of the ports: DynamoDB, SQS, S3, KMS, EventBridge and the instance metadata service.
//!
//! Everything that talks to AWS except EC2 is here; EC2 has a crate of its own, because its SDK is heavy to build and only scale and
//! prune need it. Retries and time limits are the SDK's, set once in [`load_config`]; nothing here waits without end.

mod config;
mod connections;
pub mod environment;
pub mod event;
#[cfg(test)]
mod fake;
mod fault;
#[cfg(test)]
mod faults;
mod gateway;
mod imds;
mod logging;
mod queue;
pub mod s3;
mod secrets;
mod signal;
mod signing;
mod stack;
mod store;
mod survey;
mod turn;
mod uploads;

pub use aws_config::SdkConfig;
use nommer_core::{
    lane::Lane,
    notify::SigningSecret,
    ports::{Backend, StoreError},
};

pub use config::{load as load_config, of_lambda as lambda_config};
pub use environment::Environment;
pub use gateway::ApiSigner;
pub use imds::{Imds, Notice};
pub use logging::log_to_lambda;
pub use queue::SqsQueue;
pub use s3::{S3Options, S3Outputs, S3Storage};
pub use secrets::KmsSecrets;
pub use signal::{DETAIL_TYPE, EventSignal, SOURCE};
pub use stack::Stack;
pub use store::DynamoStore;
pub use survey::Survey;
pub use turn::Turn;
pub use uploads::S3Uploads;

/// The AWS side of one stack.
#[derive(Clone, Debug)]
pub struct Aws {
    store: DynamoStore,
    job_queue: SqsQueue,
    bulk_queue: SqsQueue,
    state_queue: SqsQueue,
    secrets: KmsSecrets,
    uploads: Option<S3Uploads>,
    outputs: Option<S3Outputs>,
}

impl Aws {
    /// Clients for the resources of a stack. Nothing is asked of AWS yet.
    pub fn new(config: &SdkConfig, environment: &Environment) -> Self {
        let dynamodb = aws_sdk_dynamodb::Client::new(config);
        let sqs = aws_sdk_sqs::Client::new(config);
        Self {
            store: DynamoStore::new(
                dynamodb,
                &environment.table,
                environment.settings.jobs.retention,
            ),
            job_queue: SqsQueue::new(sqs.clone(), &environment.job_queue_url),
            bulk_queue: SqsQueue::new(sqs.clone(), &environment.bulk_queue_url),
            state_queue: SqsQueue::new(sqs, &environment.state_queue_url),
            secrets: KmsSecrets::new(aws_sdk_kms::Client::new(config), &environment.key_id),
            uploads: environment
                .media_bucket
                .as_ref()
                .and_then(|bucket| S3Uploads::new(config, bucket)),
            outputs: environment
                .media_bucket
                .as_ref()
                .and_then(|bucket| S3Outputs::new(config, bucket)),
        }
    }

    /// What notifications of this stack are signed with. Made by the first call.
    pub async fn signing_secret(&self) -> Result<SigningSecret, StoreError> {
        signing::signing_secret(&self.store, &self.secrets).await
    }
}

impl Backend for Aws {
    type Store = DynamoStore;
    type Queue = SqsQueue;
    type Secrets = KmsSecrets;
    type Uploads = S3Uploads;
    type Outputs = S3Outputs;

    fn store(&self) -> &DynamoStore {
        &self.store
    }

    fn job_queue(&self, lane: Lane) -> &SqsQueue {
        match lane {
            Lane::Default => &self.job_queue,
            Lane::Bulk => &self.bulk_queue,
        }
    }

    fn state_queue(&self) -> &SqsQueue {
        &self.state_queue
    }

    fn secrets(&self) -> &KmsSecrets {
        &self.secrets
    }

    fn uploads(&self) -> Option<&S3Uploads> {
        self.uploads.as_ref()
    }

    fn outputs(&self) -> Option<&S3Outputs> {
        self.outputs.as_ref()
    }
}
