//! Moves the index of an MP4 or MOV file (its `moov` box) before the media data, so that
//! playback can start while the file still downloads.
//!
//! The result is a list of segments: ranges of the source file, and a patched `moov`. Whoever
//! uploads the file streams the segments; no second copy is ever written. Only the top-level box
//! headers and the `moov` are read, so the work does not grow with the media. Every byte outside
//! the `moov` is kept, and inside it only chunk offsets change, and box sizes where 32-bit offsets
//! have to become 64-bit ones.
//!
//! Nothing here writes, and nothing reads but through [`ReadAt`]. A file whose other tables of
//! absolute offsets we cannot patch is refused, never published with dangling references.
//!
//! Format: ISO/IEC 14496-12 (ISO base media) and Apple's MOV format. The result equals that of
//! FFmpeg's `qt-faststart` to the byte, but where that tool leaves offsets behind: those of `saio`,
//! and those of a `co64` beside tables that have to widen.

mod boxes;
mod layout;
mod rewrite;
mod segment;
mod tables;

use std::{fmt, io};

pub use segment::{Relocated, Segment, output_size};

use boxes::{Budget, Loaded};
use layout::Layout;

/// Bytes of `moov` that we are ready to hold in memory.
///
/// The index of a full day of 60 frames a second takes about 100 MB; more than this is an attack
/// or damage. Patching takes at most three times as much memory.
pub const MAX_MOOV_BYTES: u64 = 256 << 20;

/// Boxes of one file that we look at: those of the top level, and those that tracks consist of.
///
/// A recorder that starts an `mdat` every second fills this in 36 hours; a track takes about 25, so
/// it also stands for five thousand tracks.
pub const MAX_BOXES: usize = 1 << 17;

/// Bytes of a block of most file systems: the room of an aligned relocation to a folder of this machine.
pub const FILE_BLOCK: u16 = 4_096;

/// Read access to a file by position. The caller implements it, since this crate does no IO.
pub trait ReadAt {
    /// Length of the file in bytes. It must not change while a plan is made or read.
    fn size(&self) -> u64;

    /// Fills `buf` from byte `offset` on, or fails with [`io::ErrorKind::UnexpectedEof`].
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;
}

impl<R: ReadAt + ?Sized> ReadAt for &R {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buf, offset)
    }
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..)?.get(..buf.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }
}

/// What to publish in place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relocation {
    /// The file itself, as it is.
    Unneeded(Reason),
    /// These segments, one after the other.
    Plan(Vec<Segment>),
}

/// Why a file is published as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The `moov` already stands before the media data.
    AlreadyFirst,
    /// The file is fragmented: each fragment carries an index of its own.
    Fragmented,
    /// There is a `moov` but no `mdat` that it could be moved before.
    NoMediaData,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyFirst => "the moov box is already before the media data",
            Self::Fragmented => "the file is fragmented, so it needs no moov box in front",
            Self::NoMediaData => "the file has no media data",
        })
    }
}

/// Why the `moov` cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum MoovError {
    /// Nothing in the file looks like MP4 or MOV. A caller may warn and publish it as it is.
    #[error(
        "the file is not MP4 or MOV, so it has no moov box to move: \
         do not ask for move_atom_to_front with this format"
    )]
    NotIsoMedia,
    /// An MP4 or MOV file without an index, or an empty file. No player can read it.
    #[error(
        "the file has no moov box: its encode probably ended before the index was written, \
         encode it again"
    )]
    NoMoov,
    /// A box contradicts its surroundings.
    #[error("malformed box at byte {offset}: {what}; the file is damaged or was cut short")]
    Malformed {
        /// Position of the box in the file.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The `moov` is compressed (`cmov`), as old MOV files may have it.
    #[error("the moov box is compressed (cmov) and cannot be moved: remux the file first")]
    Compressed,
    /// A sound file of a kind that a move would break.
    #[error("cannot move the moov box: {what}; ask without move_atom_to_front to publish it as is")]
    Unsupported {
        /// What stands in the way.
        what: &'static str,
    },
    /// The `moov` is larger than [`MAX_MOOV_BYTES`].
    #[error("the moov box takes {size} bytes, more than the {MAX_MOOV_BYTES} that can be moved")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
    },
    /// The file could not be read.
    #[error("cannot read the file at byte {offset}")]
    Read {
        /// Where the read began.
        offset: u64,
        /// What the reader said.
        source: io::Error,
    },
}

/// Plans how to publish `file` with its `moov` before the media data.
///
/// Reads the headers of the boxes on the top level and in file-level metadata, and the `moov`.
pub fn plan_relocation<R: ReadAt + ?Sized>(file: &R) -> Result<Relocation, MoovError> {
    plan_aligned_relocation(file, 1)
}

/// As [`plan_relocation`], and the media data moves by a multiple of `block` bytes, so that a file system can make the room without
/// writing the media again. What the `moov` leaves of the room is a `free` box behind it, of at most `block` + 7 bytes.
pub fn plan_aligned_relocation<R: ReadAt + ?Sized>(
    file: &R,
    block: u16,
) -> Result<Relocation, MoovError> {
    let mut budget = Budget::default();
    let mut to_do = match layout::scan(file, &mut budget)? {
        Layout::Settled(reason) => return Ok(Relocation::Unneeded(reason)),
        Layout::MoovLate(to_do) => to_do,
    };
    to_do.block = u64::from(block.max(1));
    let moov = Loaded::read(file, to_do.moov)?;
    let Some(index) = tables::find(&moov, &mut budget)? else {
        return Ok(Relocation::Unneeded(Reason::Fragmented));
    };
    for metadata in &to_do.metadata {
        tables::refuse_item_locations(file, *metadata, &mut budget)?;
    }
    let patched = rewrite::rewrite(&moov, &index, &to_do)?;

    let copy = |from, to| Segment::Source {
        offset: from,
        len: to - from,
    };
    let mut segments = vec![
        copy(0, to_do.insert_at),
        Segment::Bytes(patched),
        copy(to_do.insert_at, to_do.moov.start),
        copy(to_do.moov.end, to_do.file_size),
    ];
    segments.retain(|segment| segment.size() > 0);
    Ok(Relocation::Plan(segments))
}

#[cfg(test)]
mod tests;
