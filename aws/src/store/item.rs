//! Items of the table: their keys, attributes, and the records within them. No request is made here.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use nommer_core::{
    id::JobId,
    job::{Job, SCHEMA},
    lease::later,
    notify::Notification,
    ports::{StoreError, Version},
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::fault::unreadable;

/// One item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// How often the item was written.
pub(crate) const VERSION: &str = "version";

/// Names the write that the item is from.
pub(crate) const WRITE_ID: &str = "write_id";

/// The record, in JSON.
pub(crate) const RECORD: &str = "record";

/// Version of the record's shape.
const SHAPE: &str = "schema";

/// When DynamoDB may delete the item, in seconds since 1970. It is in no hurry.
const EXPIRES_AT: &str = "expires_at";

/// How long rows of instances are kept after their last beat. Longer than anybody asks for gone ones.
const INSTANCE_ROW: Duration = Duration::from_secs(7 * 86_400);

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// The index partition of jobs that have not ended. Those that have are in one by the name of their state.
pub(crate) const UNFINISHED: &str = "UNFINISHED";

/// The index partition of all jobs.
pub(crate) const JOBS: &str = "JOBS";

/// A name that no other write has.
pub(crate) fn write_id() -> String {
    Uuid::new_v4().simple().to_string()
}

pub(crate) fn key(pk: String, sk: String) -> Item {
    HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

pub(crate) fn job_key(id: &JobId) -> (String, String) {
    (format!("JOB#{id}"), "JOB".to_owned())
}

/// The key of the claim on a destination. Hashed, because an address may be longer than a key.
pub(crate) fn destination_key(destination: &str) -> (String, String) {
    let hash = Sha256::digest(destination.as_bytes());
    let hash = STANDARD.encode(hash);
    (format!("DESTINATION#{hash}"), "DESTINATION".to_owned())
}

/// The key of an idempotency key.
pub(crate) fn promise_key(key: &str) -> (String, String) {
    (format!("KEY#{key}"), "KEY".to_owned())
}

/// Notifications sort by sequence number, and then by target.
fn notification_key(notification: &Notification) -> (String, String) {
    let (id, sequence) = (&notification.job_id, notification.sequence);
    let mut sk = format!("NOTIFICATION#{sequence:020}");
    if !notification.target.is_notify_url() {
        sk = format!("{sk}#{}", notification.target);
    }
    (format!("JOB#{id}"), sk)
}

/// The item with its version and the name of its write.
pub(crate) fn stamped(mut item: Item, version: Version, write_id: &str) -> Item {
    item.insert(VERSION.to_owned(), number(version.0));
    item.insert(WRITE_ID.to_owned(), text(write_id));
    item
}

/// An item that holds a record.
pub(crate) fn holding(
    (pk, sk): (String, String),
    record: &impl Serialize,
) -> Result<Item, StoreError> {
    let json =
        serde_json::to_string(record).map_err(|error| unreadable("write a record", error))?;
    let mut item = key(pk, sk);
    item.insert(RECORD.to_owned(), text(json));
    item.insert(SHAPE.to_owned(), number(SCHEMA));
    Ok(item)
}

/// The record of an item, if it is of a shape that this version knows.
pub(crate) fn record<T: DeserializeOwned>(item: &Item) -> Result<T, StoreError> {
    let shape = item
        .get(SHAPE)
        .and_then(|value| value.as_n().ok())
        .and_then(|text| text.parse::<u32>().ok());
    if shape.is_none_or(|shape| shape > SCHEMA) {
        let problem = "it was written by a newer version: use that one";
        return Err(unreadable("read a record", problem));
    }
    let json = item.get(RECORD).and_then(|value| value.as_s().ok());
    let json = json.ok_or_else(|| unreadable("read a record", "the item holds none"))?;
    serde_json::from_str(json).map_err(|error| unreadable("read a record", error))
}

/// The version of an item.
pub(crate) fn version(item: &Item) -> Version {
    let found = item.get(VERSION).and_then(|value| value.as_n().ok());
    Version(found.and_then(|text| text.parse().ok()).unwrap_or_default())
}

/// A text attribute.
pub(crate) fn attribute<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map(String::as_str)
}

