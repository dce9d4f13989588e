//! [`EndpointStore`]: each owner has a list of its own, and of two writers at once one is told.

use nommer_core::{
    id::KeyId,
    ports::{EndpointStore as _, StoreError, Version},
};

use super::{
    World,
    fixtures::{at, owner, webhook},
};

pub(super) async fn endpoints_are_found_as_they_were_written_last(world: &impl World) {
    let store = world.store();
    let key = owner();
    assert_eq!(store.endpoints(None).await.unwrap(), (vec![], Version(0)));
    let mut operators = vec![webhook(1), webhook(2)];
    let written = store.put_endpoints(None, &operators, Version(0)).await;
    assert_eq!(written.unwrap(), Version(1));
    let written = store
        .put_endpoints(Some(&key), &[webhook(3)], Version(0))
        .await;
    assert_eq!(written.unwrap(), Version(1));

    operators[1].disable("it answered 410 (gone)", at(9));
    operators.remove(0);
    let written = store.put_endpoints(None, &operators, Version(1)).await;
    assert_eq!(written.unwrap(), Version(2));
    for stale in [Version(0), Version(1)] {
        let refused = store.put_endpoints(None, &[], stale).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    }
    let found = world.elsewhere(async |store| store.endpoints(None).await);
    assert_eq!(found.await.unwrap(), (operators, Version(2)));
    let own = store.endpoints(Some(&key)).await.unwrap();
    assert_eq!(own, (vec![webhook(3)], Version(1)));
    let other = KeyId::from_hex("0000");
    let nothing = store.endpoints(Some(&other)).await.unwrap();
    assert_eq!(nothing, (vec![], Version(0)));
}
