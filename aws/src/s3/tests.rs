//! The adapter against a server that does what S3 does on a bad day.

mod faults;
mod fetching;
mod signing;
mod uploading;

use std::{path::PathBuf, time::Duration};

use nommer_core::{
    moov::Segment,
    ports::{MediaError, MediaStorage as _, ObjectAttributes, ObjectFacts, Upload},
    secret::Secret,
    uri::MediaUri,
};
use tempfile::TempDir;

use super::{S3Options, S3Storage};
use crate::fake::{Answer, Asked, Fake, ROLE, ROLE_SECRET, TRIES, sdk};

/// Longest that a try of a call without a body takes, where a test waits for just that.
const SOON: Duration = Duration::from_millis(300);

async fn storage(
    answer: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> (S3Storage, Fake) {
    storage_within(Duration::from_secs(20), answer).await
}

/// One that waits so long for an answer.
async fn storage_within(
    limit: Duration,
    answer: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> (S3Storage, Fake) {
    let fake = Fake::start(answer).await;
    let sdk = sdk(&fake.url, limit).await;
    (S3Storage::new(&sdk, S3Options::default()), fake)
}

fn uri() -> MediaUri {
    serde_json::from_value("s3://bucket/out.mp4".into()).unwrap()
}

/// An output of so many bytes on the disk.
fn output(bytes: usize) -> (TempDir, PathBuf, [Segment; 1]) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("out");
    std::fs::write(&file, content(bytes)).unwrap();
    let len = bytes as u64;
    (folder, file, [Segment::Source { offset: 0, len }])
}

/// Bytes that tell where they are.
fn content(bytes: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(bytes + 64);
    for block in 0..bytes.div_ceil(64) as u64 {
        content.extend_from_slice(&[block.to_be_bytes(); 8].concat());
    }
    content.truncate(bytes);
    content
}
