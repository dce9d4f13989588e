//! A source that is encoded while it arrives: FFmpeg reads it from a pipe that lies in the work folder under the name of its file.
//!
//! Only MP4 and MOV come this way. Their index tells where the media data lies, so it is read first, wherever it is, and goes first
//! into the pipe, as it would be moved in an output. What a server sends is checked for its version, never FFmpeg's to ask for.

mod pipe;
mod read;

use std::{cell::Cell, fs::File, io::ErrorKind, os::unix::fs::FileExt as _, path::Path};

use nommer_core::{
    moov::{MoovError, Reason, Relocation, Segment, plan_relocation},
    ports::{MediaError, MediaStorage, ObjectFacts, Piece},
    uri::MediaUri,
};
use tokio::{io::AsyncWriteExt as _, time::sleep};

use pipe::{LOOK, broken, goes_on, writer};
pub(crate) use pipe::{beside, make_pipe};
pub(crate) use read::{Beginning, beginning};
use read::{Known, piece_bytes, read, within};

/// Largest index that is held in memory; sources with a larger one are fetched first.
const MOST_INDEX: u64 = 32 << 20;

/// Most reads that an index may take: a header for each box before it, and itself.
const MOST_READS: usize = 16;

/// Bytes that are taken from a growing file at a time.
const CHUNK: u64 = 256 << 10;

/// A source that has begun to arrive.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) facts: ObjectFacts,
    head: Vec<u8>,
    /// Its pieces in the order in which FFmpeg needs them.
    segments: Vec<Segment>,
}

impl Stream {
    /// Finds out in which order its pieces are needed. None if that cannot be told, or if all of it is needed at any time.
    pub(crate) async fn of<M: MediaStorage>(
        storage: &M,
        uri: &MediaUri,
        head: Piece,
    ) -> Result<Option<Self>, MediaError> {
        let size = head.facts.bytes.unwrap_or(0);
        let mut known = Known {
            size,
            pieces: vec![(0, head.bytes)],
            wanted: Cell::default(),
        };
        for _ in 0..MOST_READS {
            let segments = match plan_relocation(&known) {
                Ok(Relocation::Plan(segments)) => segments,
                Ok(Relocation::Unneeded(Reason::AlreadyFirst)) => {
                    vec![Segment::Source {
                        offset: 0,
                        len: size,
                    }]
                }
                Err(MoovError::Read { .. }) => {
                    let Some((from, len)) =
                        known.wanted.take().filter(|wanted| wanted.1 <= MOST_INDEX)
                    else {
                        return Ok(None);
                    };
                    let to = (from + len.max(piece_bytes(uri))).min(size);
                    let piece = read(storage, uri, &head.facts, from..to).await?;
                    known.pieces.push((from, piece));
                    continue;
                }
                _ => return Ok(None),
            };
            return Ok(Some(Self {
                facts: head.facts,
                head: known.pieces.swap_remove(0).1,
                segments,
            }));
        }
        Ok(None)
    }

    /// Writes the source into the pipe, reading ahead by one piece, until all is written or the reader has enough.
    pub(crate) async fn pour<M: MediaStorage>(
        &self,
        storage: &M,
        uri: &MediaUri,
        pipe: &Path,
    ) -> Result<(), MediaError> {
        let mut to = writer(pipe).await.map_err(|error| broken(&error))?;
        let mut pieces = self.pieces(piece_bytes(uri)).into_iter();
        let mut piece = self.next(storage, uri, &mut pieces).await?;
        while let Some(bytes) = piece {
            let read = self.next(storage, uri, &mut pieces);
            let (written, read) = tokio::join!(to.write_all(&bytes), read);
            if !goes_on(written)? {
                break;
            }
            piece = read?;
        }
        Ok(())
    }

    /// The same out of a file that grows to be the source meanwhile.
    pub(crate) async fn pour_file(&self, file: &Path, pipe: &Path) -> Result<(), MediaError> {
        let mut to = writer(pipe).await.map_err(|error| broken(&error))?;
        let source = loop {
            match File::open(file) {
                Err(error) if error.kind() == ErrorKind::NotFound => sleep(LOOK).await,
                opened => break opened.map_err(|error| broken(&error))?,
            }
        };
        for segment in self.pieces(CHUNK) {
            let bytes = match segment {
                Segment::Bytes(bytes) => bytes,
                Segment::Source { offset, len } => {
                    while source.metadata().map_err(|error| broken(&error))?.len() < offset + len {
                        sleep(LOOK).await;
                    }
                    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
                    source
                        .read_exact_at(&mut bytes, offset)
                        .map_err(|error| broken(&error))?;
                    bytes
                }
            };
            if !goes_on(to.write_all(&bytes).await)? {
                break;
            }
        }
        Ok(())
    }

    async fn next<M: MediaStorage>(
        &self,
        storage: &M,
        uri: &MediaUri,
        pieces: &mut std::vec::IntoIter<Segment>,
    ) -> Result<Option<Vec<u8>>, MediaError> {
        Ok(match pieces.next() {
            None => None,
            Some(Segment::Bytes(bytes)) => Some(bytes),
            Some(Segment::Source { offset, len }) => {
                Some(match within(0, &self.head, offset, len) {
                    Some(bytes) => bytes.to_vec(),
                    None => read(storage, uri, &self.facts, offset..offset + len).await?,
                })
            }
        })
    }

    /// The segments in pieces of at most so many bytes.
    fn pieces(&self, most: u64) -> Vec<Segment> {
        let mut pieces = Vec::new();
        for segment in &self.segments {
            match segment {
                Segment::Bytes(_) => pieces.push(segment.clone()),
                Segment::Source { offset, len } => {
                    let mut at = *offset;
                    let end = offset + len;
                    while at < end {
                        // So that what is known already is not read again.
                        let until = (at / most + 1) * most;
                        let to = end.min(until);
                        pieces.push(Segment::Source {
                            offset: at,
                            len: to - at,
                        });
                        at = to;
                    }
                }
            }
        }
        pieces
    }
}
