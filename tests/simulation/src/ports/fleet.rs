//! The fleet's record, its instances and the notifications, as one process sees them.

use jiff::Timestamp;
use nommer_core::{
    fleet::{FleetRecord, ReservationState},
    id::{EndpointId, JobId},
    instance::Instance,
    notify::{DeliveryStatus, Notification},
    ports::{FleetStore, NotificationStore, StoreError, Version},
};

use crate::{mutants::Mutant, ports::SimStore};

impl NotificationStore for SimStore {
    async fn notifications(&self, id: &JobId) -> Result<Vec<Notification>, StoreError> {
        let base = &self.process.world.memory.store;
        self.process
            .call("notifications", base.notifications(id))
            .await
    }

    async fn jobs_to_notify(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<JobId>, StoreError> {
        let base = &self.process.world.memory.store;
        if self.process.world.has(Mutant::NoRenotify) {
            return Ok(Vec::new());
        }
        self.process
            .call("jobs_to_notify", base.jobs_to_notify(before, limit))
            .await
    }

    async fn add_notification(&self, notification: &Notification) -> Result<(), StoreError> {
        let base = &self.process.world.memory.store;
        self.process
            .call("add_notification", base.add_notification(notification))
            .await
    }

    async fn notifications_to(
        &self,
        endpoint: &EndpointId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreError> {
        let base = &self.process.world.memory.store;
        self.process
            .call(
                "notifications_to",
                base.notifications_to(endpoint, before, limit),
            )
            .await
    }

    async fn put_notification(
        &self,
        now: &Notification,
        read: &Notification,
    ) -> Result<(), StoreError> {
        let base = &self.process.world.memory.store;
        let mut now = now.clone();
        if self.process.world.has(Mutant::DeliveredUnsent) {
            now.status = DeliveryStatus::Delivered;
            now.next_attempt_at = None;
        }
        self.process
            .call("put_notification", base.put_notification(&now, read))
            .await
    }
}

impl FleetStore for SimStore {
    async fn fleet(&self) -> Result<(FleetRecord, Version), StoreError> {
        let base = &self.process.world.memory.store;
        let (mut record, version) = self.process.call("fleet", base.fleet()).await?;
        if self.process.world.has(Mutant::ListingTrusted) {
            for place in &mut record.reservations {
                if matches!(place.state, ReservationState::Launched { .. }) {
                    place.since = Timestamp::UNIX_EPOCH;
                }
            }
        }
        Ok((record, version))
    }

    async fn put_fleet(&self, record: &FleetRecord, read: Version) -> Result<Version, StoreError> {
        let base = &self.process.world.memory.store;
        let read = match self.process.world.mutant {
            Some(Mutant::UnconditionalFleet) => base.fleet().await?.1,
            Some(Mutant::Unreserved) => return Ok(read),
            _ => read,
        };
        self.process
            .call("put_fleet", base.put_fleet(record, read))
            .await
    }

    async fn instances(
        &self,
        gone_since: Timestamp,
    ) -> Result<Vec<(Instance, Version)>, StoreError> {
        let world = &self.process.world;
        let fresh = world.memory.store.instances(gone_since);
        let listing = self.listing(&world.instances, fresh);
        self.process.call("instances", listing).await
    }

    async fn put_instance(
        &self,
        instance: &Instance,
        read: Version,
    ) -> Result<Version, StoreError> {
        let base = &self.process.world.memory.store;
        self.process
            .call("put_instance", base.put_instance(instance, read))
            .await
    }
}
