//! Writing an object: brought to S3 first, made visible in one request that fails if the destination changed meanwhile.
//!
//! A small output is kept in memory and sent by that one request: it takes moments, and saves two calls. A larger one is a multipart
//! upload, invisible until it is completed. What nobody completes is aborted; what cannot be aborted, because the machine is gone,
//! is removed by the bucket's lifecycle rule.

use std::{collections::HashMap, fmt, path::Path, sync::Arc};

use aws_sdk_s3::{
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload},
};
use nommer_core::{
    moov::Segment,
    ports::{MediaError, ObjectFacts, Upload},
    uri::MediaUri,
};
use uuid::Uuid;

use super::{
    Place, S3Options,
    clients::{Clients, time_for, within},
    fault::{S3Fault, disk, in_words},
    multipart::Multipart,
    parts,
};

/// Largest output that is sent in one request.
pub(super) const SMALL: u64 = 8 * 1_024 * 1_024;

/// Metadata of an object that names the upload it is from: by it, a lost answer is told from a foreign object.
const UPLOAD: &str = "nommer-upload";

/// An object that is being written: where, how, and by whom.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) clients: Clients,
    pub(super) options: S3Options,
    pub(super) uri: MediaUri,
    pub(super) place: Place,
    /// Names this upload in the object's metadata.
    pub(super) upload: String,
}

/// What must be at the destination when an output becomes visible.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// The version there was.
    pub(super) matches: Option<String>,
    /// That there was none: `*`.
    pub(super) matches_none: Option<String>,
}

/// An output that waits to become visible.
#[derive(Debug)]
pub struct StagedObject {
    target: Arc<Target>,
    content: Content,
}

enum Content {
    /// All of it.
    Small(Vec<u8>),
    /// A multipart upload with all its parts.
    Parts(Multipart, CompletedMultipartUpload),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Small(bytes) => write!(f, "Small({} bytes)", bytes.len()),
            Self::Parts(upload, done) => write!(f, "Parts({upload:?}, {})", done.parts().len()),
        }
    }
}

/// The content type of a file by its name, as browsers need it; none leaves it to S3.
pub(super) fn content_type(key: &str) -> Option<&'static str> {
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
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "m4s" => "video/iso.segment",
        "vtt" => "text/vtt",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        _ => return None,
    })
}

/// Brings an output to S3. In memory are four parts at most, of 16 MiB each while the output is smaller than 156 GiB.
pub(super) async fn stage(
    clients: &Clients,
    options: &S3Options,
    uri: &MediaUri,
    asked: Upload<'_>,
) -> Result<StagedObject, MediaError> {
    let target = Arc::new(Target {
        clients: clients.clone(),
        options: options.with(asked.attributes),
        uri: uri.clone(),
        place: Place::of(uri)?,
        upload: Uuid::new_v4().simple().to_string(),
    });
    let (from, segments) = (asked.from, asked.segments);
    let bytes = parts::length(segments);
    let content = if bytes <= SMALL {
        Content::Small(target.read(from, segments, bytes).await?)
    } else {
        let mut upload = Multipart::create(&target).await?;
        match upload.send(from, segments).await {
            Ok(done) => Content::Parts(upload, done),
            Err(error) => {
                upload.abort().await;
                return Err(error);
            }
        }
    };
    Ok(StagedObject { target, content })
}

impl Target {
    /// The caller's, and the name of this upload.
    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let theirs = self.options.metadata.clone().into_iter();
        let ours = (UPLOAD.to_owned(), self.upload.clone());
        theirs.chain([ours]).collect()
    }

    async fn read(
        &self,
        from: &Path,
        segments: &[Segment],
        bytes: u64,
    ) -> Result<Vec<u8>, MediaError> {
        let name = &self.place.name;
        let body = parts::body(from, segments, &(0..bytes)).await;
        let body = body.map_err(|error| disk(name, &error))?;
        let collected = body.collect().await;
        let collected =
            collected.map_err(|error| S3Fault::local(in_words(&error)).explain(name))?;
        Ok(collected.to_vec())
    }

    async fn put(&self, bytes: &[u8], only: &Condition) -> Result<Option<String>, S3Fault> {
        let limits = within(time_for(bytes.len() as u64));
        let put = self.clients.call(&self.uri, |client| {
            client
                .put_object()
                .bucket(&self.place.bucket)
                .key(&self.place.key)
                .body(ByteStream::from(bytes.to_vec()))
                .checksum_algorithm(ChecksumAlgorithm::Crc32)
                .set_content_type(content_type(&self.place.key).map(str::to_owned))
                .set_metadata(Some(self.metadata()))
                .set_cache_control(self.options.cache_control.clone())
                .set_acl(self.options.acl.clone())
                .set_storage_class(self.options.storage_class.clone())
                .set_server_side_encryption(self.options.encryption.clone())
                .set_ssekms_key_id(self.options.kms_key_id.clone())
                .set_if_match(only.matches.clone())
                .set_if_none_match(only.matches_none.clone())
                .customize()
                .config_override(limits.clone())
                .send()
        });
        Ok(put.await?.e_tag)
    }

    /// The object's version tag, if it is from this very upload: then a request that seemed to fail did not.
    async fn shown(&self) -> Option<Option<String>> {
        let looked = self.clients.call(&self.uri, |client| {
            let request = client.head_object();
            let request = request.bucket(&self.place.bucket).key(&self.place.key);
            request.send()
        });
        let found = looked.await.ok()?;
        let from = found.metadata.as_ref()?.get(UPLOAD)?;
        (*from == self.upload).then_some(found.e_tag)
    }
}

impl StagedObject {
    /// Makes it visible.
    pub(super) async fn commit(
        mut self,
        before: Option<&ObjectFacts>,
    ) -> Result<Option<String>, MediaError> {
        let only = Condition {
            matches: before.and_then(|facts| facts.etag.clone()),
            matches_none: before.is_none().then(|| "*".to_owned()),
        };
        let shown = match &mut self.content {
            Content::Small(bytes) => self.target.put(bytes, &only).await,
            Content::Parts(upload, done) => upload.complete(done, &only).await,
        };
        let fault = match shown {
            Ok(etag) => return Ok(etag),
            Err(fault) => fault,
        };
        if let Some(etag) = self.target.shown().await {
            self.forget();
            return Ok(etag);
        }
        let name = self.target.place.name.clone();
        self.discard().await;
        // What was to be replaced is gone: that is a change, too.
        if fault.code.as_deref() == Some("NoSuchKey") {
            return Err(MediaError::Changed(name));
        }
        Err(fault.explain(&name))
    }

    /// Nothing is left to abort.
    fn forget(&mut self) {
        if let Content::Parts(upload, _) = &mut self.content {
            upload.forget();
        }
    }

    pub(super) async fn discard(mut self) {
        if let Content::Parts(upload, _) = &mut self.content {
            upload.abort().await;
        }
    }
}
