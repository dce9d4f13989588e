//! Lists of jobs, newest first. Each follows an index, so that the last page costs as much as the first.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use nommer_core::{
    id::{JobId, KeyId},
    job::{Job, JobOutline, StateName},
    ports::{JobFilter, StoreError},
};

use super::{DynamoStore, INDEX_1, INDEX_2, item};
use crate::fault::{describe, unreadable};

const WHAT: &str = "list jobs";

/// Less than every id: ids hold nothing below `-`.
const BEFORE_ALL: &str = "!";

/// Greater than every id: ids hold nothing above `z`.
pub(super) const AFTER_ALL: &str = "~";

/// Most items that one request reads by key.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const BATCH: usize = 100;

/// Ids that a list is about: from one, up to another that is not in it.
#[derive(Clone, Copy, Debug)]
struct Range<'a> {
    since: &'a str,
    before: &'a str,
}

impl<'a> Range<'a> {
    fn of(filter: &'a JobFilter) -> Self {
        Self {
            since: filter.since.as_ref().map_or(BEFORE_ALL, JobId::as_str),
            before: filter.before.as_ref().map_or(AFTER_ALL, JobId::as_str),
        }
    }
}

pub(super) async fn list(store: &DynamoStore, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let range = Range::of(filter);
    let found_by = match (&filter.batch, &filter.external_id, &filter.owner) {
        (Some(batch), _, _) => Some(format!("BATCH#{batch}")),
        (None, Some(external_id), _) => Some(format!("EXTERNAL#{external_id}")),
        (None, None, Some(owner)) => Some(format!("OWNER#{owner}")),
        (None, None, None) => None,
    };
    let mut jobs = match (found_by, filter.state) {
        (Some(partition), _) => store.found_by(&partition, filter).await?,
        (None, Some(state)) if !state.ended() => {
            let items = store.newest(INDEX_1, item::UNFINISHED, (Some(state), range), limit);
            records(&items.await?)?
        }
        (None, Some(state)) => {
            let items = store.newest(INDEX_1, state.as_str(), (None, range), limit);
            records(&items.await?)?
        }
        (None, None) => {
            let items = store.newest(INDEX_2, item::JOBS, (None, range), limit);
            records(&items.await?)?
        }
    };
    jobs.sort_by(|one, other| other.id.cmp(&one.id));
    jobs.truncate(limit);
    Ok(jobs)
}

/// All that is unfinished, of one page after the other: there may be more than fits into memory as a whole.
pub(super) async fn unfinished(store: &DynamoStore) -> Result<Vec<JobOutline>, StoreError> {
    let mut items = store.query("list unfinished jobs", |query| {
        query
            .index_name(INDEX_1)
            .key_condition_expression("gsi1pk = :pk")
            .expression_attribute_values(":pk", item::text(item::UNFINISHED))
    });
    let mut outlines = Vec::new();
    while let Some(next) = items.next().await? {
        outlines.push(item::record(&next)?);
    }
    Ok(outlines)
}

/// Reads all that is unfinished, whosever it is, until there are enough: for keys with a limit only.
pub(super) async fn unfinished_of(
    store: &DynamoStore,
    owner: &KeyId,
    most: u32,
) -> Result<u32, StoreError> {
    let mut items = store.query("count unfinished jobs", |query| {
        query
            .index_name(INDEX_1)
            .key_condition_expression("gsi1pk = :pk")
            .filter_expression("#owner = :owner")
            .projection_expression("pk")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":pk", item::text(item::UNFINISHED))
            .expression_attribute_values(":owner", item::text(owner.as_str()))
    });
    let mut found = 0;
    while found < most && items.next().await?.is_some() {
        found += 1;
    }
    Ok(found)
}

fn records(items: &[item::Item]) -> Result<Vec<Job>, StoreError> {
    items.iter().map(item::record).collect()
}

impl DynamoStore {
    /// The newest items of one index partition; of those that have not ended, the ones in this state that lists show.
    async fn newest(
        &self,
        index: &str,
        partition: &str,
        (state, range): (Option<StateName>, Range<'_>),
        limit: usize,
    ) -> Result<Vec<item::Item>, StoreError> {
        let page = i32::try_from(limit).unwrap_or(i32::MAX).max(1);
        let mut items = self.query(WHAT, |query| {
            let query = query
                .index_name(index)
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :since AND :before")
                .expression_attribute_names("#pk", format!("{index}pk"))
                .expression_attribute_names("#sk", format!("{index}sk"))
                .expression_attribute_values(":pk", item::text(partition))
                .expression_attribute_values(":since", item::text(range.since))
                .expression_attribute_values(":before", item::text(range.before))
                .set_limit((page < i32::MAX).then_some(page))
                .scan_index_forward(false);
            match state {
                Some(state) => query
                    .filter_expression("#state = :state AND attribute_not_exists(#probe)")
                    .expression_attribute_names("#state", "state")
                    .expression_attribute_names("#probe", item::PROBE)
                    .expression_attribute_values(":state", item::text(state.as_str())),
                None => query,
            }
        });
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(next) = items.next().await?
        {
            // A range of keys includes its end.
            if item::attribute(&next, &format!("{index}sk")) != Some(range.before) {
                found.push(next);
            }
        }
        Ok(found)
    }

    /// Jobs in the partition of a batch, of an external id or of an owner, a batch after the other until there are enough.
    async fn found_by(&self, partition: &str, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let mut jobs = Vec::new();
        let mut before = filter.before.clone();
        while jobs.len() < limit {
            let range = Range {
                before: before.as_ref().map_or(AFTER_ALL, JobId::as_str),
                ..Range::of(filter)
            };
            let rows = self.newest(INDEX_2, partition, (None, range), BATCH);
            let rows = rows.await?;
            let ids = rows.iter().map(|row| item::job_id(row, "gsi2sk"));
            let ids: Vec<JobId> = ids.collect::<Result<_, _>>()?;
            let Some(last) = ids.last() else { break };
            before = Some(last.clone());
            let found = self.jobs(&ids).await?.into_iter();
            jobs.extend(found.filter(|job| {
                filter.state.is_none_or(|state| job.state.name() == state)
                    && (filter.owner.is_none() || job.owner == filter.owner)
                    && (filter.external_id.is_none() || job.spec.external_id == filter.external_id)
            }));
            if ids.len() < BATCH {
                break;
            }
        }
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