/// A time attribute, in milliseconds since 1970; 0 if there is none.
pub(crate) fn millis(item: &Item, name: &str) -> i64 {
    let found = item.get(name).and_then(|value| value.as_n().ok());
    found.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// An attribute that holds a job's id.
pub(crate) fn job_id(item: &Item, name: &str) -> Result<JobId, StoreError> {
    attribute(item, name)
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| unreadable("read a record", format!("{name} is no job's id")))
}

pub(crate) fn expiring(item: &mut Item, at: Timestamp) {
    item.insert(EXPIRES_AT.to_owned(), number(at.as_second()));
}

/// A time so that text sorts as time does: milliseconds since 1970 in twenty digits.
pub(crate) fn sortable(at: Timestamp) -> String {
    format!("{:020}", at.as_millisecond().max(0))
}

/// Marks probes, which no list shows.
pub(crate) const PROBE: &str = "probe";

/// A job, found by its state and among all. A probe is found while it is unfinished alone.
pub(crate) fn of_job(job: &Job, retention: Duration) -> Result<Item, StoreError> {
    let mut item = holding(job_key(&job.id), job)?;
    let state = job.state.name();
    item.insert("state".to_owned(), text(state.as_str()));
    if job.spec.is_probe() {
        item.insert(PROBE.to_owned(), AttributeValue::Bool(true));
    } else {
        item.insert("gsi2pk".to_owned(), text(JOBS));
        item.insert("gsi2sk".to_owned(), text(job.id.as_str()));
    }
    if !state.ended() || !job.spec.is_probe() {
        let by_state = if state.ended() {
            state.as_str()
        } else {
            UNFINISHED
        };
        item.insert("gsi1pk".to_owned(), text(by_state));
        item.insert("gsi1sk".to_owned(), text(job.id.as_str()));
    }
    if let Some(owner) = &job.owner {
        item.insert("owner".to_owned(), text(owner.as_str()));
    }
    if let Some(ended_at) = job.ended_at {
        expiring(&mut item, later(ended_at, retention));
    }
    Ok(item)
}

/// What finds a job by its external id, by its owner and by its batch, where it has any.
pub(crate) fn finders(job: &Job, retention: Duration) -> impl Iterator<Item = Item> {
    let external = job.spec.external_id.as_ref();
    let external = external.map(|value| ("EXTERNAL", value.clone()));
    let owner = job.owner.as_ref().map(|owner| ("OWNER", owner.to_string()));
    let batch = job.batch.as_ref();
    let batch = batch.map(|place| ("BATCH", place.id.to_string()));
    let (id, ended_at) = (job.id.clone(), job.ended_at);
    let all = external.into_iter().chain(owner).chain(batch);
    let listed = all.filter(|_| !job.spec.is_probe());
    listed.map(move |(by, value)| {
        let mut item = key(format!("JOB#{id}"), by.to_owned());
        item.insert("gsi2pk".to_owned(), text(format!("{by}#{value}")));
        item.insert("gsi2sk".to_owned(), text(id.as_str()));
        if let Some(ended_at) = ended_at {
            expiring(&mut item, later(ended_at, retention));
        }
        item
    })
}

/// A notification, found while it is due, and by its endpoint. It may be deleted when its job may.
pub(crate) fn of_notification(
    notification: &Notification,
    retention: Duration,
) -> Result<Item, StoreError> {
    let mut item = holding(notification_key(notification), notification)?;
    if let Some(endpoint) = notification.target.endpoint() {
        item.insert("gsi2pk".to_owned(), text(format!("ENDPOINT#{endpoint}")));
        item.insert("gsi2sk".to_owned(), text(notification.place()));
    }
    if let Some(at) = notification.next_attempt_at {
        item.insert("gsi1pk".to_owned(), text("DUE"));
        let place = format!("{}#{}", sortable(at), notification.webhook_id());
        item.insert("gsi1sk".to_owned(), text(place));
        item.insert("job_id".to_owned(), text(notification.job_id.as_str()));
    }
    expiring(&mut item, later(notification.created_at, retention));
    Ok(item)
}

/// An instance's row.
pub(crate) fn of_instance(instance: &nommer_core::instance::Instance) -> Result<Item, StoreError> {
    let key = ("INSTANCES".to_owned(), instance.id.to_string());
    let mut item = holding(key, instance)?;
    expiring(&mut item, later(instance.beat_at, INSTANCE_ROW));
    Ok(item)
}
