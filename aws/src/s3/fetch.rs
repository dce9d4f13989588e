//! Fetching an object: one request if it is small, else ranges side by side, all of the same version.
//!
//! The first request is for the whole object, because only then does S3 answer with its checksum; of a large one, its beginning is
//! read and the rest of the answer is let go.

use std::{io::SeekFrom, ops::Range, path::Path};

use aws_sdk_s3::{
    operation::get_object::GetObjectOutput, primitives::ByteStream, types::ChecksumMode,
};
use crc_fast::Digest;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use nommer_core::{
    ports::{self, MediaError, ObjectFacts},
    uri::MediaUri,
};
use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncSeekExt as _, AsyncWriteExt as _},
};

use super::{
    Place,
    checksum::Expected,
    clients::Clients,
    fault::{S3Fault, disk, in_words},
};

/// Bytes that are read of the first answer; what is no larger takes one call.
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
    /// The version that all requests ask for.
    etag: Option<String>,
    expected: Option<Expected>,
}

/// A piece of the object.
#[derive(Clone, Copy)]
struct Piece {
    from: u64,
    bytes: u64,
}

pub(super) async fn fetch(
    clients: &Clients,
    uri: &MediaUri,
    (etag, most): (Option<&str>, u64),
    to: &Path,
) -> Result<ObjectFacts, MediaError> {
    let mut transfer = Transfer {
        clients,
        uri,
        place: Place::of(uri)?,
        to,
        etag: etag.map(str::to_owned),
        expected: None,
    };
    let first = transfer.get(None).await;
    let first = first.map_err(|fault| fault.explain(&transfer.place.name))?;
    let bytes = first
        .content_length
        .and_then(|bytes| u64::try_from(bytes).ok())
        .ok_or_else(|| transfer.broken("S3 did not say how large it is"))?;
    if bytes > most {
        let name = transfer.place.name;
        return Err(MediaError::TooLarge { name, bytes });
    }
    let facts = ObjectFacts {
        bytes: Some(bytes),
        etag: first.e_tag.clone(),
    };
    transfer.etag.clone_from(&facts.etag);
    transfer.expected = Expected::of(&first);
    // It must be new. Nothing is made where there is nothing to fetch.
    let made = File::create_new(to).await;
    made.map_err(|error| disk(&transfer.place.name, &error))?;
    transfer.receive(first.body, bytes).await?;
    Ok(facts)
}

/// Reads a range. One that begins at the beginning is taken off the whole object, whose checksum then is compared if that was all.
pub(super) async fn read(
    clients: &Clients,
    uri: &MediaUri,
    etag: Option<&str>,
    range: Range<u64>,
) -> Result<ports::Piece, MediaError> {
    let transfer = Transfer {
        clients,
        uri,
        place: Place::of(uri)?,
        to: Path::new(""),
        etag: etag.map(str::to_owned),
        expected: None,
    };
    let piece = Piece {
        from: range.start,
        bytes: range.end - range.start,
    };
    let answer = transfer.get((piece.from > 0).then_some(piece)).await;
    let answer = answer.map_err(|fault| fault.explain(&transfer.place.name))?;
    let total = match &answer.content_range {
        Some(sent) if sent.starts_with(&format!("bytes {}-", piece.from)) => sent
            .split_once('/')
            .and_then(|(_, total)| total.parse().ok()),
        None if piece.from == 0 => answer.content_length.and_then(|all| all.try_into().ok()),
        _ => return Err(transfer.broken("S3 sent another range than was asked for")),
    };
    let total = total.ok_or_else(|| transfer.broken("S3 did not say how large it is"))?;
    let facts = ObjectFacts {
        bytes: Some(total),
        etag: answer.e_tag.clone(),
    };
    let expected = Expected::of(&answer).filter(|_| total <= piece.bytes);
    let bytes = transfer
        .hold(answer.body, piece.bytes.min(total - piece.from.min(total)))
        .await?;
    if let Some(expected) = expected {
        let mut digest = expected.digest();
        digest.update(&bytes);
        if !expected.matches([digest]) {
            return Err(transfer.broken("what arrived does not have the object's checksum"));
        }
    }
    Ok(ports::Piece { facts, bytes })
}

