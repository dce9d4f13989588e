//! [`JobStore`]: every write is conditional, and a list has no gap.

use std::collections::BTreeSet;

use nommer_core::{
    id::KeyId,
    job::{Job, StateName},
    ports::{Created, JobFilter, JobStore, NotificationStore, StoreError, Version},
};

use super::{
    World,
    fixtures::{at, canceled, claimed, id, job, job_to, key, notification, owner, probe},
};

async fn create(world: &impl World, job: &Job) -> Created {
    world.store().create(job, None).await.unwrap()
}

/// Numbers of the jobs that a filter finds, in order.
async fn listed(world: &impl World, filter: JobFilter) -> Vec<u32> {
    let jobs = world.store().list(&filter).await.unwrap();
    let number = |job: &Job| (0..100).find(|number| id(*number) == job.id).unwrap();
    jobs.iter().map(number).collect()
}

fn all() -> JobFilter {
    JobFilter {
        limit: 100,
        ..JobFilter::default()
    }
}

pub(super) async fn a_new_job_is_stored_at_its_first_version(world: &impl World) {
    assert_eq!(world.store().get(&id(1)).await.unwrap(), None);
    assert_eq!(create(world, &job(1)).await, Created::New);
    let found = world.store().get(&id(1)).await.unwrap();
    assert_eq!(found, Some((job(1), Version(1))));
}

pub(super) async fn a_job_comes_back_as_it_was_written(world: &impl World) {
    create(world, &job(1)).await;
    let mut version = Version(1);
    for job in [claimed(job(1)), canceled(claimed(job(1)))] {
        version = world.store().put(&job, version, &[]).await.unwrap();
        let elsewhere = world.elsewhere(async |store| store.get(&id(1)).await);
        assert_eq!(elsewhere.await.unwrap(), Some((job, version)));
    }
}

pub(super) async fn an_id_is_given_once(world: &impl World) {
    create(world, &job(1)).await;
    let again = world
        .store()
        .create(&job_to(1, "file:///other"), None)
        .await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let found = world.store().get(&id(1)).await.unwrap();
    assert_eq!(found, Some((job(1), Version(1))));
}

pub(super) async fn a_repeated_key_finds_the_first_job(world: &impl World) {
    let store = world.store();
    let first = store.create(&job(1), Some(&key("k", "body"))).await;
    assert_eq!(first.unwrap(), Created::New);
    for (body, same_body) in [("body", true), ("another", false)] {
        let again = store.create(&job(2), Some(&key("k", body))).await;
        let job_id = id(1);
        assert_eq!(again.unwrap(), Created::Existing { job_id, same_body });
    }
    assert_eq!(store.get(&id(2)).await.unwrap(), None);
    let other = store.create(&job(2), Some(&key("l", "body"))).await;
    assert_eq!(other.unwrap(), Created::New);
}

pub(super) async fn a_key_that_has_expired_is_free(world: &impl World) {
    let store = world.store();
    store
        .create(&job(1), Some(&key("k", "body")))
        .await
        .unwrap();
    for (number, second, free) in [(2, 9, false), (3, 10, true)] {
        let mut later = job(number);
        later.created_at = at(second);
        let created = store.create(&later, Some(&key("k", "body"))).await.unwrap();
        assert_eq!(created == Created::New, free, "{created:?}");
    }
}

pub(super) async fn a_refused_job_leaves_no_key(world: &impl World) {
    let store = world.store();
    let first = job_to(1, "file:///out/same");
    create(world, &first).await;
    let second = job_to(2, "file:///out/same");
    let refused = store.create(&second, Some(&key("k", "body"))).await;
    let job_id = id(1);
    assert_eq!(refused.unwrap(), Created::DestinationTaken { job_id });
    store.put(&canceled(first), Version(1), &[]).await.unwrap();
    let created = store.create(&second, Some(&key("k", "body"))).await;
    assert_eq!(created.unwrap(), Created::New);
}

pub(super) async fn two_live_jobs_cannot_share_a_destination(world: &impl World) {
    let store = world.store();
    let first = job_to(1, "file:///out/same");
    let second = job_to(2, "file:///out/same");
    let taken = Created::DestinationTaken { job_id: id(1) };
    create(world, &first).await;
    assert_eq!(create(world, &second).await, taken);
    let version = store.put(&claimed(first.clone()), Version(1), &[]).await;
    assert_eq!(create(world, &second).await, taken);
    let ended = canceled(claimed(first));
    store.put(&ended, version.unwrap(), &[]).await.unwrap();
    assert_eq!(create(world, &second).await, Created::New);
}

