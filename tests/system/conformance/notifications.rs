//! [`NotificationStore`]: due until they are settled, and changed only by whoever has read them as they are.

use nommer_core::{
    notify::Notification,
    ports::{JobStore, NotificationStore, StoreError, Version},
};

use super::{
    World,
    fixtures::{at, id, job, notification},
};

/// Stores a job and its notifications.
async fn store_with(world: &impl World, number: u32, notifications: &[Notification]) {
    let store = world.store();
    store.create(&job(number), None).await.unwrap();
    let put = store.put(&job(number), Version(1), notifications).await;
    put.unwrap();
}

pub(super) async fn they_are_stored_with_their_change_or_not_at_all(world: &impl World) {
    let store = world.store();
    let first = notification(&id(1), 2, Some(0));
    let second = notification(&id(1), 3, Some(0));
    store_with(world, 1, &[second.clone(), first.clone()]).await;
    let stale = [notification(&id(1), 4, Some(0))];
    let refused = store.put(&job(1), Version(1), &stale).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let found = store.notifications(&id(1)).await.unwrap();
    assert_eq!(found, [first, second], "by sequence");
    assert_eq!(store.notifications(&id(2)).await.unwrap(), []);
}

pub(super) async fn they_are_found_when_they_are_due(world: &impl World) {
    store_with(world, 1, &[notification(&id(1), 1, Some(5))]).await;
    store_with(world, 2, &[notification(&id(2), 1, None)]).await;
    let due = async |second| world.store().jobs_to_notify(at(second), 10).await.unwrap();
    assert_eq!(due(4).await, []);
    assert_eq!(due(5).await, [id(1)]);
    let was = notification(&id(1), 1, Some(5));
    let settled = notification(&id(1), 1, None);
    let put = world.store().put_notification(&settled, &was).await;
    put.unwrap();
    assert_eq!(due(100).await, []);
}

pub(super) async fn a_limit_is_kept_and_no_job_comes_twice(world: &impl World) {
    for number in 1..=4 {
        let job = id(number);
        let two = [
            notification(&job, 1, Some(0)),
            notification(&job, 2, Some(0)),
        ];
        store_with(world, number, &two).await;
    }
    let due = async |limit| {
        let mut ids = world.store().jobs_to_notify(at(0), limit).await.unwrap();
        ids.sort();
        ids
    };
    assert_eq!(due(10).await, [id(1), id(2), id(3), id(4)]);
    let mut three = due(3).await;
    three.dedup();
    assert_eq!(three.len(), 3);
}

pub(super) async fn a_stale_write_is_refused(world: &impl World) {
    let store = world.store();
    let was = notification(&id(1), 1, Some(0));
    store_with(world, 1, std::slice::from_ref(&was)).await;
    let mut begun = was.clone();
    begun.begin(at(0));
    store.put_notification(&begun, &was).await.unwrap();
    let missing = notification(&id(1), 2, Some(0));
    for read in [&was, &missing] {
        let refused = store.put_notification(read, read).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    }
    assert_eq!(store.notifications(&id(1)).await.unwrap(), [begun]);
}
