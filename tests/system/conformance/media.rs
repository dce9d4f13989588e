//! [`MediaStorage`]: outputs appear whole or not at all, and nothing of a stranger's is lost.

use std::{fs, path::Path};

use nommer_core::{
    moov::Segment,
    ports::{MediaError, MediaStorage, ObjectFacts, Upload},
};
use tempfile::TempDir;

use super::MediaWorld;

async fn stat(world: &impl MediaWorld, name: &str) -> Option<ObjectFacts> {
    world.storage().stat(&world.uri(name)).await.unwrap()
}

async fn fetch(
    world: &impl MediaWorld,
    name: &str,
    etag: Option<&str>,
    to: &Path,
) -> Result<ObjectFacts, MediaError> {
    world
        .storage()
        .fetch(&world.uri(name), etag, u64::MAX, to)
        .await
}

pub(super) async fn stage<W: MediaWorld>(
    world: &W,
    name: &str,
    content: &str,
) -> <W::Storage as MediaStorage>::Staged {
    let work = TempDir::new().unwrap();
    let from = work.path().join("out");
    fs::write(&from, content).unwrap();
    let whole = Segment::Source {
        offset: 0,
        len: content.len() as u64,
    };
    let (uri, segments) = (world.uri(name), [whole]);
    let staged = world
        .storage()
        .stage(&uri, Upload::new(&from, &segments))
        .await;
    staged.unwrap()
}

pub(super) async fn what_is_not_there_is_not_found(world: &impl MediaWorld) {
    let work = TempDir::new().unwrap();
    for name in ["missing", "missing/too"] {
        assert_eq!(stat(world, name).await, None);
        let to = work.path().join("in");
        let error = fetch(world, name, None, &to).await.unwrap_err();
        assert!(matches!(error, MediaError::NotFound(_)), "{error:?}");
        assert!(!to.exists());
    }
}

pub(super) async fn the_version_that_was_looked_at_is_fetched(world: &impl MediaWorld) {
    let work = TempDir::new().unwrap();
    for (name, content) in [("in", "some media"), ("folder/empty", "")] {
        world.put(name, content).await;
        let facts = stat(world, name).await.unwrap();
        assert_eq!(facts.bytes, Some(content.len() as u64));
        assert_eq!(stat(world, name).await.as_ref(), Some(&facts));
        for (number, etag) in [None, facts.etag.as_deref()].into_iter().enumerate() {
            let to = work.path().join(format!("{content}-{number}"));
            let fetched = fetch(world, name, etag, &to).await.unwrap();
            assert_eq!(fetched, facts);
            assert_eq!(fs::read_to_string(&to).unwrap(), content);
        }
    }
}

pub(super) async fn a_version_that_is_gone_is_not_fetched(world: &impl MediaWorld) {
    let work = TempDir::new().unwrap();
    let to = work.path().join("in");
    world.put("in", "old").await;
    let old = stat(world, "in").await.unwrap();
    world.put("in", "newer").await;
    let error = fetch(world, "in", old.etag.as_deref(), &to).await;
    assert!(matches!(error, Err(MediaError::Changed(_))), "{error:?}");
    assert!(!to.exists());
}

pub(super) async fn what_is_too_large_is_not_fetched(world: &impl MediaWorld) {
    world.put("source", "eleven bytes").await;
    let to = tempfile::tempdir().unwrap().keep().join("in");
    let fetch = async |most| {
        let storage = world.storage();
        storage.fetch(&world.uri("source"), None, most, &to).await
    };
    let refused = fetch(11).await;
    assert!(
        matches!(refused, Err(MediaError::TooLarge { bytes: 12, .. })),
        "{refused:?}"
    );
    assert!(!to.exists());
    assert_eq!(fetch(12).await.unwrap().bytes, Some(12));
}

pub(super) async fn ranges_are_of_one_version(world: &impl MediaWorld) {
    world.put("in", "0123456789").await;
    let facts = stat(world, "in").await.unwrap();
    let read = async |etag: Option<String>, range| {
        let (storage, uri) = (world.storage(), world.uri("in"));
        let piece = storage.read(&uri, etag.as_deref(), range).await;
        piece.map(|piece| piece.expect("this storage serves ranges"))
    };
    for (range, expected) in [
        (0..4, "0123"),
        (0..99, "0123456789"),
        (3..7, "3456"),
        (8..99, "89"),
    ] {
        let piece = read(facts.etag.clone(), range).await.unwrap();
        assert_eq!(piece.facts, facts);
        assert_eq!(piece.bytes, expected.as_bytes());
    }
    world.put("in", "another one").await;
    let error = read(facts.etag, 0..4).await.unwrap_err();
    assert!(matches!(error, MediaError::Changed(_)), "{error:?}");
    assert_eq!(read(None, 8..11).await.unwrap().bytes, b"one");
}

