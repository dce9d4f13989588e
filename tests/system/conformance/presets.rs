//! [`PresetStore`]: what is written last is what is found, and of two writers at once one is told.

use nommer_core::{
    ports::{PresetStore as _, StoreError, Version},
    stored_preset::StoredPreset,
};
use serde_json::json;

use super::{World, fixtures::at};

fn preset(name: &str, description: &str) -> StoredPreset {
    StoredPreset {
        name: name.to_owned(),
        description: description.to_owned(),
        job: json!({"outputs": [{"container": "webm"}]})
            .as_object()
            .unwrap()
            .clone(),
        updated_at: at(1),
    }
}

pub(super) async fn a_preset_is_found_as_it_was_written_last(world: &impl World) {
    let store = world.store();
    assert_eq!(store.presets().await.unwrap(), []);
    for name in ["b", "a"] {
        let written = store.put_preset(&preset(name, "first"), Version(0)).await;
        assert_eq!(written.unwrap(), Version(1));
    }
    let second = preset("a", "Ünïcode 'quotes'");
    assert_eq!(
        store.put_preset(&second, Version(1)).await.unwrap(),
        Version(2)
    );
    for stale in [Version(0), Version(1)] {
        let refused = store.put_preset(&preset("a", "stale"), stale).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    }
    let found = world.elsewhere(async |store| store.presets().await);
    let expected = [
        (second.clone(), Version(2)),
        (preset("b", "first"), Version(1)),
    ];
    assert_eq!(found.await.unwrap(), expected);
    for _again in 0..2 {
        store.delete_preset("b").await.unwrap();
    }
    assert_eq!(store.presets().await.unwrap(), [(second, Version(2))]);
}
