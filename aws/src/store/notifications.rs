//! Notifications in the table.

use aws_sdk_dynamodb::{
    error::SdkError, operation::put_item::PutItemError, types::ReturnValuesOnConditionCheckFailure,
};
use jiff::Timestamp;
use nommer_core::{
    id::JobId,
    notify::Notification,
    ports::{NotificationStore, StoreError, Version},
};

use super::{DynamoStore, INDEX_1, item};
use crate::fault::{describe, unavailable, unreadable};

impl NotificationStore for DynamoStore {
    async fn notifications(&self, id: &JobId) -> Result<Vec<Notification>, StoreError> {
        let (pk, _) = item::job_key(id);
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", item::text(pk))
            .expression_attribute_values(":sk", item::text("NOTIFICATION#"))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(next) = pages.next().await {
            let next = next.map_err(|error| {
                unreadable("read notifications", describe(&error.into_service_error()))
            })?;
            found.push(item::record(&next)?);
        }
        Ok(found)
    }

    async fn jobs_to_notify(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<JobId>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // Places begin with the time and go on with `#`, so this is after all of that time.
        let until = format!("{}~", item::sortable(before));
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX_1)
            .key_condition_expression("gsi1pk = :pk AND gsi1sk <= :until")
            .expression_attribute_values(":pk", item::text("DUE"))
            .expression_attribute_values(":until", item::text(until))
            .into_paginator()
            .items()
            .send();
        let mut jobs = Vec::new();
        while jobs.len() < limit
            && let Some(next) = pages.next().await
        {
            let next = next.map_err(|error| {
                unreadable(
                    "find due notifications",
                    describe(&error.into_service_error()),
                )
            })?;
            let id = item::job_id(&next, "job_id")?;
            if !jobs.contains(&id) {
                jobs.push(id);
            }
        }
        Ok(jobs)
    }

    async fn put_notification(
        &self,
        now: &Notification,
        read: &Notification,
    ) -> Result<(), StoreError> {
        const WHAT: &str = "write a notification";
        let own = item::write_id();
        let record = item::of_notification(now, self.retention)?;
        let read = item::of_notification(read, self.retention)?;
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::stamped(record, Version(1), &own)))
            .condition_expression("#record = :read")
            .expression_attribute_names("#record", item::RECORD)
            .expression_attribute_values(
                ":read",
                item::text(item::attribute(&read, item::RECORD).unwrap_or_default()),
            )
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(()),
            Err(PutItemError::ConditionalCheckFailedException(failed)) => {
                let found = failed
                    .item()
                    .and_then(|item| item::attribute(item, item::WRITE_ID));
                if found == Some(&own) {
                    Ok(())
                } else {
                    Err(StoreError::Conflict)
                }
            }
            Err(fault) => Err(unavailable(WHAT, &fault)),
        }
    }
}
