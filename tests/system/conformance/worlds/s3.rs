//! Media in S3: a bucket of this world's own on the emulator.

use aws_sdk_s3::{Client, primitives::ByteStream};
use nommer_aws::{S3Options, S3Outputs, S3Storage};
use nommer_core::uri::MediaUri;
use uuid::Uuid;

use super::super::MediaWorld;
use crate::emulator;

/// What the suite itself put there or asked for.
const PREFIX: &str = "media/";

/// A bucket.
pub(crate) struct S3 {
    client: Client,
    bucket: String,
    storage: S3Storage,
    outputs: S3Outputs,
}

impl S3 {
    fn key(name: &str) -> String {
        format!("{PREFIX}{name}")
    }
}

impl MediaWorld for S3 {
    type Storage = S3Storage;
    type Outputs = S3Outputs;

    async fn new() -> Self {
        let sdk = emulator::ministack().config().await;
        let conf = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true);
        let client = Client::from_conf(conf.build());
        let bucket = format!("test-{}", Uuid::new_v4().simple());
        client.create_bucket().bucket(&bucket).send().await.unwrap();
        Self {
            client,
            outputs: S3Outputs::new(&sdk, &bucket).unwrap(),
            bucket,
            storage: S3Storage::new(&sdk, S3Options::default()),
        }
    }

    fn storage(&self) -> &S3Storage {
        &self.storage
    }

    fn outputs(&self) -> &S3Outputs {
        &self.outputs
    }

    fn uri(&self, name: &str) -> MediaUri {
        let text = format!("s3://{}/{}", self.bucket, Self::key(name));
        serde_json::from_value(text.into()).unwrap()
    }

    async fn put(&self, name: &str, content: &str) {
        let body = ByteStream::from(content.as_bytes().to_vec());
        let put = self.client.put_object().bucket(&self.bucket);
        put.key(Self::key(name)).body(body).send().await.unwrap();
    }

    async fn get(&self, name: &str) -> Option<String> {
        let get = self.client.get_object().bucket(&self.bucket);
        let found = get.key(Self::key(name)).send().await.ok()?;
        let bytes = found.body.collect().await.unwrap().into_bytes();
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn remove(&self, name: &str) {
        let delete = self.client.delete_object().bucket(&self.bucket);
        delete.key(Self::key(name)).send().await.unwrap();
    }

    async fn leftovers(&self) -> usize {
        let uploads = self.client.list_multipart_uploads().bucket(&self.bucket);
        let uploads = uploads.send().await.unwrap();
        let objects = self.client.list_objects_v2().bucket(&self.bucket);
        let objects = objects.send().await.unwrap();
        let foreign = objects
            .contents()
            .iter()
            .filter(|object| !object.key().is_some_and(|key| key.starts_with(PREFIX)));
        uploads.uploads().len() + foreign.count()
    }
}
