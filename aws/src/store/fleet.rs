//! The fleet's record and its instances in the table.

use jiff::Timestamp;
use nommer_core::{
    fleet::FleetRecord,
    instance::{Instance, InstanceState},
    ports::{FleetStore, StoreError, Version},
};

use super::{DynamoStore, item};

fn record_key() -> (String, String) {
    ("FLEET".to_owned(), "FLEET".to_owned())
}

impl FleetStore for DynamoStore {
    async fn fleet(&self) -> Result<(FleetRecord, Version), StoreError> {
        match self.item("read the fleet's record", record_key()).await? {
            Some(found) => Ok((item::record(&found)?, item::version(&found))),
            None => Ok((FleetRecord::default(), Version(0))),
        }
    }

    async fn put_fleet(&self, record: &FleetRecord, read: Version) -> Result<Version, StoreError> {
        let item = item::holding(record_key(), record)?;
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
