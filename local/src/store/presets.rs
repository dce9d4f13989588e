//! Presets of one's own in SQLite.

use nommer_core::{
    ports::{PresetStore, StoreError, Version},
    stored_preset::StoredPreset,
};
use rusqlite::params;

use super::{LocalStore, number, one_row, versioned};

impl PresetStore for LocalStore {
    async fn presets(&self) -> Result<Vec<(StoredPreset, Version)>, StoreError> {
        self.db
            .read("read presets", |connection| {
                versioned(
                    connection,
                    "SELECT record, version FROM presets ORDER BY name",
                    [],
                )
            })
            .await
    }

    async fn put_preset(
        &self,
        preset: &StoredPreset,
        read: Version,
    ) -> Result<Version, StoreError> {
        let preset = preset.clone();
        self.db
            .write("write a preset", move |connection| {
                let sql = if read == Version(0) {
                    "INSERT INTO presets (name, version, record) VALUES (?1, ?2 + 1, ?3) ON CONFLICT DO NOTHING"
                } else {
                    "UPDATE presets SET version = version + 1, record = ?3 WHERE name = ?1 AND version = ?2"
                };
                let record = serde_json::to_string(&preset)?;
                one_row(connection.execute(sql, params![preset.name, number(read), record])?)?;
                Ok(Version(read.0 + 1))
            })
            .await
    }

    async fn delete_preset(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.db
            .write("delete a preset", move |connection| {
                connection.execute("DELETE FROM presets WHERE name = ?1", [&name])?;
                Ok(())
            })
            .await
    }
}
