//! A new job: its record, its claim on the destination, its idempotency key and its external id, all or nothing.

use std::time::Duration;

use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use nommer_core::{
    job::Job,
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

/// Positions of the writes in the transaction. The key comes first: a repeated request finds its job, whatever else is taken.
const JOB: usize = 0;
const DESTINATION: usize = 1;
const KEY: usize = 2;

pub(super) async fn create(
    store: &DynamoStore,
    job: &Job,
    key: Option<&IdempotencyKey>,
) -> Result<Created, StoreError> {
    for tries in 0..CONFLICTS {
        let refused = match store.transact(WHAT, writes(store, job, key)?).await? {
            Transacted::Done => return Ok(Created::New),
            Transacted::Refused(reasons) => reasons,
        };
        let failed = |place: usize| {
            let code = refused.get(place).and_then(CancellationReason::code);
            code == Some("ConditionalCheckFailed")
        };
        if failed(KEY)
            && let Some(key) = key
        {
            if let Some(existing) = known_key(store, key).await? {
                return Ok(existing);
            }
        } else if failed(JOB) {
            return Err(StoreError::Conflict);
        } else if failed(DESTINATION)
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
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let free = "attribute_not_exists(pk)";
    let record = item::of_job(job, store.retention)?;
    let record = item::stamped(record, Version(1), &item::write_id());
    let mut writes = vec![put_write(
        WHAT,
        store
            .put_request()
            .set_item(Some(record))
            .condition_expression(free),
    )?];
    let (pk, sk) = item::destination_key(&job.spec.dest_path.identity());
    let mut claim = item::key(pk, sk);
    claim.insert("job_id".to_owned(), item::text(job.id.as_str()));
    writes.push(put_write(
        WHAT,
        store
            .put_request()
            .set_item(Some(claim))
            .condition_expression(free),
    )?);
    if let Some(key) = key {
        let (pk, sk) = item::promise_key(&key.key);
        let mut promise = item::key(pk, sk);
        promise.insert("job_id".to_owned(), item::text(job.id.as_str()));
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
            .expression_attribute_values(":now", item::number(job.created_at.as_millisecond()));
        writes.push(put_write(WHAT, put)?);
    }
    for finder in item::finders(job, store.retention) {
        writes.push(put_write(WHAT, store.put_request().set_item(Some(finder)))?);
    }
    Ok(writes)
}

async fn known_key(
    store: &DynamoStore,
    key: &IdempotencyKey,
) -> Result<Option<Created>, StoreError> {
    let found = store.item(WHAT, item::promise_key(&key.key)).await?;
    let Some(found) = found else { return Ok(None) };
    Ok(Some(Created::Existing {
        job_id: item::job_id(&found, "job_id")?,
        same_body: item::attribute(&found, "body_hash") == Some(&key.body_hash),
    }))
}

async fn taken(store: &DynamoStore, job: &Job) -> Result<Option<Created>, StoreError> {
    let key = item::destination_key(&job.spec.dest_path.identity());
    let Some(found) = store.item(WHAT, key).await? else {
        return Ok(None);
    };
    let job_id = item::job_id(&found, "job_id")?;
    Ok(Some(Created::DestinationTaken { job_id }))
}
