//! The fleet's record and its instances in the table.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use nommer_core::{
    fleet::FleetRecord,
    instance::{Instance, InstanceState},
    ports::{FleetStore, StoreError, Version},
};

use super::{DynamoStore, item};
use item::Item;

/// When the newest woken run of scale began, in milliseconds since 1970. Whoever writes the record carries it over.
pub(crate) const BEGUN: &str = "begun";

/// For how long an item that a turn has found is as good as one that is read.
const FRESH: Duration = Duration::from_secs(2);

/// What is known of the fleet's item. A turn of scale is written into it, and the answer holds the record that the run begins with: that
/// saves a read. Writes are conditional, so a record that was overtaken does no harm.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    found: Mutex<Option<(Instant, Item)>>,
    begun: Mutex<Option<AttributeValue>>,
}

impl Seen {
    /// Keeps an item for the next who reads it.
    pub(crate) fn bring(&self, item: Item) {
        self.note(&item);
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), item));
    }

    fn take(&self) -> Option<Item> {
        let found = self
            .found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let (at, item) = found?;
        (at.elapsed() < FRESH).then_some(item)
    }

    fn note(&self, item: &Item) {
        let begun = item.get(BEGUN).cloned();
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }

    fn begun(&self) -> Option<AttributeValue> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.clone()
    }
}

pub(crate) fn record_key() -> (String, String) {
    ("FLEET".to_owned(), "FLEET".to_owned())
}

impl FleetStore for DynamoStore {
    async fn fleet(&self) -> Result<(FleetRecord, Version), StoreError> {
        let found = match self.seen.take() {
            Some(found) => Some(found),
            None => self.item("read the fleet's record", record_key()).await?,
        };
        if let Some(found) = &found {
            self.seen.note(found);
        }
        // A turn may come before the first record.
        match found.filter(|found| found.contains_key(item::RECORD)) {
            Some(found) => Ok((item::record(&found)?, item::version(&found))),
            None => Ok((FleetRecord::default(), Version(0))),
        }
    }

    async fn put_fleet(&self, record: &FleetRecord, read: Version) -> Result<Version, StoreError> {
        let mut item = item::holding(record_key(), record)?;
        let begun = self.seen.begun();
        item.extend(begun.map(|begun| (BEGUN.to_owned(), begun)));
        self.put_at("write the fleet's record", item, read).await
    }

    async fn instances(
        &self,
        gone_since: Timestamp,
    ) -> Result<Vec<(Instance, Version)>, StoreError> {
        let mut items = self.query("read instances", |query| {
            query
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", item::text("INSTANCES"))
                .consistent_read(true)
        });
        let mut found = Vec::new();
        while let Some(next) = items.next().await? {
            let instance: Instance = item::record(&next)?;
            if instance.state != InstanceState::Gone || instance.beat_at >= gone_since {
                found.push((instance, item::version(&next)));
            }
        }
        Ok(found)
    }

    async fn put_instance(
        &self,
        instance: &Instance,
        read: Version,
    ) -> Result<Version, StoreError> {
        let item = item::of_instance(instance)?;
        self.put_at("write an instance", item, read).await
    }
}