pub(super) async fn a_stale_write_is_refused(world: &impl World) {
    let store = world.store();
    create(world, &job(1)).await;
    let version = store.put(&claimed(job(1)), Version(1), &[]).await.unwrap();
    assert_eq!(version, Version(2));
    for stale in [Version(0), Version(1), Version(3)] {
        let written = store.put(&canceled(job(1)), stale, &[]).await;
        assert!(matches!(written, Err(StoreError::Conflict)), "{written:?}");
    }
    let missing = store.put(&job(2), Version(1), &[]).await;
    assert!(matches!(missing, Err(StoreError::Conflict)), "{missing:?}");
    let found = store.get(&id(1)).await.unwrap();
    assert_eq!(found, Some((claimed(job(1)), version)));
    assert_eq!(store.get(&id(2)).await.unwrap(), None);
}

pub(super) async fn of_many_writers_one_succeeds(world: &impl World) {
    create(world, &job(1)).await;
    let (here, claimed) = (world.store(), claimed(job(1)));
    let both = world
        .elsewhere(async |there| tokio::join!(put_many(here, &claimed), put_many(there, &claimed)));
    let (here, there) = both.await;
    assert_eq!(here + there, 1);
}

/// Writes the job five times at once; gives how often that succeeded.
async fn put_many(store: &impl JobStore, job: &Job) -> usize {
    let put = |_| async { store.put(job, Version(1), &[]).await.is_ok() };
    let done = futures_util::future::join_all((0..5).map(put)).await;
    done.into_iter().filter(|done| *done).count()
}

pub(super) async fn of_many_jobs_for_one_destination_one_is_stored(world: &impl World) {
    let destination = "file:///out/same";
    let create = async |number| {
        let job = job_to(number, destination);
        world.store().create(&job, None).await.unwrap()
    };
    let (a, b, c, d) = tokio::join!(create(1), create(2), create(3), create(4));
    let created = [a, b, c, d];
    let new = created.iter().filter(|one| **one == Created::New).count();
    assert_eq!(new, 1, "{created:?}");
    assert_eq!(listed(world, all()).await.len(), 1);
}

pub(super) async fn what_has_not_ended_is_unfinished(world: &impl World) {
    let store = world.store();
    for number in 1..=3 {
        create(world, &job(number)).await;
    }
    store.put(&claimed(job(2)), Version(1), &[]).await.unwrap();
    store.put(&canceled(job(3)), Version(1), &[]).await.unwrap();
    let unfinished = store.unfinished().await.unwrap();
    let ids: BTreeSet<_> = unfinished.into_iter().map(|job| job.id).collect();
    assert_eq!(ids, BTreeSet::from([id(1), id(2)]));
}

pub(super) async fn lists_are_newest_first_and_pages_have_no_gap(world: &impl World) {
    for number in [3, 1, 4, 5, 9, 2, 6] {
        create(world, &job(number)).await;
    }
    let page = async |before: Option<u32>| {
        let filter = JobFilter {
            before: before.map(id),
            limit: 3,
            ..JobFilter::default()
        };
        listed(world, filter).await
    };
    assert_eq!(page(None).await, [9, 6, 5]);
    assert_eq!(page(Some(5)).await, [4, 3, 2]);
    // A cursor may name a job that is not there any more.
    assert_eq!(page(Some(8)).await, [6, 5, 4]);
    assert_eq!(page(Some(2)).await, [1]);
    assert_eq!(page(Some(1)).await, [0; 0]);
}

pub(super) async fn lists_can_be_filtered(world: &impl World) {
    for number in 1..=6 {
        create(world, &job(number)).await;
    }
    for number in 1..=3 {
        let ended = canceled(job(number));
        world.store().put(&ended, Version(1), &[]).await.unwrap();
    }
    let filter = |state, external_id: Option<&str>| JobFilter {
        state,
        external_id: external_id.map(str::to_owned),
        ..all()
    };
    let canceled = Some(StateName::Canceled);
    let pending = Some(StateName::Pending);
    let odd = Some("customer-1");
    assert_eq!(listed(world, filter(canceled, None)).await, [3, 2, 1]);
    assert_eq!(listed(world, filter(pending, None)).await, [6, 5, 4]);
    assert_eq!(listed(world, filter(None, odd)).await, [5, 3, 1]);
    assert_eq!(listed(world, filter(canceled, odd)).await, [3, 1]);
    assert_eq!(listed(world, filter(None, Some("nobody"))).await, [0; 0]);
    let next = JobFilter {
        before: Some(id(3)),
        limit: 1,
        ..filter(canceled, odd)
    };
    assert_eq!(listed(world, next).await, [1]);
}

