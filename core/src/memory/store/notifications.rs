//! Notifications, which stay as the record of their delivery.

use jiff::Timestamp;

use crate::{
    id::{EndpointId, JobId},
    notify::Notification,
    ports::{NotificationStore, StoreError},
};

use super::{MemoryStore, key_of};

impl NotificationStore for MemoryStore {
    async fn notifications(&self, id: &JobId) -> Result<Vec<Notification>, StoreError> {
        let inner = self.lock();
        let of_job = inner
            .notifications
            .values()
            .filter(|notification| notification.job_id == *id);
        Ok(of_job.cloned().collect())
    }

    async fn jobs_to_notify(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<JobId>, StoreError> {
        let inner = self.lock();
        let mut jobs: Vec<JobId> = inner
            .notifications
            .values()
            .filter(|notification| notification.due(before))
            .map(|notification| notification.job_id.clone())
            .collect();
        jobs.dedup();
        jobs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(jobs)
    }

    async fn add_notification(&self, notification: &Notification) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let key = key_of(notification);
        if inner.notifications.contains_key(&key) {
            return Err(StoreError::Conflict);
        }
        inner.notifications.insert(key, notification.clone());
        Ok(())
    }

    async fn notifications_to(
        &self,
        endpoint: &EndpointId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreError> {
        let inner = self.lock();
        let to = |one: &&Notification| one.target.endpoint() == Some(endpoint);
        let mut found: Vec<_> = inner.notifications.values().filter(to).cloned().collect();
        found.retain(|one| before.is_none_or(|before| one.place().as_str() < before));
        found.sort_by_key(|one| std::cmp::Reverse(one.place()));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn put_notification(
        &self,
        now: &Notification,
        read: &Notification,
    ) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let key = key_of(now);
        if inner.notifications.get(&key) != Some(read) {
            return Err(StoreError::Conflict);
        }
        inner.notifications.insert(key, now.clone());
        Ok(())
    }
}