impl Transfer<'_> {
    /// So many bytes of a body.
    async fn hold(&self, mut body: ByteStream, wanted: u64) -> Result<Vec<u8>, MediaError> {
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        while bytes.len() < wanted {
            match body.try_next().await {
                Ok(Some(chunk)) => {
                    let room = wanted - bytes.len();
                    bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                }
                Ok(None) => return Err(self.broken("the connection ended early")),
                Err(error) => return Err(self.broken(in_words(&error))),
            }
        }
        Ok(bytes)
    }

    /// Writes the whole object, of which `first` is the beginning, and compares it with its checksum.
    async fn receive(&self, first: ByteStream, bytes: u64) -> Result<(), MediaError> {
        let beginning = Piece {
            from: 0,
            bytes: bytes.min(FIRST),
        };
        let mut digests = vec![self.save(first, beginning).await?];
        let rest = (FIRST..bytes)
            .step_by(usize::try_from(RANGE).unwrap_or(usize::MAX))
            .map(|from| Piece {
                from,
                bytes: RANGE.min(bytes - from),
            });
        let fetching = stream::iter(rest.map(|piece| async move {
            let body = self.range(piece).await?;
            let digest = self.save(body, piece).await?;
            Ok::<_, MediaError>((piece.from, digest))
        }));
        let fetching = fetching.buffer_unordered(AT_ONCE);
        let mut fetched: Vec<(u64, Option<Digest>)> = fetching.try_collect().await?;
        fetched.sort_unstable_by_key(|(from, _)| *from);
        digests.extend(fetched.into_iter().map(|(_, digest)| digest));
        match &self.expected {
            Some(expected) if !expected.matches(digests.into_iter().flatten()) => {
                Err(self.broken("what arrived does not have the object's checksum"))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn get(&self, piece: Option<Piece>) -> Result<GetObjectOutput, S3Fault> {
        let range = piece.map(|Piece { from, bytes }| format!("bytes={from}-{}", from + bytes - 1));
        let checksum = piece.is_none().then_some(ChecksumMode::Enabled);
        self.clients
            .call(self.uri, |client| {
                client
                    .get_object()
                    .bucket(&self.place.bucket)
                    .key(&self.place.key)
                    .set_range(range.clone())
                    .set_checksum_mode(checksum.clone())
                    .set_if_match(self.etag.clone())
                    .send()
            })
            .await
    }

    /// Asks for a piece, and for nothing but that.
    async fn range(&self, piece: Piece) -> Result<ByteStream, MediaError> {
        let answer = self.get(Some(piece)).await;
        let answer = answer.map_err(|fault| fault.explain(&self.place.name))?;
        let sent = answer.content_range.unwrap_or_default();
        if sent.starts_with(&format!("bytes {}-", piece.from)) {
            return Ok(answer.body);
        }
        Err(self.broken("S3 sent another range than was asked for"))
    }

    /// Writes a body to its place in the file; where it breaks, the rest is asked for again. Sums it up, if there is a checksum.
    async fn save(&self, mut body: ByteStream, piece: Piece) -> Result<Option<Digest>, MediaError> {
        let failed = |error: std::io::Error| disk(&self.place.name, &error);
        let file = OpenOptions::new().write(true).open(self.to).await;
        let mut file = file.map_err(failed)?;
        let at = SeekFrom::Start(piece.from);
        file.seek(at).await.map_err(failed)?;
        let mut digest = self.expected.as_ref().map(Expected::digest);
        let (mut missing, mut resumes) = (piece.bytes, 0);
        while missing > 0 {
            match body.try_next().await {
                Ok(Some(chunk)) => {
                    let wanted = usize::try_from(missing).unwrap_or(usize::MAX);
                    let chunk = &chunk[..chunk.len().min(wanted)];
                    if let Some(digest) = &mut digest {
                        digest.update(chunk);
                    }
                    file.write_all(chunk).await.map_err(failed)?;
                    missing -= chunk.len() as u64;
                    continue;
                }
                Ok(None) | Err(_) if resumes < RESUMES => resumes += 1,
                Ok(None) => return Err(self.broken("the connection ended early, again and again")),
                Err(error) => return Err(self.broken(in_words(&error))),
            }
            let rest = Piece {
                from: piece.from + piece.bytes - missing,
                bytes: missing,
            };
            body = self.range(rest).await?;
        }
        file.flush().await.map_err(failed)?;
        Ok(digest)
    }

    fn broken(&self, detail: impl Into<String>) -> MediaError {
        S3Fault::local(detail).explain(&self.place.name)
    }
}
