//! Writing an object: brought to S3 first, made visible in one request that fails if the destination changed meanwhile.
//!
//! A small output is kept in memory and sent by that one request: it takes moments, and saves two calls. A larger one is a multipart
//! upload, invisible until it is completed. Uploads that nobody completes are removed by the bucket's lifecycle rule.

use std::{ops::Range, path::Path};

use aws_sdk_s3::{
    primitives::{ByteStream, SdkBody},
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use nommer_core::{
    moov::Segment,
    ports::{MediaError, ObjectFacts},
    uri::MediaUri,
};
use uuid::Uuid;

use super::{
    Place, S3Options,
    clients::Clients,
    fault::{S3Fault, disk},
    parts,
};

/// Largest output that is sent in one request.
const SMALL: u64 = 8 * 1_024 * 1_024;

/// Parts at a time.
const AT_ONCE: usize = 4;

/// Metadata of an object that names the upload it is from: by it, a lost answer is told from a foreign object.
const UPLOAD: &str = "nommer-upload";

/// An output that waits to become visible.
#[derive(Debug)]
pub struct StagedObject {
    uri: MediaUri,
    place: Place,
    /// Names this upload in the object's metadata.
    upload: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// All of it.
    Small(Vec<u8>),
    /// A multipart upload with all its parts.
    Parts {
        id: String,
        done: CompletedMultipartUpload,
    },
}

/// The content type of a file by its name, as browsers need it; none leaves it to S3.
fn content_type(key: &str) -> Option<&'static str> {
    let extension = key.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match extension.as_str() {
        "mp4" | "m4v" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        "mkv" => "video/x-matroska",
        "ts" => "video/mp2t",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        _ => return None,
    })
}

pub(super) async fn stage(
    clients: &Clients,
    options: &S3Options,
    uri: &MediaUri,
    (from, segments): (&Path, &[Segment]),
) -> Result<StagedObject, MediaError> {
    let place = Place::of(uri)?;
    let bytes = parts::length(segments);
    let content = if bytes <= SMALL {
        let body = parts::body(from, segments, &(0..bytes)).await;
        let body = body.map_err(|error| disk(&place.name, &error))?;
        let collected = body.collect().await;
        Content::Small(
            collected
                .map_err(|error| S3Fault::local(error.to_string()).explain(&place.name))?
                .to_vec(),
        )
    } else {
        Content::Small(Vec::new())
    };
    let mut staged = StagedObject {
        uri: uri.clone(),
        place,
        upload: Uuid::new_v4().simple().to_string(),
        content,
    };
    if bytes > SMALL {
        staged.content = staged
            .send_parts(clients, options, (from, segments))
            .await?;
    }
    Ok(staged)
}

impl StagedObject {
    /// Sends all parts, and takes them back if one cannot be sent.
    async fn send_parts(
        &self,
        clients: &Clients,
        options: &S3Options,
        (from, segments): (&Path, &[Segment]),
    ) -> Result<Content, MediaError> {
        let id = self.create(clients, options).await;
        let id = id.map_err(|fault| fault.explain(&self.place.name))?;
        let ranges = parts::parts(parts::length(segments));
        let mut sending = Vec::new();
        for (number, range) in (1..).zip(ranges) {
            sending.push(self.send_part(clients, &id, number, (from, segments, range)));
        }
        let sent = stream::iter(sending).buffered(AT_ONCE);
        match sent.try_collect::<Vec<CompletedPart>>().await {
            Ok(done) => Ok(Content::Parts {
                id,
                done: CompletedMultipartUpload::builder()
                    .set_parts(Some(done))
                    .build(),
            }),
            Err(error) => {
                self.abort(clients, &id).await;
                Err(error)
            }
        }
    }

    async fn create(&self, clients: &Clients, options: &S3Options) -> Result<String, S3Fault> {
        let answer = clients
            .call(&self.uri, |client| {
                client
                    .create_multipart_upload()
                    .bucket(&self.place.bucket)
                    .key(&self.place.key)
                    .checksum_algorithm(ChecksumAlgorithm::Crc32)
                    .set_content_type(content_type(&self.place.key).map(str::to_owned))
                    .metadata(UPLOAD, &self.upload)
                    .set_acl(options.acl.clone())
                    .set_storage_class(options.storage_class.clone())
                    .set_server_side_encryption(options.encryption.clone())
                    .set_ssekms_key_id(options.kms_key_id.clone())
                    .send()
            })
            .await?;
        answer
            .upload_id
            .ok_or_else(|| S3Fault::local("S3 named no upload"))
    }

