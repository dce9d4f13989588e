//! [`FleetStore`]: one record and the instances, each written only by whoever has read it as it is.

use jiff::Timestamp;
use nommer_core::{
    fleet::FleetRecord,
    instance::InstanceState,
    ports::{FleetStore, StoreError, Version},
};

use super::{World, fixtures::instance};

pub(super) async fn the_record_begins_at_version_zero(world: &impl World) {
    let store = world.store();
    let empty = FleetRecord::default();
    let found = store.fleet().await.unwrap();
    assert_eq!(found, (empty.clone(), Version(0)));
    let version = store.put_fleet(&empty, Version(0)).await.unwrap();
    assert_eq!(version, Version(1));
    let elsewhere = world.elsewhere(async |store| store.fleet().await);
    assert_eq!(elsewhere.await.unwrap(), (empty, version));
}

pub(super) async fn a_stale_record_is_refused(world: &impl World) {
    let store = world.store();
    let record = FleetRecord::default();
    let early = store.put_fleet(&record, Version(1)).await;
    assert!(matches!(early, Err(StoreError::Conflict)), "{early:?}");
    store.put_fleet(&record, Version(0)).await.unwrap();
    store.put_fleet(&record, Version(1)).await.unwrap();
    for stale in [Version(0), Version(1), Version(3)] {
        let written = store.put_fleet(&record, stale).await;
        assert!(matches!(written, Err(StoreError::Conflict)), "{written:?}");
    }
    assert_eq!(store.fleet().await.unwrap().1, Version(2));
}

pub(super) async fn instances_are_listed_until_they_are_gone(world: &impl World) {
    let store = world.store();
    assert_eq!(store.instances(Timestamp::MAX).await.unwrap(), []);
    for name in ["i-2", "i-1"] {
        let version = store.put_instance(&instance(name), Version(0)).await;
        assert_eq!(version.unwrap(), Version(1));
    }
    let mut draining = instance("i-1");
    draining.state = InstanceState::Draining;
    let version = store.put_instance(&draining, Version(1)).await.unwrap();
    let mut listed = store.instances(Timestamp::MAX).await.unwrap();
    listed.sort_by(|(one, _), (other, _)| one.id.cmp(&other.id));
    let both = [(draining.clone(), version), (instance("i-2"), Version(1))];
    assert_eq!(listed, both);

    let mut gone = draining;
    gone.state = InstanceState::Gone;
    store.put_instance(&gone, version).await.unwrap();
    let listed = store.instances(Timestamp::MAX).await.unwrap();
    assert_eq!(listed, [(instance("i-2"), Version(1))]);
    let last_heard = instance("i-1").beat_at;
    assert_eq!(
        store.instances(last_heard).await.unwrap().len(),
        2,
        "gone, and asked for all the same"
    );
}

pub(super) async fn a_stale_instance_is_refused(world: &impl World) {
    let store = world.store();
    let early = store.put_instance(&instance("i-1"), Version(1)).await;
    assert!(matches!(early, Err(StoreError::Conflict)), "{early:?}");
    store
        .put_instance(&instance("i-1"), Version(0))
        .await
        .unwrap();
    store
        .put_instance(&instance("i-1"), Version(1))
        .await
        .unwrap();
    for stale in [Version(0), Version(1), Version(3)] {
        let written = store.put_instance(&instance("i-1"), stale).await;
        assert!(matches!(written, Err(StoreError::Conflict)), "{written:?}");
    }
}
