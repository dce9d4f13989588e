//! Notifications: written with the change that they tell of, and kept as the record of their delivery.

use jiff::Timestamp;
use nommer_core::{
    id::{EndpointId, JobId},
    notify::{Notification, Target},
    ports::{NotificationStore, StoreError},
};
use rusqlite::{Connection, params};

use super::{LocalStore, one_row, records};
use crate::db::Fault;

/// Stores a new notification; a conflict if it is there.
pub(crate) fn insert(connection: &Connection, notification: &Notification) -> Result<(), Fault> {
    let sql = "INSERT INTO notifications (job_id, sequence, target, place, next_attempt_at, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT DO NOTHING";
    let place = notification.target.endpoint().map(|_| notification.place());
    one_row(connection.prepare_cached(sql)?.execute(params![
        notification.job_id.as_str(),
        sequence(notification),
        target(notification),
        place,
        notification.next_attempt_at.map(Timestamp::as_millisecond),
        serde_json::to_string(notification)?,
    ])?)
}

fn sequence(notification: &Notification) -> i64 {
    i64::try_from(notification.sequence).expect("a job does not change 2^63 times")
}

/// The column of the target: empty for the address in the job, so that it comes first.
fn target(notification: &Notification) -> &str {
    match &notification.target {
        Target::NotifyUrl => "",
        other => other.as_str(),
    }
}

impl NotificationStore for LocalStore {
    async fn notifications(&self, id: &JobId) -> Result<Vec<Notification>, StoreError> {
        let id = id.to_string();
        self.db
            .read("read notifications", move |connection| {
                records(
                    connection,
                    "SELECT record FROM notifications WHERE job_id = ?1 ORDER BY sequence, target",
                    [id],
                )
            })
            .await
    }

    async fn jobs_to_notify(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<JobId>, StoreError> {
        self.db
            .read("list due notifications", move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT job_id FROM notifications WHERE next_attempt_at <= ?1
                     GROUP BY job_id ORDER BY min(next_attempt_at) LIMIT ?2",
                )?;
                let rows = statement.query_map(params![before.as_millisecond(), limit], |row| {
                    row.get::<_, String>(0)
                })?;
                rows.map(|id| Ok(id?.parse().expect("ids are checked before they are stored")))
                    .collect()
            })
            .await
    }

    async fn add_notification(&self, notification: &Notification) -> Result<(), StoreError> {
        let notification = notification.clone();
        self.db
            .write("record a notification", move |connection| {
                insert(connection, &notification)
            })
            .await
    }

    async fn notifications_to(
        &self,
        endpoint: &EndpointId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreError> {
        // Greater than every place: they begin with a digit.
        let (endpoint, before) = (endpoint.to_string(), before.unwrap_or("~").to_owned());
        self.db
            .read("list the notifications of an endpoint", move |connection| {
                records(
                    connection,
                    "SELECT record FROM notifications WHERE target = ?1 AND place IS NOT NULL AND place < ?2
                     ORDER BY place DESC LIMIT ?3",
                    params![endpoint, before, limit],
                )
            })
            .await
    }

    async fn put_notification(
        &self,
        now: &Notification,
        read: &Notification,
    ) -> Result<(), StoreError> {
        let (now, read) = (now.clone(), read.clone());
        self.db
            .write("write a notification", move |connection| {
                // A record is always written in the same form, so equal text means that nobody wrote in between.
                let sql = "UPDATE notifications SET next_attempt_at = ?3, record = ?4
                           WHERE job_id = ?1 AND sequence = ?2 AND record = ?5 AND target = ?6";
                one_row(connection.prepare_cached(sql)?.execute(params![
                    now.job_id.as_str(),
                    sequence(&now),
                    now.next_attempt_at.map(Timestamp::as_millisecond),
                    serde_json::to_string(&now)?,
                    serde_json::to_string(&read)?,
                    target(&now),
                ])?)
            })
            .await
    }
}
