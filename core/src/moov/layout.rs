//! Decides from the top-level boxes of a file whether its `moov` has to move, and where to.
//!
//! Reads headers only. Never looks into the `moov` or the media data.

use super::boxes::{self, BoxAt, Boxes, Budget};
use super::{MoovError, ReadAt, Reason};

/// The boxes that an MP4 or MOV file, or a segment of one, begins with. Anything else in this
/// place is another format: Matroska, MPEG-TS and Ogg have no type there at all.
const FIRST_BOXES: [&[u8; 4]; 15] = [
    b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"wide", b"free", b"skip", b"pnot", b"PICT",
    b"junk", b"uuid", b"meta", b"sidx", b"emsg",
];

/// Larger than any file. Positions below it can be added to any size in memory without a check.
const MAX_FILE_BYTES: u64 = 1 << 63;

/// What the order of the top-level boxes asks for.
#[derive(Debug)]
pub(super) enum Layout {
    /// Nothing has to move.
    Settled(Reason),
    /// The `moov` comes after media data.
    MoovLate(Move),
}

/// The move that a file needs. Media data lies between the two places of the `moov`.
#[derive(Debug)]
pub(super) struct Move {
    /// Where the `moov` belongs: after the file type, if that comes before the media data.
    pub(super) insert_at: u64,
    /// Where it stands.
    pub(super) moov: BoxAt,
    /// Metadata boxes beside the `moov`.
    pub(super) metadata: Vec<BoxAt>,
    /// Length of the file.
    pub(super) file_size: u64,
    /// The room that is made for the `moov` is a multiple of this.
    pub(super) block: u64,
}

/// Reads the headers of the top-level boxes until they settle what to do.
pub(super) fn scan<R: ReadAt + ?Sized>(file: &R, budget: &mut Budget) -> Result<Layout, MoovError> {
    refuse_other_formats(file)?;
    let mut boxes = Boxes::of_file(file);
    let mut seen = Seen::default();
    while let Some(found) = boxes.next_box(budget)? {
        if let Some(reason) = seen.note(found)? {
            return Ok(Layout::Settled(reason));
        }
    }
    seen.settle(file.size())
}

/// Tells other formats from a broken MP4. An empty file is called the latter.
fn refuse_other_formats<R: ReadAt + ?Sized>(file: &R) -> Result<(), MoovError> {
    let mut header = [0; 8];
    match file.size() {
        0 => return Err(MoovError::NoMoov),
        1..8 => return Err(MoovError::NotIsoMedia),
        MAX_FILE_BYTES.. => {
            return Err(MoovError::Unsupported {
                what: "the file claims to be larger than any file system allows",
            });
        }
        _ => boxes::read(file, &mut header, 0)?,
    }
    if FIRST_BOXES.iter().any(|kind| header.ends_with(*kind)) {
        Ok(())
    } else {
        Err(MoovError::NotIsoMedia)
    }
}

/// What the boxes so far have shown.
#[derive(Debug, Default)]
struct Seen {
    /// The end of the file type, if it comes before the media data.
    type_end: u64,
    media: bool,
    moov: Option<BoxAt>,
    metadata: Vec<BoxAt>,
}

impl Seen {
    /// Takes the next box in. Answers a reason once nothing that follows can change the verdict.
    fn note(&mut self, found: BoxAt) -> Result<Option<Reason>, MoovError> {
        match &found.kind {
            b"moof" | b"sidx" | b"mfra" => return Ok(Some(Reason::Fragmented)),
            b"mdat" if self.moov.is_some() && !self.media => {
                return Ok(Some(Reason::AlreadyFirst));
            }
            b"mdat" => self.media = true,
            b"moov" if self.moov.is_some() => {
                return Err(MoovError::Unsupported {
                    what: "the file has more than one moov box",
                });
            }
            b"moov" => self.moov = Some(found),
            b"ftyp" if !self.media => self.type_end = found.end,
            b"meta" | b"meco" => self.metadata.push(found),
            _ => {}
        }
        Ok(None)
    }

    /// The verdict at the end of the file.
    fn settle(self, file_size: u64) -> Result<Layout, MoovError> {
        let moov = self.moov.ok_or(MoovError::NoMoov)?;
        if !self.media {
            return Ok(Layout::Settled(Reason::NoMediaData));
        }
        Ok(Layout::MoovLate(Move {
            insert_at: self.type_end,
            moov,
            metadata: self.metadata,
            file_size,
            block: 1,
        }))
    }
}
