//! A source that is encoded while it arrives: FFmpeg reads it from a pipe that lies in the work folder under the name of its file.
//!
//! Only MP4 and MOV come this way. Their index tells where the media data lies, so it is read first, wherever it is, and goes first
//! into the pipe, as it would be moved in an output. What a server sends is checked for its version, never FFmpeg's to ask for.

use std::{
    cell::Cell,
    fs::File,
    io::{self, ErrorKind},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::Path,
    pin::pin,
    time::Duration,
};

use nix::{errno::Errno, sys::stat::Mode, unistd::mkfifo};
use nommer_core::{
    moov::{MoovError, ReadAt, Reason, Relocation, Segment, plan_relocation},
    ports::{MediaError, MediaStorage, ObjectFacts, Piece},
    uri::{MediaUri, Scheme},
};
use tokio::{
    io::AsyncWriteExt as _,
    net::unix::pipe::{OpenOptions, Sender},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Largest index that is held in memory; sources with a larger one are fetched first.
const MOST_INDEX: u64 = 32 << 20;

/// Most reads that an index may take: a header for each box before it, and itself.
const MOST_READS: usize = 16;

/// How often a read is tried that failed for a reason that may pass, and the pause after the first time, doubled each time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(250);

/// Pause between two looks for a reader of the pipe, and for more of a file that still grows.
const LOOK: Duration = Duration::from_millis(5);

/// Bytes that are taken from a growing file at a time.
const CHUNK: u64 = 256 << 10;

/// How much is read at a time. Web servers may be slow, and what is there needs no more for its index.
fn piece_bytes(uri: &MediaUri) -> u64 {
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

/// Waits for a program that reads a pipe, while that is filled. What the filling fails with ends the program.
pub(crate) async fn beside<T>(
    program: impl Future<Output = T>,
    filling: impl Future<Output = Result<(), MediaError>>,
    stop: &CancellationToken,
) -> Result<T, MediaError> {
    let mut program = pin!(program);
    tokio::select! {
        biased;
        done = &mut program => Ok(done),
        filled = filling => {
            if let Err(error) = filled {
                stop.cancel();
                program.await;
                return Err(error);
            }
            Ok(program.await)
        }
    }
}

/// Makes the pipe.
pub(crate) fn make_pipe(at: &Path) -> Result<(), MediaError> {
    mkfifo(at, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|error| broken(&error.into()))
}

/// The pipe's writing end, once somebody reads: a pipe without a reader would lose what is written before it is closed.
async fn writer(pipe: &Path) -> io::Result<Sender> {
    loop {
        match OpenOptions::new().open_sender(pipe) {
            Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => sleep(LOOK).await,
            opened => return opened,
        }
    }
}

/// Whether there is still a reader.
fn goes_on(written: io::Result<()>) -> Result<bool, MediaError> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(broken(&error)),
    }
}

fn broken(error: &io::Error) -> MediaError {
    MediaError::Unavailable {
        what: "hand the source to FFmpeg".to_owned(),
        detail: error.to_string(),
    }
}

/// A range of the version that was begun with; all of it.
async fn read<M: MediaStorage>(
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
struct Known {
    size: u64,
    pieces: Vec<(u64, Vec<u8>)>,
    wanted: Cell<Option<(u64, u64)>>,
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
fn within(from: u64, bytes: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset.checked_sub(from)?).ok()?;
    bytes.get(start..)?.get(..usize::try_from(len).ok()?)
}
