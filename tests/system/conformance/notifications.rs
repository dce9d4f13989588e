//! [`NotificationStore`]: due until they are settled, and changed only by whoever has read them as they are.

use nommer_core::{
    notify::{EventName, Notification, Sample, Subscription, Target},
    ports::{JobStore, NotificationStore, StoreError, Version},
};

use super::{
    World,
    fixtures::{at, endpoint, id, job, notification, to},
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

pub(super) async fn one_change_is_told_to_many(world: &impl World) {
    let store = world.store();
    let url = notification(&id(1), 2, Some(0));
    let bus = Notification {
        target: Target::EventBus,
        ..url.clone()
    };
    let (first, second) = (to(&endpoint(1), url.clone()), to(&endpoint(2), url.clone()));
    let all = [second.clone(), bus.clone(), first.clone(), url.clone()];
    store_with(world, 1, &all).await;
    let mut begun = first.clone();
    begun.begin(at(0));
    store.put_notification(&begun, &first).await.unwrap();
    let refused = store.put_notification(&begun, &first).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let found = store.notifications(&id(1)).await.unwrap();
    assert_eq!(found, [url, bus, begun, second], "by target");
    assert_eq!(store.jobs_to_notify(at(0), 10).await.unwrap(), [id(1)]);
}

pub(super) async fn the_beginning_of_a_job_is_told_with_it(world: &impl World) {
    let store = world.store();
    let wants = |number, events: &[EventName]| Subscription {
        target: Target::Endpoint(endpoint(number)),
        events: events.iter().copied().collect(),
    };
    let mut new = job(1);
    new.subscriptions = vec![
        wants(1, &[EventName::Created]),
        wants(2, &[EventName::Finished]),
    ];
    store.create(&new, None).await.unwrap();
    let found = store.notifications(&id(1)).await.unwrap();
    assert_eq!(found, Notification::of_new(&new));
    assert_eq!(found[0].target, Target::Endpoint(endpoint(1)));
    assert_eq!(found.len(), 1);
    let stored = store.get(&id(1)).await.unwrap().unwrap().0;
    assert_eq!(stored.subscriptions, new.subscriptions);
    assert_eq!(store.jobs_to_notify(at(0), 10).await.unwrap(), [id(1)]);
    store.delete(&id(1), Version(1)).await.unwrap();
    assert_eq!(store.notifications(&id(1)).await.unwrap(), []);
}

pub(super) async fn those_to_an_endpoint_are_listed_newest_first(world: &impl World) {
    let store = world.store();
    let made = |number, sequence, second| Notification {
        created_at: at(second),
        ..to(
            &endpoint(1),
            notification(&id(number), sequence, Some(second)),
        )
    };
    let (oldest, middle, newest) = (made(2, 2, 1), made(1, 2, 2), made(1, 3, 3));
    let other = to(&endpoint(2), notification(&id(1), 3, Some(0)));
    store_with(world, 1, &[middle.clone(), newest.clone(), other]).await;
    store_with(world, 2, &[oldest.clone(), notification(&id(2), 2, None)]).await;
    let mut settled = middle.clone();
    settled.give_up("gone", at(9));
    store.put_notification(&settled, &middle).await.unwrap();
    let page = async |before: Option<&str>, limit| {
        let listed = store.notifications_to(&endpoint(1), before, limit).await;
        listed.unwrap()
    };
    let all = [newest.clone(), settled.clone(), oldest.clone()];
    assert_eq!(page(None, 10).await, all);
    assert_eq!(page(None, 2).await, all[..2]);
    assert_eq!(page(Some(&settled.place()), 10).await, all[2..]);
    assert_eq!(page(Some(&oldest.place()), 10).await, []);
}

pub(super) async fn a_sample_belongs_to_no_job(world: &impl World) {
    let store = world.store();
    let name: nommer_core::id::JobId = "sample_1".parse().unwrap();
    let tried = Notification::sample(
        EventName::Failed,
        Target::Endpoint(endpoint(1)),
        Sample { owner: None },
        name.clone(),
        at(1),
    );
    store.add_notification(&tried).await.unwrap();
    assert_eq!(store.get(&name).await.unwrap(), None);
    assert_eq!(
        store.jobs_to_notify(at(1), 10).await.unwrap(),
        std::slice::from_ref(&name)
    );
    let mut begun = tried.clone();
    begun.begin(at(1));
    store.put_notification(&begun, &tried).await.unwrap();
    assert_eq!(store.notifications(&name).await.unwrap(), [begun.clone()]);
    let listed = store.notifications_to(&endpoint(1), None, 10).await;
    assert_eq!(listed.unwrap(), [begun]);
}
