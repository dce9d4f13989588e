//! Walks the boxes (MOV says atoms) of a file or of one box, in order.
//!
//! Checks that every box fits where it stands. Never looks at what a box holds.
//! Format: ISO/IEC 14496-12, 4.2.

use super::{MAX_BOXES, MAX_MOOV_BYTES, MoovError, ReadAt};
use std::io;
use std::ops::Range;

/// Size and type; the least that a box can be.
const SHORT_HEADER: u64 = 8;
/// The same with a 64-bit size after it, announced by a 32-bit size of 1.
const LONG_HEADER: u64 = 16;

/// Where one box stands. Positions count from the start of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxAt {
    /// Its four-character type.
    pub(super) kind: [u8; 4],
    /// The first byte of its header.
    pub(super) start: u64,
    /// The first byte after its header.
    pub(super) body: u64,
    /// The first byte after it.
    pub(super) end: u64,
}

impl BoxAt {
    /// Writes `size` where the header of this box, which `header` starts with, keeps its size.
    ///
    /// `size` fits: only boxes of the `moov` are resized, and that is far below 4 GiB.
    pub(super) fn write_size(&self, header: &mut [u8], size: u64) {
        if self.body - self.start == LONG_HEADER {
            header[8..16].copy_from_slice(&size.to_be_bytes());
        } else {
            header[..4].copy_from_slice(&size.to_be_bytes()[4..]);
        }
    }

    /// The error that `what` is wrong with this box.
    pub(super) fn malformed(&self, what: &str) -> MoovError {
        let what = format!("box `{}` {what}", self.kind.escape_ascii());
        MoovError::Malformed {
            offset: self.start,
            what,
        }
    }
}

/// How many more boxes of a file may be looked at, which bounds time and memory.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_BOXES)
    }
}

impl Budget {
    fn spend(&mut self) -> Result<(), MoovError> {
        self.0 = self.0.checked_sub(1).ok_or(MoovError::Unsupported {
            what: "the file has more boxes than any real one (131,072)",
        })?;
        Ok(())
    }
}

/// What a box stands in, which decides whether it may leave its size open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parent {
    /// The file. A size of 0 means "to the end of the file".
    File,
    /// Another box.
    Box,
}

/// The boxes of one range of a file.
#[derive(Debug)]
pub(super) struct Boxes<'a, R: ?Sized> {
    file: &'a R,
    parent: Parent,
    at: u64,
    end: u64,
}

impl<'a, R: ReadAt + ?Sized> Boxes<'a, R> {
    /// The top-level boxes.
    pub(super) fn of_file(file: &'a R) -> Self {
        Self {
            file,
            parent: Parent::File,
            at: 0,
            end: file.size(),
        }
    }

    /// The boxes within `range`, which lies in the body of a box.
    pub(super) fn within(file: &'a R, range: Range<u64>) -> Self {
        Self {
            file,
            parent: Parent::Box,
            at: range.start,
            end: range.end,
        }
    }

    /// The boxes within a `meta`. It starts with version and flags in ISO files, and without
    /// them in MOV files; either way its first box is a `hdlr`.
    pub(super) fn within_meta(file: &'a R, meta: BoxAt) -> Result<Self, MoovError> {
        let mut start = meta.body;
        if meta.end - start >= SHORT_HEADER {
            let mut first = [0; 8];
            read(file, &mut first, start)?;
            if !first.ends_with(b"hdlr") {
                start += 4;
            }
        }
        Ok(Self::within(file, start..meta.end))
    }

    /// The next box. Fewer bytes than a header takes are padding, as the four zero bytes
    /// at the end of a list are.
    pub(super) fn next_box(&mut self, budget: &mut Budget) -> Result<Option<BoxAt>, MoovError> {
        let left = self.end - self.at;
        if left < SHORT_HEADER {
            return Ok(None);
        }
        budget.spend()?;
        let mut header = [0; 16];
        let held = usize::try_from(left.min(LONG_HEADER)).expect("16 fits");
        read(self.file, &mut header[..held], self.at)?;
        let [s0, s1, s2, s3, k0, k1, k2, k3, long @ ..] = header;

        let (header_len, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 if self.parent == Parent::File => (SHORT_HEADER, left),
            1 => (LONG_HEADER, u64::from_be_bytes(long)),
            size => (SHORT_HEADER, u64::from(size)),
        };
        let mut found = BoxAt {
            kind: [k0, k1, k2, k3],
            start: self.at,
            body: self.at,
            end: self.at,
        };
        if size < header_len {
            return Err(found.malformed(&format!("claims {size} bytes, less than its header")));
        }
        if size > left {
            return Err(found.malformed(&format!("claims {size} bytes where {left} are left")));
        }
        found.body += header_len;
        found.end += size;
        self.at = found.end;
        Ok(Some(found))
    }
}

/// A `moov` in memory. Read by position in the file, so that errors name those positions.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Where it stood in the file.
    pub(super) at: BoxAt,
    bytes: Vec<u8>,
}

impl Loaded {
    /// Reads `moov`, up to [`MAX_MOOV_BYTES`].
    pub(super) fn read<R: ReadAt + ?Sized>(file: &R, moov: BoxAt) -> Result<Self, MoovError> {
        let size = moov.end - moov.start;
        if size > MAX_MOOV_BYTES {
            return Err(MoovError::TooLarge { size });
        }
        let mut bytes = vec![0; usize::try_from(size).expect("MAX_MOOV_BYTES fits in memory")];
        read(file, &mut bytes, moov.start)?;
        Ok(Self { at: moov, bytes })
    }

    /// Index in memory of byte `position` of the file, which must lie in the `moov`.
    pub(super) fn index(&self, position: u64) -> usize {
        usize::try_from(position - self.at.start).expect("a loaded box fits in memory")
    }

    /// The bytes at these positions of the file, which must lie in the `moov`.
    pub(super) fn slice(&self, range: Range<u64>) -> &[u8] {
        &self.bytes[self.index(range.start)..self.index(range.end)]
    }
}

impl ReadAt for Loaded {
    fn size(&self) -> u64 {
        self.at.end
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let offset = offset
            .checked_sub(self.at.start)
            .ok_or(io::ErrorKind::InvalidInput)?;
        self.bytes.read_exact_at(buf, offset)
    }
}

/// Reads from `file`, naming the position if that fails.
pub(super) fn read<R: ReadAt + ?Sized>(
    file: &R,
    buf: &mut [u8],
    offset: u64,
) -> Result<(), MoovError> {
    file.read_exact_at(buf, offset)
        .map_err(|source| MoovError::Read { offset, source })
}
