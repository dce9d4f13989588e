//! API keys in the table: one partition. There are few, and each is read by its own key.

use nommer_core::{
    id::KeyId,
    key::ApiKey,
    ports::{KeyStore, StoreError},
};

use super::{DynamoStore, item};
use crate::fault::unavailable;

const PARTITION: &str = "API_KEYS";

impl KeyStore for DynamoStore {
    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        let key = (PARTITION.to_owned(), id.to_string());
        let found = self.item("read an API key", key).await?;
        found.as_ref().map(item::record).transpose()
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let items = self.query("list API keys", |query| {
            query
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", item::text(PARTITION))
                .consistent_read(true)
        });
        items.all().await?.iter().map(item::record).collect()
    }

    async fn put_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let place = (PARTITION.to_owned(), key.id.to_string());
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::holding(place, key)?))
            .send()
            .await
            .map_err(|error| unavailable("write an API key", &error.into_service_error()))?;
        Ok(())
    }
}
