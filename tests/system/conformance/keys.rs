//! [`KeyStore`]: what is written last is what is found, by every process at once.

use nommer_core::{
    id::KeyId,
    key::{ApiKey, Grant, Scope},
    ports::KeyStore,
};

use super::{World, fixtures::at};

fn key(seed: u8) -> ApiKey {
    let grant = Grant {
        name: "Ünïcode 'quotes'".to_owned(),
        scopes: [Scope::Submit, Scope::Read].into(),
        queued_jobs: Some(3),
        sources: vec!["s3://in/".to_owned()],
        ..Grant::default()
    };
    ApiKey::new(grant, &[seed; 40], at(0)).0
}

pub(super) async fn a_key_is_found_as_it_was_written_last(world: &impl World) {
    let store = world.store();
    for seed in 1..=3 {
        store.put_key(&key(seed)).await.unwrap();
    }
    let mut revoked = key(2);
    revoked.revoked_at = Some(at(5));
    store.put_key(&revoked).await.unwrap();
    let found = world.elsewhere(async |store| store.key(&revoked.id).await);
    assert_eq!(found.await.unwrap(), Some(revoked.clone()));
    let mut all = world.store().keys().await.unwrap();
    all.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(all, [key(1), revoked, key(3)]);
}

pub(super) async fn a_key_that_there_is_not_is_not_found(world: &impl World) {
    world.store().put_key(&key(1)).await.unwrap();
    let other = KeyId::from_hex("0000");
    assert_eq!(world.store().key(&other).await.unwrap(), None);
}
