//! FFmpeg's words in the table: one item beside each job's, written in the transaction that writes the job.

use std::time::Duration;

use nommer_core::{
    id::JobId,
    lease::later,
    log::JobLog,
    ports::{LogStore, StoreError},
};

use super::{
    DynamoStore,
    item::{self, Item},
};

const SORT: &str = "LOG";

/// The item. It may be deleted when its job may.
pub(super) fn item_of(id: &JobId, log: &JobLog, retention: Duration) -> Result<Item, StoreError> {
    let (pk, _) = item::job_key(id);
    let mut record = item::holding((pk, SORT.to_owned()), log)?;
    item::expiring(&mut record, later(log.at, retention));
    Ok(record)
}

impl LogStore for DynamoStore {
    async fn log(&self, id: &JobId) -> Result<Option<JobLog>, StoreError> {
        let (pk, _) = item::job_key(id);
        let found = self.item("read a log", (pk, SORT.to_owned())).await?;
        found.as_ref().map(item::record).transpose()
    }
}
