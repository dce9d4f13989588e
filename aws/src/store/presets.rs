//! Presets of one's own in the table: one partition. There are few.

use nommer_core::{
    ports::{PresetStore, StoreError, Version},
    stored_preset::StoredPreset,
};

use super::{DynamoStore, item};
use crate::fault::unavailable;

const PARTITION: &str = "PRESETS";

impl PresetStore for DynamoStore {
    async fn presets(&self) -> Result<Vec<(StoredPreset, Version)>, StoreError> {
        let items = self.query("read presets", |query| {
            query
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", item::text(PARTITION))
                .consistent_read(true)
        });
        let items = items.all().await?;
        let of = |found| Ok((item::record(found)?, item::version(found)));
        items.iter().map(of).collect()
    }

    async fn put_preset(
        &self,
        preset: &StoredPreset,
        read: Version,
    ) -> Result<Version, StoreError> {
        let key = (PARTITION.to_owned(), preset.name.clone());
        let item = item::holding(key, preset)?;
        self.put_at("write a preset", item, read).await
    }

    async fn delete_preset(&self, name: &str) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(item::key(PARTITION.to_owned(), name.to_owned())))
            .send()
            .await
            .map_err(|error| unavailable("delete a preset", &error.into_service_error()))?;
        Ok(())
    }
}
