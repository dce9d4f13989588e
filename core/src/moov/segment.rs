//! The pieces of a relocated file, and the file that they make.
//!
//! Holds no media: what comes from the source is named, and read when it is asked for.

use super::ReadAt;
use std::io;

/// A piece of the output file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Bytes of the source file.
    Source {
        /// Position of the first one.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// Bytes that are not in the source file: the patched `moov`.
    Bytes(Vec<u8>),
}

impl Segment {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Source { len, .. } => *len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

/// Length in bytes of the file that `segments` make.
pub fn output_size(segments: &[Segment]) -> u64 {
    segments.iter().map(Segment::size).sum()
}

/// The output file, readable by position without being written anywhere, so that the parts of an
/// upload can be read, and read again, in any order.
#[derive(Debug)]
pub struct Relocated<R> {
    source: R,
    segments: Vec<Segment>,
}

impl<R: ReadAt> Relocated<R> {
    /// The file that `segments`, planned for `source`, make.
    pub fn new(source: R, segments: Vec<Segment>) -> Self {
        Self { source, segments }
    }
}

impl<R: ReadAt> ReadAt for Relocated<R> {
    fn size(&self) -> u64 {
        output_size(&self.segments)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut rest = buf;
        let mut skip = offset;
        for segment in &self.segments {
            if rest.is_empty() {
                break;
            }
            let held = segment.size().saturating_sub(skip);
            if held == 0 {
                skip -= segment.size();
                continue;
            }
            let take = usize::try_from(held).map_or(rest.len(), |held| held.min(rest.len()));
            let (now, later) = rest.split_at_mut(take);
            match segment {
                Segment::Source { offset, .. } => self.source.read_exact_at(now, offset + skip)?,
                Segment::Bytes(bytes) => bytes.read_exact_at(now, skip)?,
            }
            rest = later;
            skip = 0;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}
