//! Jobs in the table: read one, write one, delete one.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, Delete, Put, TransactWriteItem},
};
use nommer_core::{
    id::{JobId, KeyId},
    job::{Job, JobOutline},
    notify::Notification,
    ports::{Created, IdempotencyKey, JobFilter, JobStore, StoreError, Version},
};

use super::{DynamoStore, item, logs};
use crate::fault::{unavailable, unreadable};

/// Most items that one transaction may write.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub(super) const TRANSACTION_LIMIT: usize = 100;

impl JobStore for DynamoStore {
    async fn create(&self, job: &Job, key: Option<&IdempotencyKey>) -> Result<Created, StoreError> {
        super::create::create(self, job, key).await
    }

    async fn get(&self, id: &JobId) -> Result<Option<(Job, Version)>, StoreError> {
        let found = self.item("read a job", item::job_key(id)).await?;
        found
            .map(|found| Ok((item::record(&found)?, item::version(&found))))
            .transpose()
    }

    async fn put(
        &self,
        job: &Job,
        read: Version,
        notifications: &[Notification],
    ) -> Result<Version, StoreError> {
        const WHAT: &str = "write a job";
        let record = item::of_job(job, self.retention)?;
        if notifications.is_empty() && !job.state.ended() && job.log.is_none() {
            return self.put_at(WHAT, record, read).await;
        }
        let next = Version(read.0 + 1);
        let stamped = item::stamped(record, next, &item::write_id());
        let put = self
            .put_request()
            .set_item(Some(stamped))
            .condition_expression("#version = :read")
            .expression_attribute_names("#version", item::VERSION)
            .expression_attribute_values(":read", item::number(read.0));
        let mut writes = vec![put_write(WHAT, put)?];
        for notification in notifications {
            let record = item::of_notification(notification, self.retention)?;
            let stamped = item::stamped(record, Version(1), &item::write_id());
            writes.push(put_write(WHAT, self.put_request().set_item(Some(stamped)))?);
        }
        if let Some(log) = &job.log {
            let record = logs::item_of(&job.id, log, self.retention)?;
            writes.push(put_write(WHAT, self.put_request().set_item(Some(record)))?);
        }
        if job.state.ended() {
            for finder in item::finders(job, self.retention) {
                writes.push(put_write(WHAT, self.put_request().set_item(Some(finder)))?);
            }
            writes.extend(self.free_destination(job)?);
        }
        match self.transact(WHAT, writes).await? {
            Transacted::Done => Ok(next),
            Transacted::Refused(_) => Err(StoreError::Conflict),
        }
    }

    async fn unfinished(&self) -> Result<Vec<JobOutline>, StoreError> {
        super::list::unfinished(self).await
    }

    async fn unfinished_of(&self, owner: &KeyId, most: u32) -> Result<u32, StoreError> {
        super::list::unfinished_of(self, owner, most).await
    }

    async fn list(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        super::list::list(self, filter).await
    }

    async fn delete(&self, id: &JobId, read: Version) -> Result<(), StoreError> {
        const WHAT: &str = "delete a job";
        let Some((job, _)) = self.get(id).await? else {
            return Err(StoreError::Conflict);
        };
        let mut rest = self.keys_beside(id).await?;
        // The job goes in the last transaction, so that a broken one can be repeated.
        while rest.len() > TRANSACTION_LIMIT - 2 {
            let some = rest.split_off(rest.len() - TRANSACTION_LIMIT / 2);
            let deletes = some.into_iter().map(|key| self.delete_write(key));
            self.transact(WHAT, deletes.collect::<Result<_, _>>()?)
                .await?;
        }
        let (pk, sk) = item::job_key(id);
        let of_job = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(item::key(pk, sk)))
            .condition_expression("#version = :read")
            .expression_attribute_names("#version", item::VERSION)
            .expression_attribute_values(":read", item::number(read.0))
            .build()
            .map_err(|error| unreadable(WHAT, error))?;
        let mut writes = vec![TransactWriteItem::builder().delete(of_job).build()];
        for key in rest {
            writes.push(self.delete_write(key)?);
        }
        if !job.state.ended() {
            writes.extend(self.free_destination(&job)?);
        }
        match self.transact(WHAT, writes).await? {
            Transacted::Done => Ok(()),
            Transacted::Refused(_) => Err(StoreError::Conflict),
        }
    }
}

/// What became of a transaction.
pub(super) enum Transacted {
    /// All of it is written.
    Done,
    /// Nothing is: these are the reasons, one for each write.
    Refused(Vec<CancellationReason>),
}

/// A put as one write of a transaction.
pub(super) fn put_write(
    what: &str,
    put: aws_sdk_dynamodb::types::builders::PutBuilder,
) -> Result<TransactWriteItem, StoreError> {
    let put = put.build().map_err(|error| unreadable(what, error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

impl DynamoStore {
    /// A put into this table, for a transaction.
    pub(super) fn put_request(&self) -> aws_sdk_dynamodb::types::builders::PutBuilder {
        Put::builder().table_name(&self.table)
    }

    /// Writes all or nothing. The SDK sends one token with every try, so a lost answer does no harm.
    pub(super) async fn transact(
        &self,
        what: &str,
        writes: Vec<TransactWriteItem>,
    ) -> Result<Transacted, StoreError> {
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .client_request_token(item::write_id())
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Transacted::Done),
            Err(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let reasons = canceled.cancellation_reasons.clone().unwrap_or_default();
                // Too much traffic is a fault; a write that lost against another is not.
                let fault = reasons.iter().find(|reason| {
                    !matches!(
                        reason.code(),
                        None | Some("None" | "ConditionalCheckFailed" | "TransactionConflict")
                    )
                });
                match fault {
                    Some(reason) => Err(unreadable(
                        what,
                        format!(
                            "{}: {}",
                            reason.code().unwrap_or_default(),
                            reason.message().unwrap_or_default()
                        ),
                    )),
                    None => Ok(Transacted::Refused(reasons)),
                }
            }
            Err(fault) => Err(unavailable(what, &fault)),
        }
    }

    /// Gives the destination of a job free, if it has one and it is this job's.
    fn free_destination(&self, job: &Job) -> Result<Option<TransactWriteItem>, StoreError> {
        let Some(destination) = job.destination() else {
            return Ok(None);
        };
        let (pk, sk) = item::destination_key(&destination.identity());
        // A job that ends holds its claim, or has given it up before; nobody else can have taken it in between.
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(item::key(pk, sk)))
            .condition_expression("attribute_not_exists(job_id) OR job_id = :job_id")
            .expression_attribute_values(":job_id", item::text(job.id.as_str()))
            .build()
            .map_err(|error| unreadable("free a destination", error))?;
        Ok(Some(TransactWriteItem::builder().delete(delete).build()))
    }

    pub(super) fn delete_write(&self, key: item::Item) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key))
            .build()
            .map_err(|error| unreadable("delete a job", error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Keys of everything that is kept beside a job.
    async fn keys_beside(&self, id: &JobId) -> Result<Vec<item::Item>, StoreError> {
        let (pk, own) = item::job_key(id);
        let items = self.query("delete a job", |query| {
            query
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", item::text(pk))
                .projection_expression("pk, sk")
                .consistent_read(true)
        });
        let mut keys = items.all().await?;
        keys.retain(|key| item::attribute(key, "sk") != Some(&own));
        Ok(keys)
    }
}