    async fn send_part(
        &self,
        clients: &Clients,
        id: &str,
        number: i32,
        (from, segments, range): (&Path, &[Segment], Range<u64>),
    ) -> Result<CompletedPart, MediaError> {
        let name = &self.place.name;
        let body = parts::body(from, segments, &range).await;
        let body = body.map_err(|error| disk(name, &error))?.into_inner();
        let answer = clients
            .call(&self.uri, |client| {
                client
                    .upload_part()
                    .bucket(&self.place.bucket)
                    .key(&self.place.key)
                    .upload_id(id)
                    .part_number(number)
                    .checksum_algorithm(ChecksumAlgorithm::Crc32)
                    .body(ByteStream::new(
                        body.try_clone().unwrap_or_else(SdkBody::taken),
                    ))
                    .send()
            })
            .await
            .map_err(|fault| fault.explain(name))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .build())
    }

    async fn abort(&self, clients: &Clients, id: &str) {
        let aborted = clients
            .call(&self.uri, |client| {
                client
                    .abort_multipart_upload()
                    .bucket(&self.place.bucket)
                    .key(&self.place.key)
                    .upload_id(id)
                    .send()
            })
            .await;
        if let Err(fault) = aborted
            && fault.status != Some(404)
        {
            tracing::warn!(object = self.place.name, error = ?fault, "an upload was left to the bucket's lifecycle rule");
        }
    }

    /// Makes the output visible.
    async fn show(
        &self,
        clients: &Clients,
        options: &S3Options,
        before: Option<&ObjectFacts>,
    ) -> Result<Option<String>, S3Fault> {
        let as_it_was = before.and_then(|facts| facts.etag.clone());
        let as_nothing = before.is_none().then(|| "*".to_owned());
        match &self.content {
            Content::Small(bytes) => clients
                .call(&self.uri, |client| {
                    client
                        .put_object()
                        .bucket(&self.place.bucket)
                        .key(&self.place.key)
                        .body(ByteStream::from(bytes.clone()))
                        .checksum_algorithm(ChecksumAlgorithm::Crc32)
                        .set_content_type(content_type(&self.place.key).map(str::to_owned))
                        .metadata(UPLOAD, &self.upload)
                        .set_acl(options.acl.clone())
                        .set_storage_class(options.storage_class.clone())
                        .set_server_side_encryption(options.encryption.clone())
                        .set_ssekms_key_id(options.kms_key_id.clone())
                        .set_if_match(as_it_was.clone())
                        .set_if_none_match(as_nothing.clone())
                        .send()
                })
                .await
                .map(|answer| answer.e_tag),
            Content::Parts { id, done } => clients
                .call(&self.uri, |client| {
                    client
                        .complete_multipart_upload()
                        .bucket(&self.place.bucket)
                        .key(&self.place.key)
                        .upload_id(id)
                        .multipart_upload(done.clone())
                        .set_if_match(as_it_was.clone())
                        .set_if_none_match(as_nothing.clone())
                        .send()
                })
                .await
                .map(|answer| answer.e_tag),
        }
    }

    /// The object's version tag, if it is from this very upload: then a request that seemed to fail did not.
    async fn shown(&self, clients: &Clients) -> Option<Option<String>> {
        let looked = clients.call(&self.uri, |client| {
            let request = client.head_object();
            let request = request.bucket(&self.place.bucket).key(&self.place.key);
            request.send()
        });
        let found = looked.await.ok()?;
        let from = found.metadata.as_ref()?.get(UPLOAD)?;
        (*from == self.upload).then_some(found.e_tag)
    }
}

pub(super) async fn commit(
    clients: &Clients,
    options: &S3Options,
    staged: StagedObject,
    before: Option<&ObjectFacts>,
) -> Result<Option<String>, MediaError> {
    let shown = staged.show(clients, options, before).await;
    let fault = match shown {
        Ok(etag) => return Ok(etag),
        Err(fault) => fault,
    };
    if let Some(etag) = staged.shown(clients).await {
        return Ok(etag);
    }
    let name = staged.place.name.clone();
    discard(clients, staged).await;
    // What was to be replaced is gone: that is a change, too.
    if fault.status == Some(404) && fault.code.as_deref() == Some("NoSuchKey") {
        return Err(MediaError::Changed(name));
    }
    Err(fault.explain(&name))
}

pub(super) async fn discard(clients: &Clients, staged: StagedObject) {
    if let Content::Parts { id, .. } = &staged.content {
        staged.abort(clients, id).await;
    }
}
