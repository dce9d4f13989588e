//! [`BatchStore`]: a batch is there with all its entries or not at all, and is written by one at a time.

use jiff::Timestamp;
use nommer_core::{
    batch::{Batch, Entry},
    id::{BatchId, KeyId},
    ports::{
        BatchStore as _, CreatedBatch, IdempotencyKey, JobFilter, JobStore as _, StoreError,
        Version,
    },
    sealed::SealedSecrets,
    spec::BatchRequest,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    World,
    fixtures::{at, job},
};

fn entry(number: u32) -> Entry {
    Entry {
        spec: job(number).spec,
        sealed: SealedSecrets::default(),
    }
}

/// A batch that was submitted at this second, with so many entries.
fn batch(second: u32, entries: u32, owner: Option<&KeyId>) -> (Batch, Vec<Entry>) {
    let list = vec![json!({}); entries as usize];
    let request = BatchRequest::read(&json!({"name": "Ünïcode 'quotes'", "entries": list}));
    let id = BatchId::from_uuid(Uuid::from_u128(u128::from(second) << 80 | 7 << 20));
    let batch = Batch::new(id, &request.unwrap(), owner.cloned(), at(i64::from(second)));
    (batch, (0..entries).map(entry).collect())
}

fn key(hash: &str, expires_at: Timestamp) -> IdempotencyKey {
    IdempotencyKey {
        key: "batch".to_owned(),
        body_hash: hash.to_owned(),
        expires_at,
    }
}

pub(super) async fn a_batch_is_found_with_all_its_entries(world: &impl World) {
    let (batch, entries) = batch(1, 120, None);
    let created = world.store().create_batch(&batch, &entries, None).await;
    assert_eq!(created.unwrap(), CreatedBatch::New);
    let found = world.elsewhere(async |store| store.batch(&batch.id).await);
    assert_eq!(found.await.unwrap(), Some((batch.clone(), Version(1))));
    for number in [0, 24, 119] {
        let found = world.store().batch_entry(&batch.id, number).await.unwrap();
        assert_eq!(found, Some(entry(number)));
    }
    let beyond = world.store().batch_entry(&batch.id, 120).await.unwrap();
    assert_eq!(beyond, None);
    let other = BatchId::from_uuid(Uuid::from_u128(9 << 80));
    assert_eq!(world.store().batch(&other).await.unwrap(), None);
}

pub(super) async fn a_repeated_key_finds_the_first_batch(world: &impl World) {
    let store = world.store();
    let (first, entries) = batch(1, 2, None);
    let promise = key("one", at(100));
    store
        .create_batch(&first, &entries, Some(&promise))
        .await
        .unwrap();
    let (second, _) = batch(2, 2, None);
    for (hash, same_body) in [("one", true), ("other", false)] {
        let promise = key(hash, at(100));
        let again = store.create_batch(&second, &entries, Some(&promise));
        let expected = CreatedBatch::Existing {
            id: first.id.clone(),
            same_body,
        };
        assert_eq!(again.await.unwrap(), expected);
    }
    assert_eq!(store.batch(&second.id).await.unwrap(), None);
    assert_eq!(store.batch_entry(&second.id, 0).await.unwrap(), None);
    let (late, _) = batch(200, 2, None);
    let promise = key("other", at(300));
    let created = store.create_batch(&late, &entries, Some(&promise));
    assert_eq!(created.await.unwrap(), CreatedBatch::New, "it has expired");
}

pub(super) async fn of_many_writers_of_a_batch_one_succeeds(world: &impl World) {
    let store = world.store();
    let (mut batch, entries) = batch(1, 5, None);
    store.create_batch(&batch, &entries, None).await.unwrap();
    batch.begin(2);
    let writes = (0..8).map(|_| store.put_batch(&batch, Version(1)));
    let written = futures_util::future::join_all(writes).await;
    let won = written.iter().filter(|written| written.is_ok()).count();
    assert_eq!(won, 1, "{written:?}");
    let lost = |written: &&Result<_, _>| matches!(written, Err(StoreError::Conflict));
    assert_eq!(written.iter().filter(lost).count(), 7);
    let found = store.batch(&batch.id).await.unwrap();
    assert_eq!(found, Some((batch, Version(2))));
}

pub(super) async fn a_batch_that_ended_is_unfinished_no_more_and_its_entries_are_forgotten(
    world: &impl World,
) {
    let store = world.store();
    let (mut first, entries) = batch(1, 130, None);
    let (second, _) = batch(2, 130, None);
    for batch in [&first, &second] {
        store.create_batch(batch, &entries, None).await.unwrap();
    }
    let unfinished = store.unfinished_batches().await.unwrap();
    assert_eq!(unfinished, [first.id.clone(), second.id.clone()]);
    first.cancel(at(3));
    first.conclude(at(3));
    store.put_batch(&first, Version(1)).await.unwrap();
    let unfinished = store.unfinished_batches().await.unwrap();
    assert_eq!(unfinished, std::slice::from_ref(&second.id));
    for number in [0, 129] {
        assert_eq!(store.batch_entry(&first.id, number).await.unwrap(), None);
        let other = store.batch_entry(&second.id, number).await.unwrap();
        assert!(other.is_some(), "those of another batch stay");
    }
}

pub(super) async fn batches_are_listed_newest_first_and_by_owner(world: &impl World) {
    let store = world.store();
    let owners = [KeyId::from_hex("01"), KeyId::from_hex("02")];
    let mut made = Vec::new();
    for second in 1..=6 {
        let owner = owners.get(second as usize % 3);
        let (batch, entries) = batch(second, 1, owner);
        store.create_batch(&batch, &entries, None).await.unwrap();
        made.insert(0, batch);
    }
    let all = store.batches(None, None, 100).await.unwrap();
    assert_eq!(all, made);
    let page = store.batches(None, Some(&made[1].id), 2).await.unwrap();
    assert_eq!(page, made[2..4]);
    let own = store.batches(Some(&owners[0]), None, 100).await.unwrap();
    let expected = made
        .iter()
        .filter(|one| one.owner.as_ref() == Some(&owners[0]));
    assert_eq!(own, expected.cloned().collect::<Vec<_>>());
    assert_eq!(own.len(), 2);
}

pub(super) async fn jobs_are_listed_by_their_batch(world: &impl World) {
    let store = world.store();
    let (first, entries) = batch(1, 3, None);
    for (number, entry) in (0..).zip(entries) {
        let job = first.job_of(number, entry, at(5));
        store.create(&job, None).await.unwrap();
    }
    store.create(&job(99), None).await.unwrap();
    let of = |id: &BatchId| JobFilter {
        batch: Some(id.clone()),
        limit: 10,
        ..JobFilter::default()
    };
    let found = store.list(&of(&first.id)).await.unwrap();
    let ids: Vec<_> = found.iter().map(|job| job.id.clone()).collect();
    let expected = [2, 1, 0].map(|number| first.job_id(number));
    assert_eq!(ids, expected);
    let (other, _) = batch(2, 1, None);
    assert_eq!(store.list(&of(&other.id)).await.unwrap(), []);
}
