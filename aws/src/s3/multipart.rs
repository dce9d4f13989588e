//! A multipart upload: its parts are sent side by side, and nothing is visible before it is completed.
//!
//! An upload that is dropped while it is open, as when its attempt is canceled, is aborted in the background.

use std::{ops::Range, path::Path, sync::Arc, time::Duration};

use aws_sdk_s3::{
    primitives::{ByteStream, SdkBody},
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use nommer_core::{moov::Segment, ports::MediaError};
use tokio::runtime::Handle;

use super::{
    clients::{time_for, within},
    fault::{S3Fault, disk},
    parts,
    upload::{Condition, Target, content_type},
};

/// Parts at a time.
const AT_ONCE: usize = 4;

/// S3 puts the parts of a large object together while the caller waits, for minutes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>
const JOINING: Duration = Duration::from_mins(5);

/// An upload.
#[derive(Debug)]
pub(super) struct Multipart {
    target: Arc<Target>,
    id: String,
    /// Whether there is something to abort.
    open: bool,
}

impl Multipart {
    pub(super) async fn create(target: &Arc<Target>) -> Result<Self, MediaError> {
        let options = &target.options;
        let created = target.clients.call(&target.uri, |client| {
            client
                .create_multipart_upload()
                .bucket(&target.place.bucket)
                .key(&target.place.key)
                .checksum_algorithm(ChecksumAlgorithm::Crc32)
                .set_content_type(content_type(&target.place.key).map(str::to_owned))
                .set_metadata(Some(target.metadata()))
                .set_cache_control(options.cache_control.clone())
                .set_acl(options.acl.clone())
                .set_storage_class(options.storage_class.clone())
                .set_server_side_encryption(options.encryption.clone())
                .set_ssekms_key_id(options.kms_key_id.clone())
                .send()
        });
        let id = created.await.and_then(|answer| {
            let id = answer.upload_id;
            id.ok_or_else(|| S3Fault::local("S3 named no upload"))
        });
        Ok(Self {
            target: Arc::clone(target),
            id: id.map_err(|fault| fault.explain(&target.place.name))?,
            open: true,
        })
    }

    /// Sends all parts.
    pub(super) async fn send(
        &self,
        from: &Path,
        segments: &[Segment],
    ) -> Result<CompletedMultipartUpload, MediaError> {
        let ranges = parts::parts(parts::length(segments));
        let mut sending = Vec::new();
        for (number, range) in (1..).zip(ranges) {
            sending.push(self.send_part(number, (from, segments, range)));
        }
        let sent = stream::iter(sending).buffered(AT_ONCE);
        let done: Vec<CompletedPart> = sent.try_collect().await?;
        let upload = CompletedMultipartUpload::builder().set_parts(Some(done));
        Ok(upload.build())
    }

    async fn send_part(
        &self,
        number: i32,
        (from, segments, range): (&Path, &[Segment], Range<u64>),
    ) -> Result<CompletedPart, MediaError> {
        let target = &self.target;
        let name = &target.place.name;
        let body = parts::body(from, segments, &range).await;
        let body = body.map_err(|error| disk(name, &error))?.into_inner();
        let limits = within(time_for(range.end - range.start));
        let sent = target.clients.call(&target.uri, |client| {
            let body = body.try_clone().unwrap_or_else(SdkBody::taken);
            client
                .upload_part()
                .bucket(&target.place.bucket)
                .key(&target.place.key)
                .upload_id(&self.id)
                .part_number(number)
                .checksum_algorithm(ChecksumAlgorithm::Crc32)
                .body(ByteStream::new(body))
                .customize()
                .config_override(limits.clone())
                .send()
        });
        let answer = sent.await.map_err(|fault| fault.explain(name))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .build())
    }

    /// Makes the object visible, and gives its version tag.
    pub(super) async fn complete(
        &mut self,
        done: &CompletedMultipartUpload,
        only: &Condition,
    ) -> Result<Option<String>, S3Fault> {
        let target = &self.target;
        let completed = target.clients.call(&target.uri, |client| {
            client
                .complete_multipart_upload()
                .bucket(&target.place.bucket)
                .key(&target.place.key)
                .upload_id(&self.id)
                .multipart_upload(done.clone())
                .set_if_match(only.matches.clone())
                .set_if_none_match(only.matches_none.clone())
                .customize()
                .config_override(within(JOINING))
                .send()
        });
        let etag = completed.await?.e_tag;
        self.forget();
        Ok(etag)
    }

    /// It is complete.
    pub(super) fn forget(&mut self) {
        self.open = false;
    }

    /// Takes back what was sent.
    pub(super) async fn abort(&mut self) {
        abort(&self.target, &self.id).await;
        self.open = false;
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let (target, id) = (Arc::clone(&self.target), std::mem::take(&mut self.id));
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { abort(&target, &id).await });
        }
    }
}

async fn abort(target: &Target, id: &str) {
    let aborted = target.clients.call(&target.uri, |client| {
        client
            .abort_multipart_upload()
            .bucket(&target.place.bucket)
            .key(&target.place.key)
            .upload_id(id)
            .send()
    });
    if let Err(fault) = aborted.await
        && fault.status != Some(404)
    {
        tracing::warn!(object = target.place.name, error = ?fault, "an upload was left to the bucket's lifecycle rule");
    }
}
