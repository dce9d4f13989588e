//! Fetching an object: one request if it is small, else ranges side by side, all of the same version.

use std::{io::SeekFrom, path::Path, sync::Arc};

use aws_sdk_s3::{operation::get_object::GetObjectOutput, primitives::ByteStream};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use nommer_core::{
    ports::{MediaError, MediaStorage as _, ObjectFacts},
    uri::MediaUri,
};
use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncSeekExt as _, AsyncWriteExt as _},
    sync::OnceCell,
};

use super::{
    Place, S3Options, S3Storage,
    clients::Clients,
    fault::{S3Fault, disk},
};

/// Bytes of the first request; what is no larger takes one call.
const FIRST: u64 = 8 * 1_024 * 1_024;

/// Bytes of each further one.
const RANGE: u64 = 32 * 1_024 * 1_024;

/// Requests at a time. Each is streamed to the disk, so memory does not grow with them.
const AT_ONCE: usize = 4;

/// How often a broken transfer is taken up again where it broke.
const RESUMES: u32 = 5;

/// What is being fetched, and to where.
struct Transfer<'a> {
    clients: &'a Clients,
    uri: &'a MediaUri,
    place: Place,
    to: &'a Path,
}

pub(super) async fn fetch(
    clients: &Clients,
    uri: &MediaUri,
    etag: Option<&str>,
    to: &Path,
) -> Result<ObjectFacts, MediaError> {
    let transfer = Transfer {
        clients,
        uri,
        place: Place::of(uri)?,
        to,
    };
    let name = &transfer.place.name;
    let first = match transfer.get(0, FIRST, etag).await {
        Ok(first) => first,
        // There is no range in nothing.
        Err(fault) if fault.status == Some(416) => return transfer.empty(etag).await,
        Err(fault) => return Err(fault.explain(name)),
    };
    transfer.make_file().await?;
    let facts = ObjectFacts {
        bytes: total(&first),
        etag: first.e_tag.clone(),
    };
    let bytes = facts.bytes.ok_or_else(|| MediaError::Unavailable {
        what: format!("use {name}"),
        detail: "S3 did not say how large it is".to_owned(),
    })?;
    let version = facts.etag.as_deref();
    transfer
        .save(first.body, (0, bytes.min(FIRST)), version)
        .await?;
    let rest = (0..)
        .map(|part| FIRST + part * RANGE)
        .take_while(|from| *from < bytes);
    let ranges = rest.map(|from| (from, RANGE.min(bytes - from)));
    stream::iter(ranges.map(|(from, length)| transfer.range(from, length, version)))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(facts)
}

/// Size of the whole object, after the answer to a request for a range: `bytes 0-99/1000`.
fn total(answer: &GetObjectOutput) -> Option<u64> {
    let range = answer.content_range.as_deref();
    let stated = range.and_then(|range| range.rsplit_once('/')?.1.parse().ok());
    stated.or_else(|| answer.content_length?.try_into().ok())
}

impl Transfer<'_> {
    /// Makes the file, which must be new. Nothing is made where there is nothing to fetch.
    async fn make_file(&self) -> Result<(), MediaError> {
        let made = File::create_new(self.to).await;
        made.map_err(|error| disk(&self.place.name, &error))?;
        Ok(())
    }

    async fn get(
        &self,
        from: u64,
        length: u64,
        etag: Option<&str>,
    ) -> Result<GetObjectOutput, S3Fault> {
        let last = from + length - 1;
        self.clients
            .call(self.uri, |client| {
                client
                    .get_object()
                    .bucket(&self.place.bucket)
                    .key(&self.place.key)
                    .range(format!("bytes={from}-{last}"))
                    .set_if_match(etag.map(str::to_owned))
                    .send()
            })
            .await
    }

    async fn range(&self, from: u64, length: u64, etag: Option<&str>) -> Result<(), MediaError> {
        let part = self.get(from, length, etag).await;
        let part = part.map_err(|fault| fault.explain(&self.place.name))?;
        self.save(part.body, (from, length), etag).await
    }

    /// Writes a body to its place in the file; where it breaks, the rest is asked for again.
    async fn save(
        &self,
        mut body: ByteStream,
        (from, length): (u64, u64),
        etag: Option<&str>,
    ) -> Result<(), MediaError> {
        let name = &self.place.name;
        let failed = |error: std::io::Error| disk(name, &error);
        let mut file = OpenOptions::new()
            .write(true)
            .open(self.to)
            .await
            .map_err(failed)?;
        file.seek(SeekFrom::Start(from)).await.map_err(failed)?;
        let (mut written, mut resumes) = (0_u64, 0);
        loop {
            match body.try_next().await {
                Ok(Some(chunk)) => {
                    written += chunk.len() as u64;
                    if written > length {
                        let detail = "S3 sent more than was asked for".to_owned();
                        let what = format!("use {name}");
                        return Err(MediaError::Unavailable { what, detail });
                    }
                    file.write_all(&chunk).await.map_err(failed)?;
                    continue;
                }
                Ok(None) if written == length => break,
                Ok(None) | Err(_) if resumes < RESUMES => resumes += 1,
                Ok(None) => return Err(S3Fault::local("the connection ended early").explain(name)),
                Err(error) => return Err(S3Fault::local(error.to_string()).explain(name)),
            }
            let rest = self.get(from + written, length - written, etag).await;
            body = rest.map_err(|fault| fault.explain(name))?.body;
        }
        file.flush().await.map_err(failed)
    }

    /// The file is empty, as it should be if the object is still the one that was looked at.
    async fn empty(&self, etag: Option<&str>) -> Result<ObjectFacts, MediaError> {
        let storage = S3Storage {
            clients: Arc::new(OnceCell::new_with(Some(self.clients.clone()))),
            options: S3Options::default(),
        };
        let name = &self.place.name;
        let found = storage.stat(self.uri).await?;
        let facts = found.ok_or_else(|| MediaError::NotFound(name.clone()))?;
        let same = etag.is_none_or(|etag| facts.etag.as_deref() == Some(etag));
        if same && facts.bytes == Some(0) {
            self.make_file().await?;
            return Ok(facts);
        }
        Err(MediaError::Changed(name.clone()))
    }
}
