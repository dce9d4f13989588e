//! Changes of the fleet's record and of its rows by others than their owners: read, change, write, again until nobody comes between.

use jiff::Timestamp;

use super::CONFLICTS;
use crate::{
    fleet::FleetRecord,
    id::InstanceId,
    instance::{Instance, InstanceState},
    ports::{FleetStore, StoreError, Version},
};

/// Changes the fleet's record whatever others write meanwhile; gives it as it was written.
pub async fn amend_fleet(
    store: &impl FleetStore,
    change: impl Fn(&mut FleetRecord) + Send,
) -> Result<FleetRecord, StoreError> {
    for _ in 0..CONFLICTS {
        let (mut record, Version(version)) = store.fleet().await?;
        change(&mut record);
        record.version = version + 1;
        match store.put_fleet(&record, Version(version)).await {
            Ok(_) => return Ok(record),
            Err(StoreError::Conflict) => {}
            Err(fault @ StoreError::Unavailable { .. }) => return Err(fault),
        }
    }
    Err(StoreError::Conflict)
}

/// Asks an instance to finish what it has, take no more and end; gives its row, or none if there is no such instance.
/// One that is gone stays as it is.
pub async fn request_drain(
    store: &impl FleetStore,
    id: &InstanceId,
    now: Timestamp,
) -> Result<Option<Instance>, StoreError> {
    for _ in 0..CONFLICTS {
        let rows = store.instances(now).await?;
        let Some((mut row, version)) = rows.into_iter().find(|(row, _)| row.id == *id) else {
            return Ok(None);
        };
        if row.drain_requested || row.state == InstanceState::Gone {
            return Ok(Some(row));
        }
        row.drain_requested = true;
        match store.put_instance(&row, version).await {
            Ok(_) => return Ok(Some(row)),
            Err(StoreError::Conflict) => {}
            Err(fault @ StoreError::Unavailable { .. }) => return Err(fault),
        }
    }
    Err(StoreError::Conflict)
}

/// Asks every instance that takes jobs. One that fails does not keep the others from being asked.
pub async fn request_drain_of_all(
    store: &impl FleetStore,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut failed = None;
    for (row, _) in store.instances(now).await? {
        if row.state == InstanceState::Ready && !row.drain_requested {
            failed = request_drain(store, &row.id, now).await.err().or(failed);
        }
    }
    failed.map_or(Ok(()), Err)
}