pub(super) async fn an_output_is_invisible_until_it_is_committed(world: &impl MediaWorld) {
    let staged = stage(world, "new/folder/out", "ours").await;
    assert_eq!(stat(world, "new/folder/out").await, None);
    assert_eq!(world.get("new/folder/out").await, None);
    let etag = world.storage().commit(staged, None).await.unwrap();
    assert_eq!(world.get("new/folder/out").await.as_deref(), Some("ours"));
    assert_eq!(stat(world, "new/folder/out").await.unwrap().etag, etag);
    assert_eq!(world.leftovers().await, 0);
}

pub(super) async fn segments_are_joined_in_order(world: &impl MediaWorld) {
    let work = TempDir::new().unwrap();
    let from = work.path().join("out");
    fs::write(&from, "0123456789").unwrap();
    let segments = [
        Segment::Source { offset: 6, len: 4 },
        Segment::Bytes(b"moov".to_vec()),
        Segment::Source { offset: 3, len: 0 },
        Segment::Source { offset: 0, len: 2 },
        Segment::Bytes(Vec::new()),
    ];
    let uri = world.uri("out");
    let staged = world
        .storage()
        .stage(&uri, Upload::new(&from, &segments))
        .await;
    let committed = world.storage().commit(staged.unwrap(), None).await;
    committed.unwrap();
    assert_eq!(world.get("out").await.as_deref(), Some("6789moov01"));
}

/// As an index in front of media is: whole blocks, which some file systems can make room for.
pub(super) async fn a_block_is_put_behind_the_beginning(world: &impl MediaWorld) {
    let work = TempDir::new().unwrap();
    let from = work.path().join("out");
    let media: String = ('a'..='z').cycle().take(10_000).collect();
    fs::write(&from, format!("type{media}index")).unwrap();
    let index = "INDEX".repeat(4_096);
    let segments = [
        Segment::Source { offset: 0, len: 4 },
        Segment::Bytes(index.clone().into_bytes()),
        Segment::Source {
            offset: 4,
            len: media.len() as u64,
        },
    ];
    let uri = world.uri("out");
    let upload = Upload::new(&from, &segments);
    let staged = world.storage().stage(&uri, upload).await.unwrap();
    world.storage().commit(staged, None).await.unwrap();
    let expected = format!("type{index}{media}");
    assert!(world.get("out").await == Some(expected));
}

pub(super) async fn a_new_output_does_not_replace_what_came_before_it(world: &impl MediaWorld) {
    let staged = stage(world, "out", "ours").await;
    world.put("out", "theirs").await;
    let error = world.storage().commit(staged, None).await;
    assert!(matches!(error, Err(MediaError::Changed(_))), "{error:?}");
    assert_eq!(world.get("out").await.as_deref(), Some("theirs"));
    assert_eq!(world.leftovers().await, 0);
}

pub(super) async fn an_output_does_not_replace_what_changed_meanwhile(world: &impl MediaWorld) {
    world.put("out", "theirs").await;
    let before = stat(world, "out").await;
    let staged = stage(world, "out", "ours").await;
    world.put("out", "theirs, again").await;
    let error = world.storage().commit(staged, before.as_ref()).await;
    assert!(matches!(error, Err(MediaError::Changed(_))), "{error:?}");
    assert_eq!(world.get("out").await.as_deref(), Some("theirs, again"));

    let staged = stage(world, "out", "ours").await;
    world.remove("out").await;
    let error = world.storage().commit(staged, before.as_ref()).await;
    assert!(matches!(error, Err(MediaError::Changed(_))), "{error:?}");
    assert_eq!(world.get("out").await, None);
    assert_eq!(world.leftovers().await, 0);
}

pub(super) async fn an_output_replaces_what_is_as_it_was(world: &impl MediaWorld) {
    world.put("out", "theirs").await;
    let before = stat(world, "out").await;
    let staged = stage(world, "out", "ours").await;
    assert_eq!(world.get("out").await.as_deref(), Some("theirs"));
    let committed = world.storage().commit(staged, before.as_ref()).await;
    assert_ne!(committed.unwrap(), before.unwrap().etag);
    assert_eq!(world.get("out").await.as_deref(), Some("ours"));
    assert_eq!(world.leftovers().await, 0);
}

pub(super) async fn an_unwanted_output_leaves_nothing(world: &impl MediaWorld) {
    let staged = stage(world, "out", "ours").await;
    world.storage().discard(staged).await;
    assert_eq!(world.get("out").await, None);
    assert_eq!(world.leftovers().await, 0);
}
