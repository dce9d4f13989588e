//! Presets of the operator's own.

use crate::{
    ports::{PresetStore, StoreError, Version},
    stored_preset::StoredPreset,
};

use super::{MemoryStore, step};

impl PresetStore for MemoryStore {
    async fn presets(&self) -> Result<Vec<(StoredPreset, Version)>, StoreError> {
        Ok(self.lock().presets.values().cloned().collect())
    }

    async fn put_preset(
        &self,
        preset: &StoredPreset,
        read: Version,
    ) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let found = inner.presets.get(&preset.name);
        let found = found.map(|(_, version)| *version).unwrap_or_default();
        let version = step(found, read)?;
        let name = preset.name.clone();
        inner.presets.insert(name, (preset.clone(), version));
        Ok(version)
    }

    async fn delete_preset(&self, name: &str) -> Result<(), StoreError> {
        self.lock().presets.remove(name);
        Ok(())
    }
}