/// Six jobs: those with even numbers have an owner, the first four have ended.
async fn owned_jobs(world: &impl World) {
    for number in 1..=6 {
        let mut job = job(number);
        job.owner = (number % 2 == 0).then(owner);
        create(world, &job).await;
        if number < 5 {
            let ended = canceled(job);
            world.store().put(&ended, Version(1), &[]).await.unwrap();
        }
    }
}

pub(super) async fn a_list_can_be_narrowed_to_an_owner(world: &impl World) {
    owned_jobs(world).await;
    let of = |owner, state| JobFilter {
        owner: Some(owner),
        state,
        ..all()
    };
    assert_eq!(listed(world, of(owner(), None)).await, [6, 4, 2]);
    let state = Some(StateName::Canceled);
    assert_eq!(listed(world, of(owner(), state)).await, [4, 2]);
    let other = KeyId::from_hex("0000");
    assert_eq!(listed(world, of(other, None)).await, [0; 0]);
}

pub(super) async fn a_list_can_be_narrowed_to_a_time(world: &impl World) {
    owned_jobs(world).await;
    let base = || JobFilter {
        since: Some(id(2)),
        before: Some(id(5)),
        ..all()
    };
    let mut wanted = [base(), base(), base(), base(), base()];
    wanted[1].owner = Some(owner());
    wanted[2].state = Some(StateName::Canceled);
    wanted[3].external_id = Some("customer-0".to_owned());
    wanted[4].limit = 2;
    let found = [&[4, 3, 2][..], &[4, 2], &[4, 3, 2], &[4, 2], &[4, 3]];
    for (filter, found) in wanted.into_iter().zip(found) {
        assert_eq!(listed(world, filter).await, found);
    }
}

pub(super) async fn probes_share_no_destination_and_stand_in_no_list(world: &impl World) {
    create(world, &job(1)).await;
    for number in 2..=4 {
        assert_eq!(create(world, &probe(number)).await, Created::New);
    }
    let store = world.store();
    let (read, version) = store.get(&id(4)).await.unwrap().unwrap();
    store.put(&canceled(read), version, &[]).await.unwrap();
    let unfinished = store.unfinished().await.unwrap();
    assert_eq!(unfinished.len(), 3, "encoders and prune know of them");
    assert_eq!(store.unfinished_of(&owner(), 9).await.unwrap(), 2);
    for state in [None, Some(StateName::Pending), Some(StateName::Canceled)] {
        for owner in [None, Some(owner())] {
            let shown = state != Some(StateName::Canceled) && owner.is_none();
            let filter = JobFilter {
                state,
                owner,
                ..all()
            };
            let expected: &[u32] = if shown { &[1] } else { &[] };
            assert_eq!(listed(world, filter).await, expected);
        }
    }
    let (_, version) = store.get(&id(4)).await.unwrap().unwrap();
    store.delete(&id(4), version).await.unwrap();
    assert!(store.get(&id(4)).await.unwrap().is_none());
    assert!(store.get(&id(2)).await.unwrap().is_some());
}

pub(super) async fn unfinished_jobs_of_an_owner_are_counted_up_to_a_limit(world: &impl World) {
    for number in 1..=4 {
        let mut job = job(number);
        job.owner = (number != 1).then(owner);
        create(world, &job).await;
        if number == 4 {
            let ended = canceled(job);
            world.store().put(&ended, Version(1), &[]).await.unwrap();
        }
    }
    let count = async |most| world.store().unfinished_of(&owner(), most).await.unwrap();
    assert_eq!((count(9).await, count(2).await, count(1).await), (2, 2, 1));
    let other = KeyId::from_hex("0000");
    assert_eq!(world.store().unfinished_of(&other, 9).await.unwrap(), 0);
}

pub(super) async fn a_deleted_job_takes_its_notifications_along(world: &impl World) {
    let store = world.store();
    for number in 1..=2 {
        create(world, &job(number)).await;
        let notes = [notification(&id(number), 1, Some(0))];
        let ended = canceled(job(number));
        store.put(&ended, Version(1), &notes).await.unwrap();
    }
    store.delete(&id(1), Version(2)).await.unwrap();
    assert_eq!(store.get(&id(1)).await.unwrap(), None);
    assert_eq!(store.notifications(&id(1)).await.unwrap(), []);
    assert_eq!(store.jobs_to_notify(at(0), 10).await.unwrap(), [id(2)]);
    assert_eq!(listed(world, all()).await, [2]);
}

pub(super) async fn a_stale_delete_is_refused(world: &impl World) {
    let store = world.store();
    create(world, &job(1)).await;
    store.put(&canceled(job(1)), Version(1), &[]).await.unwrap();
    let deleted = store.delete(&id(1), Version(1)).await;
    assert!(matches!(deleted, Err(StoreError::Conflict)), "{deleted:?}");
    assert!(store.get(&id(1)).await.unwrap().is_some());
}
