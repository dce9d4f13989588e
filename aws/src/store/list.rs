//! Lists of jobs, newest first. Each follows an index, so that the last page costs as much as the first.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use nommer_core::{
    id::JobId,
    job::{Job, StateName},
    ports::{JobFilter, StoreError},
};

use super::{DynamoStore, INDEX_1, INDEX_2, item};
use crate::fault::{describe, unreadable};

const WHAT: &str = "list jobs";

/// Greater than every id: ids hold nothing above `z`.
const AFTER_ALL: &str = "~";

/// Most items that one request reads by key.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const BATCH: usize = 100;

pub(super) async fn list(store: &DynamoStore, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let before = filter.before.as_ref();
    let mut jobs = match (&filter.external_id, filter.state) {
        (Some(external_id), state) => store.by_external_id(external_id, state, before).await?,
        (None, Some(state)) if !state.ended() => {
            store.unfinished_jobs(Some(state), before, limit).await?
        }
        (None, Some(state)) => {
            let items = store.newest(INDEX_1, state.as_str(), (None, before), limit);
            records(&items.await?)?
        }
        (None, None) => {
            let items = store.newest(INDEX_2, item::JOBS, (None, before), limit);
            records(&items.await?)?
        }
    };
    jobs.sort_by(|one, other| other.id.cmp(&one.id));
    jobs.truncate(limit);
    Ok(jobs)
}

fn records(items: &[item::Item]) -> Result<Vec<Job>, StoreError> {
    items.iter().map(item::record).collect()
}

impl DynamoStore {
    /// Jobs that have not ended, in one state or in any.
    pub(super) async fn unfinished_jobs(
        &self,
        state: Option<StateName>,
        before: Option<&JobId>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let items = self.newest(INDEX_1, item::UNFINISHED, (state, before), limit);
        records(&items.await?)
    }

    /// The newest items of one index partition.
    async fn newest(
        &self,
        index: &str,
        partition: &str,
        (state, before): (Option<StateName>, Option<&JobId>),
        limit: usize,
    ) -> Result<Vec<item::Item>, StoreError> {
        let before = before.map_or(AFTER_ALL, JobId::as_str);
        let page = i32::try_from(limit).unwrap_or(i32::MAX).max(1);
        let mut items = self.query(WHAT, |query| {
            let query = query
                .index_name(index)
                .key_condition_expression("#pk = :pk AND #sk < :before")
                .expression_attribute_names("#pk", format!("{index}pk"))
                .expression_attribute_names("#sk", format!("{index}sk"))
                .expression_attribute_values(":pk", item::text(partition))
                .expression_attribute_values(":before", item::text(before))
                .set_limit((page < i32::MAX).then_some(page))
                .scan_index_forward(false);
            match state {
                Some(state) => query
                    .filter_expression("#state = :state")
                    .expression_attribute_names("#state", "state")
                    .expression_attribute_values(":state", item::text(state.as_str())),
                None => query,
            }
        });
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(next) = items.next().await?
        {
            found.push(next);
        }
        Ok(found)
    }

    /// Jobs with an external id. There are few, so all are read.
    async fn by_external_id(
        &self,
        external_id: &str,
        state: Option<StateName>,
        before: Option<&JobId>,
    ) -> Result<Vec<Job>, StoreError> {
        let partition = format!("EXTERNAL#{external_id}");
        let rows = self
            .newest(INDEX_2, &partition, (None, before), usize::MAX)
            .await?;
        let ids = rows.iter().map(|row| item::job_id(row, "gsi2sk"));
        let ids: Vec<JobId> = ids.collect::<Result<_, _>>()?;
        let mut jobs = Vec::new();
        for some in ids.chunks(BATCH) {
            jobs.extend(self.jobs(some).await?);
        }
        jobs.retain(|job| state.is_none_or(|state| job.state.name() == state));
        Ok(jobs)
    }

    /// Jobs by their ids; those that are gone are left out.
    async fn jobs(&self, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        let mut jobs = Vec::new();
        let mut wanted = KeysAndAttributes::builder().consistent_read(true);
        for id in ids {
            let (pk, sk) = item::job_key(id);
            wanted = wanted.keys(item::key(pk, sk));
        }
        let wanted = wanted.build().map_err(|error| unreadable(WHAT, error))?;
        let mut wanted = HashMap::from([(self.table.clone(), wanted)]);
        while !wanted.is_empty() {
            let answer = self
                .client
                .batch_get_item()
                .set_request_items(Some(wanted))
                .send()
                .await
                .map_err(|error| unreadable(WHAT, describe(&error.into_service_error())))?;
            for found in answer.responses.unwrap_or_default().into_values().flatten() {
                jobs.push(item::record(&found)?);
            }
            wanted = answer.unprocessed_keys.unwrap_or_default();
        }
        Ok(jobs)
    }
}
