//! Fetching over connections that break, and from objects that change.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crc_fast::{CrcAlgorithm, checksum};

use super::*;

const MIB: usize = 1_024 * 1_024;

/// The answer of a server that has this object.
fn serve(asked: &Asked, object: &[u8]) -> Answer {
    let sum = checksum(CrcAlgorithm::Crc64Nvme, object).to_be_bytes();
    let Some(range) = asked.header("range") else {
        return Answer::new(200, object)
            .with("etag", "\"1\"")
            .with("x-amz-checksum-type", "FULL_OBJECT")
            .with("x-amz-checksum-crc64nvme", STANDARD.encode(sum));
    };
    let (from, last) = range["bytes=".len()..].split_once('-').unwrap();
    let (from, last): (usize, usize) = (from.parse().unwrap(), last.parse().unwrap());
    let stated = format!("bytes {from}-{last}/{}", object.len());
    Answer::new(206, &object[from..=last])
        .with("etag", "\"1\"")
        .with("content-range", stated)
}

async fn fetch(storage: &S3Storage) -> Result<(ObjectFacts, Vec<u8>), MediaError> {
    let work = TempDir::new().unwrap();
    let to = work.path().join("in");
    let facts = storage.fetch(&uri(), None, u64::MAX, &to).await?;
    Ok((facts, std::fs::read(&to).unwrap()))
}

#[tokio::test]
async fn a_small_object_takes_one_call() {
    for bytes in [0, 1, 8 * MIB] {
        let object = content(bytes);
        let expected = object.clone();
        let (storage, fake) = storage(move |asked| Some(serve(asked, &object))).await;
        let (facts, fetched) = fetch(&storage).await.unwrap();
        assert!(fetched == expected);
        assert_eq!(facts.bytes, Some(bytes as u64));
        assert_eq!(facts.etag.as_deref(), Some("\"1\""));
        assert_eq!(fake.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_large_object_comes_in_ranges_of_one_version() {
    let object = content(41 * MIB + 5);
    let expected = object.clone();
    let (storage, fake) = storage(move |asked| Some(serve(asked, &object))).await;
    let (_facts, fetched) = fetch(&storage).await.unwrap();
    assert!(fetched == expected);
    let asked = fake.asked();
    let mut ranges: Vec<_> = asked
        .iter()
        .filter_map(|asked| asked.header("range"))
        .collect();
    ranges.sort_unstable();
    assert_eq!(
        ranges,
        ["bytes=41943040-42991620", "bytes=8388608-41943039"]
    );
    let pinned = asked
        .iter()
        .filter(|asked| asked.header("if-match") == Some("\"1\""));
    assert_eq!(pinned.count(), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let object = content(MIB);
    let expected = object.clone();
    let (storage, fake) = storage(move |asked| {
        let whole = serve(asked, &object);
        let far = asked
            .header("range")
            .is_some_and(|range| range.starts_with("bytes=200000-"));
        Some(if far { whole } else { whole.cut_after(100_000) })
    })
    .await;
    let (_facts, fetched) = fetch(&storage).await.unwrap();
    assert!(fetched == expected);
    let asked = fake.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.header("range")).collect();
    assert_eq!(
        ranges,
        [
            None,
            Some("bytes=100000-1048575"),
            Some("bytes=200000-1048575")
        ]
    );
}

#[tokio::test]
async fn a_connection_that_always_breaks_is_given_up() {
    let object = content(MIB);
    let (storage, fake) = storage(move |asked| Some(serve(asked, &object).cut_after(1_000))).await;
    let error = fetch(&storage).await.unwrap_err();
    assert!(matches!(error, MediaError::Unavailable { .. }), "{error:?}");
    assert_eq!(fake.asked().len(), 6);
}

#[tokio::test]
async fn an_object_that_changes_meanwhile_is_not_mixed() {
    let object = content(9 * MIB);
    let (storage, _fake) = storage(move |asked| {
        Some(match asked.header("range") {
            Some(_) => Answer::fault(412, "PreconditionFailed"),
            None => serve(asked, &object),
        })
    })
    .await;
    let error = fetch(&storage).await.unwrap_err();
    assert!(matches!(error, MediaError::Changed(_)), "{error:?}");
}

#[tokio::test]
async fn a_byte_that_turned_on_the_way_is_noticed() {
    for bytes in [MIB, 9 * MIB] {
        let object = content(bytes);
        let (storage, _fake) = storage(move |asked| Some(serve(asked, &object).damaged())).await;
        let error = fetch(&storage).await.unwrap_err();
        assert!(error.to_string().contains("checksum"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_does_not_garble_the_file() {
    let object = content(9 * MIB);
    let (storage, fake) =
        storage(move |_| Some(Answer::new(200, object.as_slice()).with("etag", "\"1\""))).await;
    let error = fetch(&storage).await.unwrap_err();
    assert!(error.to_string().contains("another range"), "{error}");
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_file_that_is_there_is_not_written_over() {
    let (storage, _fake) = storage(|asked| Some(serve(asked, b"new"))).await;
    let work = TempDir::new().unwrap();
    let to = work.path().join("in");
    std::fs::write(&to, "old").unwrap();
    storage
        .fetch(&uri(), None, u64::MAX, &to)
        .await
        .unwrap_err();
    assert_eq!(std::fs::read(&to).unwrap(), b"old");
}
