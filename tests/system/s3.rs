//! Media in S3 that takes more than one request: fetched in ranges, uploaded in parts. The bucket is the emulator's.

use std::{fs, path::PathBuf};

use aws_sdk_s3::{Client, primitives::ByteStream};
use nommer_aws::{S3Options, S3Storage};
use nommer_core::{
    moov::Segment,
    ports::{MediaError, MediaStorage as _, Upload},
    uri::MediaUri,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    emulator,
    written::{assert_written_once, encode, noisy_clip, written_by},
};

/// Of one object: a first answer and a range; two parts.
const BYTES: usize = 30 * 1_000 * 1_000;

struct Bucket {
    client: Client,
    name: String,
    storage: S3Storage,
    work: TempDir,
}

impl Bucket {
    async fn new() -> Self {
        let sdk = emulator::ministack().config().await;
        let conf = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true);
        let client = Client::from_conf(conf.build());
        let name = format!("test-{}", Uuid::new_v4().simple());
        client.create_bucket().bucket(&name).send().await.unwrap();
        Self {
            client,
            name,
            storage: S3Storage::new(&sdk, S3Options::default()),
            work: TempDir::new().unwrap(),
        }
    }

    fn uri(&self, key: &str) -> MediaUri {
        let text = format!("s3://{}/{key}", self.name);
        serde_json::from_value(text.into()).unwrap()
    }

    fn file(&self, content: &[u8]) -> PathBuf {
        let file = self.work.path().join("out");
        fs::write(&file, content).unwrap();
        file
    }

    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let get = self.client.get_object().bucket(&self.name).key(key);
        let found = get.send().await.ok()?;
        Some(found.body.collect().await.unwrap().to_vec())
    }

    async fn unfinished(&self) -> usize {
        let uploads = self.client.list_multipart_uploads().bucket(&self.name);
        uploads.send().await.unwrap().uploads().len()
    }
}

/// Bytes that tell where they are.
fn content() -> Vec<u8> {
    let blocks = 0..BYTES as u64 / 8;
    blocks.flat_map(u64::to_be_bytes).collect()
}

#[tokio::test]
async fn a_large_object_that_is_fetched_in_ranges_is_the_source() {
    let (bucket, content) = (Bucket::new().await, content());
    let put = bucket.client.put_object().bucket(&bucket.name).key("in");
    let put = put.body(ByteStream::from(content.clone()));
    let etag = put.send().await.unwrap().e_tag;
    let to = bucket.work.path().join("in");
    let facts = bucket
        .storage
        .fetch(&bucket.uri("in"), None, u64::MAX, &to)
        .await;
    let facts = facts.unwrap();
    assert_eq!((facts.bytes, facts.etag), (Some(BYTES as u64), etag));
    assert!(fs::read(&to).unwrap() == content);
}

#[tokio::test]
async fn a_large_output_with_a_moved_index_arrives_whole_and_then_only() {
    let (bucket, content) = (Bucket::new().await, content());
    let index = vec![7; 300_000];
    let (head, tail) = content.split_at(1_000);
    let segments = [
        Segment::Source {
            offset: 0,
            len: head.len() as u64,
        },
        Segment::Bytes(index.clone()),
        Segment::Source {
            offset: head.len() as u64,
            len: tail.len() as u64,
        },
    ];
    let (uri, from) = (bucket.uri("out.mp4"), bucket.file(&content));
    let staged = bucket
        .storage
        .stage(&uri, Upload::new(&from, &segments))
        .await
        .unwrap();
    assert_eq!(
        (bucket.get("out.mp4").await, bucket.unfinished().await),
        (None, 1)
    );

    let etag = bucket.storage.commit(staged, None).await.unwrap().unwrap();
    assert!(etag.trim_matches('"').ends_with("-2"), "{etag}");
    assert!(bucket.get("out.mp4").await.unwrap() == [head, &index, tail].concat());
    assert_eq!(bucket.unfinished().await, 0);
    let found = bucket.storage.stat(&uri).await.unwrap().unwrap();
    assert_eq!(found.etag, Some(etag));
}

#[tokio::test]
async fn a_large_output_replaces_only_what_was_there_and_leaves_no_upload() {
    let (bucket, content) = (Bucket::new().await, content());
    let (uri, from) = (bucket.uri("out.mp4"), bucket.file(&content));
    let whole = [Segment::Source {
        offset: 0,
        len: BYTES as u64,
    }];
    let staged = bucket
        .storage
        .stage(&uri, Upload::new(&from, &whole))
        .await
        .unwrap();
    let put = bucket
        .client
        .put_object()
        .bucket(&bucket.name)
        .key("out.mp4");
    let put = put.body(ByteStream::from_static(b"theirs"));
    put.send().await.unwrap();
    let error = bucket.storage.commit(staged, None).await.unwrap_err();
    assert!(matches!(error, MediaError::Changed(_)), "{error:?}");
    assert_eq!(bucket.get("out.mp4").await.unwrap(), b"theirs");
    assert_eq!(bucket.unfinished().await, 0);
}

#[tokio::test]
async fn an_upload_that_loses_its_file_half_way_leaves_nothing() {
    let (bucket, content) = (Bucket::new().await, content());
    let (uri, from) = (bucket.uri("out.mp4"), bucket.file(&content));
    // The second part is longer than what there is to read.
    let segments = [Segment::Source {
        offset: 0,
        len: 2 * BYTES as u64,
    }];
    let staged = bucket
        .storage
        .stage(&uri, Upload::new(&from, &segments))
        .await;
    assert!(matches!(staged, Err(MediaError::Unavailable { .. })));
    assert_eq!(
        (bucket.get("out.mp4").await, bucket.unfinished().await),
        (None, 0)
    );
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_named() {
    let bucket = Bucket::new().await;
    let nowhere: MediaUri =
        serde_json::from_value(format!("s3://no-{}/out.mp4", bucket.name).into()).unwrap();
    let error = bucket.storage.stat(&nowhere).await.unwrap_err();
    assert!(matches!(error, MediaError::NotFound(_)), "{error:?}");
    assert!(
        error.to_string().contains("the bucket does not exist"),
        "{error}"
    );
}

#[tokio::test]
async fn an_encode_writes_its_output_to_the_disk_once_and_nothing_else() {
    let bucket = Bucket::new().await;
    let source = bucket.work.path().join("in.mp4");
    noisy_clip(&source);
    let put = bucket
        .client
        .put_object()
        .bucket(&bucket.name)
        .key("in.mp4");
    let body = ByteStream::from(fs::read(&source).unwrap());
    put.body(body).send().await.unwrap();
    let [from, to] = ["in", "out"].map(|name| format!("s3://{}/{name}.mp4", bucket.name));
    let mut command = encode(bucket.work.path(), &from, &to);
    command
        .env("AWS_ENDPOINT_URL", emulator::ministack().url())
        .env("AWS_REGION", emulator::REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    let written = tokio::task::spawn_blocking(move || written_by(&mut command)).await;
    let output = bucket.get("out.mp4").await.expect("an output").len() as u64;
    assert_written_once(written.unwrap(), output);
}
