//! Ranges of a source: of one version, all of them, again if that helps.

use std::{
    cell::Cell,
    io::{self, ErrorKind},
    ops::Range,
    time::Duration,
};

use nommer_core::{
    moov::ReadAt,
    ports::{MediaError, MediaStorage, ObjectFacts, Piece},
    uri::{MediaUri, Scheme},
};
use tokio::time::sleep;

/// How often a read is tried that failed for a reason that may pass, and the pause after the first time, doubled each time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(250);

/// How much is read at a time. Web servers may be slow, and what is there needs no more for its index.
pub(super) fn piece_bytes(uri: &MediaUri) -> u64 {
    match uri.scheme() {
        Scheme::Http => 1 << 20,
        Scheme::File | Scheme::S3 => 8 << 20,
    }
}

/// How a source begins that can be read by range.
#[derive(Debug)]
pub(crate) enum Beginning {
    /// This is all of it.
    Whole(Piece),
    /// There is more.
    Part(Piece),
}

/// Reads the beginning. None if it cannot be read by range.
pub(crate) async fn beginning<M: MediaStorage>(
    storage: &M,
    uri: &MediaUri,
    etag: Option<&str>,
) -> Result<Option<Beginning>, MediaError> {
    let head = storage.read(uri, etag, 0..piece_bytes(uri)).await?;
    Ok(head.and_then(|head| {
        let (bytes, _) = (head.facts.bytes?, head.facts.etag.as_ref()?);
        Some(if bytes == head.bytes.len() as u64 {
            Beginning::Whole(head)
        } else {
            Beginning::Part(head)
        })
    }))
}

/// A range of the version that was begun with; all of it.
pub(super) async fn read<M: MediaStorage>(
    storage: &M,
    uri: &MediaUri,
    facts: &ObjectFacts,
    range: Range<u64>,
) -> Result<Vec<u8>, MediaError> {
    let piece = try_to_read(storage, uri, facts.etag.as_deref(), &range).await?;
    let piece = piece.ok_or_else(|| MediaError::Changed(uri.redacted()))?;
    Ok(piece.bytes)
}

/// Reads a range, again if it failed for a reason that may pass, or came short.
async fn try_to_read<M: MediaStorage>(
    storage: &M,
    uri: &MediaUri,
    etag: Option<&str>,
    range: &Range<u64>,
) -> Result<Option<Piece>, MediaError> {
    let mut pause = PAUSE;
    let mut tried = 1;
    loop {
        let read = storage.read(uri, etag, range.clone()).await;
        let read = read.and_then(|piece| match piece {
            Some(piece) if is_short(&piece, range) => Err(MediaError::Unavailable {
                what: format!("read {}", uri.redacted()),
                detail: format!("{} bytes of {range:?} arrived", piece.bytes.len()),
            }),
            piece => Ok(piece),
        });
        match read {
            Err(MediaError::Unavailable { .. }) if tried < TRIES => sleep(pause).await,
            read => return read,
        }
        pause *= 2;
        tried += 1;
    }
}

/// Whether less came than there is.
fn is_short(piece: &Piece, range: &Range<u64>) -> bool {
    let there = piece
        .facts
        .bytes
        .map_or(range.end, |bytes| bytes.min(range.end));
    (piece.bytes.len() as u64) < there.saturating_sub(range.start)
}

/// What is known of a source. What is asked for besides is noted.
pub(super) struct Known {
    pub(super) size: u64,
    pub(super) pieces: Vec<(u64, Vec<u8>)>,
    pub(super) wanted: Cell<Option<(u64, u64)>>,
}

impl ReadAt for Known {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let len = buf.len() as u64;
        if offset.checked_add(len).is_none_or(|end| end > self.size) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let known = |(from, bytes): &'_ (u64, Vec<u8>)| {
            within(*from, bytes, offset, len).map(|found| buf.copy_from_slice(found))
        };
        if self.pieces.iter().find_map(known).is_none() {
            self.wanted.set(Some((offset, len)));
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(())
    }
}

/// The bytes of a range, if they are among those that begin at `from`.
pub(super) fn within(from: u64, bytes: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset.checked_sub(from)?).ok()?;
    bytes.get(start..)?.get(..usize::try_from(len).ok()?)
}
