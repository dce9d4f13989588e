//! The fleet's record and its instances.

use jiff::Timestamp;

use crate::{
    fleet::FleetRecord,
    instance::{Instance, InstanceState},
    ports::{FleetStore, StoreError, Version},
};

use super::{MemoryStore, step};

impl FleetStore for MemoryStore {
    async fn fleet(&self) -> Result<(FleetRecord, Version), StoreError> {
        Ok(self.lock().fleet.clone())
    }

    async fn put_fleet(&self, record: &FleetRecord, read: Version) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let version = step(inner.fleet.1, read)?;
        inner.fleet = (record.clone(), version);
        Ok(version)
    }

    async fn instances(
        &self,
        gone_since: Timestamp,
    ) -> Result<Vec<(Instance, Version)>, StoreError> {
        let inner = self.lock();
        let here = inner.instances.values().filter(|(instance, _)| {
            instance.state != InstanceState::Gone || instance.beat_at >= gone_since
        });
        Ok(here.cloned().collect())
    }

    async fn put_instance(
        &self,
        instance: &Instance,
        read: Version,
    ) -> Result<Version, StoreError> {
        let mut inner = self.lock();
        let found = inner
            .instances
            .get(&instance.id)
            .map(|(_, version)| *version)
            .unwrap_or_default();
        let version = step(found, read)?;
        inner
            .instances
            .insert(instance.id.clone(), (instance.clone(), version));
        Ok(version)
    }
}
