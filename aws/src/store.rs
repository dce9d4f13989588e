//! The table in DynamoDB: one table, two sparse indexes.
//!
//! | item | `pk` | `sk` | `gsi1pk` / `gsi1sk` | `gsi2pk` / `gsi2sk` |
//! |---|---|---|---|---|
//! | job | `JOB#id` | `JOB` | `UNFINISHED` or the state / id | `JOBS` / id |
//! | probe | `JOB#id` | `JOB` | while unfinished: `UNFINISHED` / id | |
//! | its external id | `JOB#id` | `EXTERNAL` | | `EXTERNAL#value` / id |
//! | its owner | `JOB#id` | `OWNER` | | `OWNER#key` / id |
//! | its batch | `JOB#id` | `BATCH` | | `BATCH#batch` / id |
//! | batch | `BATCH#id` | `BATCH` | until it ends: `BATCHES` / id | `BATCHES` / id |
//! | entry of a batch | `BATCH#id` | `ENTRY#number` | | |
//! | notification | `JOB#id` | `NOTIFICATION#sequence`, then `#target` unless that is the job's own address | while due: `DUE` / time | to an endpoint: `ENDPOINT#id` / time |
//! | webhook endpoints of one owner | `ENDPOINTS#key`, or `ENDPOINTS#` | `ENDPOINTS` | | |
//! | destination of a live job | `DESTINATION#hash` | `DESTINATION` | | |
//! | idempotency key | `KEY#key` | `KEY` | | |
//! | fleet's record, and the turns of scale | `FLEET` | `FLEET` | | |
//! | instance | `INSTANCES` | id | | |
//! | API key | `API_KEYS` | id | | |
//!
//! Scale and prune read `UNFINISHED` alone, so what has ended costs them nothing. Indexes lag behind the table by moments: what they
//! say is a hint, and every write checks the table itself. A partition of an index takes 1,000
//! writes a second, more than a hundred jobs.
//!
//! A write that failed although it was applied (its answer was lost, and the SDK sent it again) is told from a real conflict by
//! the random `write_id` that every write leaves in its item.

mod batches;
mod create;
mod endpoints;
pub(crate) mod fleet;
pub(crate) mod item;
mod jobs;
mod keys;
mod list;
mod logs;
mod notifications;
mod presets;
mod query;

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::put_item::{PutItemError, builders::PutItemFluentBuilder},
    types::ReturnValuesOnConditionCheckFailure,
};
use nommer_core::ports::{StoreError, Version};

use crate::fault::unavailable;
use item::{Item, WRITE_ID, write_id};

/// The index of what is unfinished, due, or in a state.
const INDEX_1: &str = "gsi1";

/// The index of all jobs, and of external ids.
const INDEX_2: &str = "gsi2";

/// The table of one stack.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    pub(crate) client: Client,
    pub(crate) table: String,
    /// How long ended jobs are kept.
    retention: Duration,
    /// The fleet's item, as a turn of scale has found it.
    pub(crate) seen: Arc<fleet::Seen>,
}

impl DynamoStore {
    /// A table by its name. Jobs are deleted by the table itself when they ended longer ago than `retention`.
    pub fn new(client: Client, table: impl Into<String>, retention: Duration) -> Self {
        Self {
            client,
            table: table.into(),
            retention,
            seen: Arc::default(),
        }
    }

    /// One item, as the table has it now.
    pub(crate) async fn item(
        &self,
        what: &str,
        (pk, sk): (String, String),
    ) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(item::key(pk, sk)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(what, &error.into_service_error()))?;
        Ok(answer.item)
    }

    /// Writes an item whole, if the stored one is at version `read`; version 0 stands for none.
    async fn put_at(&self, what: &str, item: Item, read: Version) -> Result<Version, StoreError> {
        let next = Version(read.0 + 1);
        self.put_if(what, item, next, |put| {
            let put = put.expression_attribute_names("#version", item::VERSION);
            match read {
                Version(0) => put.condition_expression("attribute_not_exists(#version)"),
                Version(number) => put
                    .condition_expression("#version = :read")
                    .expression_attribute_values(":read", item::number(number)),
            }
        })
        .await?;
        Ok(next)
    }

    /// Writes an item whole, as this version, on a condition. One that fails because the very same write was applied before, and
    /// its answer lost, has succeeded.
    async fn put_if(
        &self,
        what: &str,
        item: Item,
        version: Version,
        condition: impl FnOnce(PutItemFluentBuilder) -> PutItemFluentBuilder,
    ) -> Result<(), StoreError> {
        let own = write_id();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::stamped(item, version, &own)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match condition(put)
            .send()
            .await
            .map_err(SdkError::into_service_error)
        {
            Ok(_) => Ok(()),
            Err(PutItemError::ConditionalCheckFailedException(failed)) => {
                let stored = failed.item();
                let found = stored.and_then(|stored| item::attribute(stored, WRITE_ID));
                if found == Some(&own) {
                    Ok(())
                } else {
                    Err(StoreError::Conflict)
                }
            }
            Err(fault) => Err(unavailable(what, &fault)),
        }
    }
}
