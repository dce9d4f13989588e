//! A new job: its record, its claim on the destination, its idempotency key and its external id, all or nothing.

use std::time::Duration;

use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use jiff::Timestamp;
use nommer_core::{
    id::JobId,
    job::Job,
    notify::Notification,
    ports::{Created, IdempotencyKey, StoreError, Version},
};

use super::{
    DynamoStore, item,
    jobs::{Transacted, put_write},
};

/// How often a write is tried again that met another transaction on the same item.
const CONFLICTS: u32 = 8;

/// Pause before the first such try, doubled each time and shortened by chance.
const PAUSE: Duration = Duration::from_millis(10);

const WHAT: &str = "record a job";

/// What a write of the transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Job,
    Destination,
    Key,
    Finder,
    Notification,
}

pub(super) async fn create(
    store: &DynamoStore,
    job: &Job,
    key: Option<&IdempotencyKey>,
) -> Result<Created, StoreError> {
    for tries in 0..CONFLICTS {
        let (parts, writes): (Vec<Part>, Vec<_>) = writes(store, job, key)?.into_iter().unzip();
        let refused = match store.transact(WHAT, writes).await? {
            Transacted::Done => return Ok(Created::New),
            Transacted::Refused(reasons) => reasons,
        };
        let failed = |part: Part| {
            let place = parts.iter().position(|one| *one == part);
            let reason = place.and_then(|place| refused.get(place));
            reason.and_then(CancellationReason::code) == Some("ConditionalCheckFailed")
        };
        // The key comes first: a repeated request finds its job, whatever else is taken.
        if failed(Part::Key)
            && let Some(key) = key
        {
            if let Some((job_id, same_body)) = known_key(store, key, job.created_at).await? {
                return Ok(Created::Existing { job_id, same_body });
            }
        } else if failed(Part::Job) {
            return Err(StoreError::Conflict);
        } else if failed(Part::Destination)
            && let Some(taken) = taken(store, job).await?
        {
            return Ok(taken);
        }
        // Another transaction was at work on the same item, or what stood in the way has gone since.
        let pause = PAUSE * 2_u32.pow(tries);
        tokio::time::sleep(pause.mul_f64(jitter())).await;
    }
    Err(StoreError::Conflict)
}

/// A number between a half and one, from the random part of a new id.
fn jitter() -> f64 {
    0.5 + f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 510.0
}

fn writes(
    store: &DynamoStore,
    job: &Job,
    key: Option<&IdempotencyKey>,
) -> Result<Vec<(Part, TransactWriteItem)>, StoreError> {
    let free = "attribute_not_exists(pk)";
    let record = item::of_job(job, store.retention)?;
    let record = item::stamped(record, Version(1), &item::write_id());
    let put = store.put_request().set_item(Some(record));
    let put = put_write(WHAT, put.condition_expression(free))?;
    let mut writes = vec![(Part::Job, put)];
    if let Some(destination) = job.destination() {
        let (pk, sk) = item::destination_key(&destination.identity());
        let mut claim = item::key(pk, sk);
        claim.insert("job_id".to_owned(), item::text(job.id.as_str()));
        let put = store.put_request().set_item(Some(claim));
        let put = put_write(WHAT, put.condition_expression(free))?;
        writes.push((Part::Destination, put));
    }
    if let Some(key) = key {
        let promise = promise_write(store, key, job.id.as_str(), job.created_at)?;
        writes.push((Part::Key, promise));
    }
    for finder in item::finders(job, store.retention) {
        let put = store.put_request().set_item(Some(finder));
        writes.push((Part::Finder, put_write(WHAT, put)?));
    }
    for notification in Notification::of_new(job) {
        let record = item::of_notification(&notification, store.retention)?;
        let stamped = item::stamped(record, Version(1), &item::write_id());
        let put = store.put_request().set_item(Some(stamped));
        writes.push((Part::Notification, put_write(WHAT, put)?));
    }
    Ok(writes)
}

/// Keeps a key with the id that it belongs to, unless it belongs to another.
pub(super) fn promise_write(
    store: &DynamoStore,
    key: &IdempotencyKey,
    id: &str,
    now: Timestamp,
) -> Result<TransactWriteItem, StoreError> {
    let (pk, sk) = item::promise_key(&key.key);
    let mut promise = item::key(pk, sk);
    promise.insert("job_id".to_owned(), item::text(id));
    promise.insert("body_hash".to_owned(), item::text(&key.body_hash));
    promise.insert(
        "until".to_owned(),
        item::number(key.expires_at.as_millisecond()),
    );
    item::expiring(&mut promise, key.expires_at);
    // The table deletes what has expired when it likes; until then it may be overwritten.
    let put = store
        .put_request()
        .set_item(Some(promise))
        .condition_expression("attribute_not_exists(pk) OR #until <= :now")
        .expression_attribute_names("#until", "until")
        .expression_attribute_values(":now", item::number(now.as_millisecond()));
    put_write(WHAT, put)
}

/// The id that a key belongs to already, and whether the request was the same. One that has expired belongs to none.
pub(super) async fn known_key(
    store: &DynamoStore,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<(JobId, bool)>, StoreError> {
    let found = store.item(WHAT, item::promise_key(&key.key)).await?;
    let Some(found) = found.filter(|found| item::millis(found, "until") > now.as_millisecond())
    else {
        return Ok(None);
    };
    let same_body = item::attribute(&found, "body_hash") == Some(&key.body_hash);
    Ok(Some((item::job_id(&found, "job_id")?, same_body)))
}

async fn taken(store: &DynamoStore, job: &Job) -> Result<Option<Created>, StoreError> {
    let Some(destination) = job.destination() else {
        return Ok(None);
    };
    let key = item::destination_key(&destination.identity());
    let Some(found) = store.item(WHAT, key).await? else {
        return Ok(None);
    };
    let job_id = item::job_id(&found, "job_id")?;
    Ok(Some(Created::DestinationTaken { job_id }))
}
