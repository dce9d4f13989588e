//! The AWS adapters: DynamoDB, SQS and KMS, each with resources of this world's own on the emulator.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use nommer_aws::{DynamoStore, Environment, KmsSecrets, SqsQueue};
use nommer_core::settings::Settings;
use uuid::Uuid;

use super::super::World;
use crate::emulator;

/// How long ended jobs are kept. Times of the suite's fixtures are long ago, and the emulator deletes nothing by itself meanwhile.
const RETENTION: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A table, a queue and a key.
pub(crate) struct Aws {
    config: aws_config::SdkConfig,
    table: String,
    store: DynamoStore,
    queue: SqsQueue,
    queue_url: String,
    secrets: KmsSecrets,
}

fn key(name: &str, key_type: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(key_type)
        .build()
        .unwrap()
}

fn index(name: &str) -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .key_schema(key(&format!("{name}pk"), KeyType::Hash))
        .key_schema(key(&format!("{name}sk"), KeyType::Range))
        .projection(
            Projection::builder()
                .projection_type(ProjectionType::All)
                .build(),
        )
        .build()
        .unwrap()
}

/// A table as the template makes it.
async fn make_table(client: &aws_sdk_dynamodb::Client, table: &str) {
    let mut create = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .global_secondary_indexes(index("gsi1"))
        .global_secondary_indexes(index("gsi2"));
    for name in ["pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"] {
        create = create.attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap(),
        );
    }
    create.send().await.unwrap();
}

impl Aws {
    /// All of it together, as programs have it.
    pub(crate) fn backend(&self, settings: &Settings) -> nommer_aws::Aws {
        self.backend_of(&self.config, settings)
    }

    /// The same by way of another address.
    pub(crate) fn backend_at(&self, url: &str, settings: &Settings) -> nommer_aws::Aws {
        let config = self.config.to_builder().endpoint_url(url).build();
        self.backend_of(&config, settings)
    }

    fn backend_of(&self, config: &aws_config::SdkConfig, settings: &Settings) -> nommer_aws::Aws {
        let environment = Environment {
            media_bucket: None,
            stack: self.table.clone(),
            table: self.table.clone(),
            job_queue_url: self.queue_url.clone(),
            bulk_queue_url: self.queue_url.clone(),
            state_queue_url: self.queue_url.clone(),
            key_id: String::new(),
            settings: settings.clone(),
        };
        nommer_aws::Aws::new(config, &environment)
    }
}

impl World for Aws {
    type Store = DynamoStore;
    type Queue = SqsQueue;
    type Secrets = KmsSecrets;

    // A real queue has a real clock with whole seconds.
    const HIDDEN: Duration = Duration::from_secs(3);
    const REST: Duration = Duration::from_secs(2);

    async fn new() -> Self {
        let config = emulator::ministack().config().await;
        let name = format!("test-{}", Uuid::new_v4().simple());
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        make_table(&dynamodb, &name).await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        let queue = sqs.create_queue().queue_name(&name).send().await.unwrap();
        let queue_url = queue.queue_url.unwrap();
        let kms = aws_sdk_kms::Client::new(&config);
        let made = kms.create_key().send().await.unwrap();
        let key_id = made.key_metadata.unwrap().key_id;
        Self {
            store: DynamoStore::new(dynamodb, &name, RETENTION),
            queue: SqsQueue::new(sqs, &queue_url),
            queue_url,
            secrets: KmsSecrets::new(kms, key_id),
            table: name,
            config,
        }
    }

    fn store(&self) -> &DynamoStore {
        &self.store
    }

    async fn elsewhere<T>(&self, work: impl AsyncFnOnce(&DynamoStore) -> T) -> T {
        let client = aws_sdk_dynamodb::Client::new(&self.config);
        work(&DynamoStore::new(client, &self.table, RETENTION)).await
    }

    fn queue(&self) -> &SqsQueue {
        &self.queue
    }

    /// Nothing but time passes time in a queue that is not ours.
    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    fn secrets(&self) -> &KmsSecrets {
        &self.secrets
    }
}
