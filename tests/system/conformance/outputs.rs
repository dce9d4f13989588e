//! [`Outputs`]: what was published is deleted, and nothing of a stranger's.

use nommer_core::{
    ports::{MediaError, MediaStorage as _, Outputs as _},
    uri::MediaUri,
};

use super::{MediaWorld, media::stage};

/// Publishes a file. Gives its version tag.
async fn publish(world: &impl MediaWorld, name: &str) -> Option<String> {
    let staged = stage(world, name, "ours").await;
    world.storage().commit(staged, None).await.unwrap()
}

pub(super) async fn an_output_is_deleted_as_the_version_that_was_committed(
    world: &impl MediaWorld,
) {
    for name in ["out.mp4", "folder/k\u{e4}fer 1+2 & 3.mp4"] {
        let etag = publish(world, name).await;
        let (outputs, uri) = (world.outputs(), world.uri(name));
        let found = outputs.facts(&uri).await.unwrap().unwrap();
        assert_eq!(found.etag, etag);
        assert!(etag.is_some());
        outputs.remove(&uri, etag.as_deref()).await.unwrap();
        assert_eq!(world.get(name).await, None);
        assert_eq!(outputs.facts(&uri).await.unwrap(), None);
    }
}

pub(super) async fn what_replaced_an_output_is_not_deleted(world: &impl MediaWorld) {
    let etag = publish(world, "out.mp4").await;
    world.put("out.mp4", "theirs, which is longer").await;
    let (outputs, uri) = (world.outputs(), world.uri("out.mp4"));
    let found = outputs.facts(&uri).await.unwrap().unwrap();
    assert_ne!(found.etag, etag);
    let refused = outputs.remove(&uri, etag.as_deref()).await;
    assert!(
        matches!(refused, Err(MediaError::Changed(_))),
        "{refused:?}"
    );
    let stays = world.get("out.mp4").await;
    assert_eq!(stays.as_deref(), Some("theirs, which is longer"));
}

pub(super) async fn what_is_not_there_counts_as_deleted(world: &impl MediaWorld) {
    let etag = publish(world, "out.mp4").await;
    world.remove("out.mp4").await;
    let (outputs, uri) = (world.outputs(), world.uri("out.mp4"));
    for etag in [etag.as_deref(), None] {
        outputs.remove(&uri, etag).await.unwrap();
    }
    let folder = world.uri("nowhere/");
    let names = ["a/1.m4s", "2.m4s"].map(str::to_owned);
    outputs.remove_below(&folder, &names).await.unwrap();
}

pub(super) async fn segments_are_deleted_by_their_names_and_no_others(world: &impl MediaWorld) {
    let names = [
        "job_1/video/1.m4s",
        "job_1/video/2.m4s",
        "job_1/a & b <c>.vtt",
    ];
    for name in names {
        world.put(&format!("film/{name}"), "ours").await;
    }
    let theirs = ["film/job_1/video/3.m4s", "film/1.m4s"];
    for name in theirs {
        world.put(name, "theirs").await;
    }
    let (outputs, folder) = (world.outputs(), world.uri("film/"));
    // Twice, as after an answer that was lost.
    for _again in 0..2 {
        let names = names.map(str::to_owned);
        outputs.remove_below(&folder, &names).await.unwrap();
        for name in &names {
            assert_eq!(world.get(&format!("film/{name}")).await, None, "{name}");
        }
        for name in theirs {
            assert_eq!(world.get(name).await.as_deref(), Some("theirs"), "{name}");
        }
    }
}

pub(super) async fn what_lies_elsewhere_is_beyond_reach(world: &impl MediaWorld) {
    for elsewhere in ["s3://some-other-bucket/out.mp4", "file:///etc/passwd"] {
        let uri: MediaUri = serde_json::from_value(elsewhere.into()).unwrap();
        let refused = world.outputs().remove(&uri, None).await;
        assert!(
            matches!(refused, Err(MediaError::Forbidden(_))),
            "{elsewhere}: {refused:?}"
        );
    }
}
