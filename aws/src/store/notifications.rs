//! Notifications in the table.

use jiff::Timestamp;
use nommer_core::{
    id::{EndpointId, JobId},
    notify::Notification,
    ports::{NotificationStore, StoreError, Version},
};

use super::{DynamoStore, INDEX_1, INDEX_2, item};

impl NotificationStore for DynamoStore {
    async fn notifications(&self, id: &JobId) -> Result<Vec<Notification>, StoreError> {
        let (pk, _) = item::job_key(id);
        let items = self.query("read notifications", |query| {
            query
                .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
                .expression_attribute_values(":pk", item::text(pk))
                .expression_attribute_values(":sk", item::text("NOTIFICATION#"))
                .consistent_read(true)
        });
        items.all().await?.iter().map(item::record).collect()
    }

    async fn jobs_to_notify(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<JobId>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // Places begin with the time and go on with `#`, so this is after all of that time.
        let until = format!("{}~", item::sortable(before));
        let mut items = self.query("find due notifications", |query| {
            query
                .index_name(INDEX_1)
                .key_condition_expression("gsi1pk = :pk AND gsi1sk <= :until")
                .expression_attribute_values(":pk", item::text("DUE"))
                .expression_attribute_values(":until", item::text(until))
        });
        let mut jobs = Vec::new();
        while jobs.len() < limit
            && let Some(next) = items.next().await?
        {
            let id = item::job_id(&next, "job_id")?;
            if !jobs.contains(&id) {
                jobs.push(id);
            }
        }
        Ok(jobs)
    }

    async fn add_notification(&self, notification: &Notification) -> Result<(), StoreError> {
        let record = item::of_notification(notification, self.retention)?;
        self.put_at("record a notification", record, Version(0))
            .await
            .map(drop)
    }

    async fn notifications_to(
        &self,
        endpoint: &EndpointId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreError> {
        // Greater than every place: they begin with a digit.
        let before = before.unwrap_or("~");
        let page = i32::try_from(limit).unwrap_or(i32::MAX);
        let mut items = self.query("list the notifications of an endpoint", |query| {
            query
                .index_name(INDEX_2)
                .key_condition_expression("gsi2pk = :pk AND gsi2sk < :before")
                .expression_attribute_values(":pk", item::text(format!("ENDPOINT#{endpoint}")))
                .expression_attribute_values(":before", item::text(before))
                .scan_index_forward(false)
                .limit(page)
        });
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(next) = items.next().await?
        {
            found.push(item::record(&next)?);
        }
        Ok(found)
    }

    async fn put_notification(
        &self,
        now: &Notification,
        read: &Notification,
    ) -> Result<(), StoreError> {
        let record = item::of_notification(now, self.retention)?;
        let read = item::of_notification(read, self.retention)?;
        let read = item::attribute(&read, item::RECORD).unwrap_or_default();
        self.put_if("write a notification", record, Version(1), |put| {
            put.condition_expression("#record = :read")
                .expression_attribute_names("#record", item::RECORD)
                .expression_attribute_values(":read", item::text(read))
        })
        .await
    }
}
