//! Builds boxes, and files that need no memory for their media.

use crate::moov::ReadAt;
use std::cell::Cell;
use std::io;

/// A box of these children, or of these bytes.
pub(super) fn atom(kind: &str, body: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let body: Vec<u8> = body
        .iter()
        .flat_map(|part| part.as_ref().to_vec())
        .collect();
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes(), kind.as_bytes(), &body].concat()
}

/// The same with a 64-bit size.
pub(super) fn long_atom(kind: &str, body: &[u8]) -> Vec<u8> {
    let size = body.len() as u64 + 16;
    [&[0, 0, 0, 1], kind.as_bytes(), &size.to_be_bytes(), body].concat()
}

/// The header of an `mdat` with a 64-bit size, for `len` bytes of media.
pub(super) fn long_mdat_header(len: u64) -> Vec<u8> {
    [&b"\0\0\0\x01mdat"[..], &(len + 16).to_be_bytes()].concat()
}

/// The ways to write a table of offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Stco,
    Co64,
    /// A `saio` of 4-byte offsets.
    Saio,
    /// A `saio` of 8-byte offsets.
    WideSaio,
    /// The same, with the kind of its information in front.
    TypedSaio,
}

impl Form {
    /// Whether it holds 4-byte offsets.
    pub(super) fn is_narrow(self) -> bool {
        matches!(self, Self::Stco | Self::Saio)
    }
}

/// The box of a table.
pub(super) fn table(form: Form, offsets: &[u64]) -> Vec<u8> {
    let (kind, head): (_, &[u8]) = match form {
        Form::Stco => ("stco", b"\0\0\0\0"),
        Form::Co64 => ("co64", b"\0\0\0\0"),
        Form::Saio => ("saio", b"\0\0\0\0"),
        Form::WideSaio => ("saio", b"\x01\0\0\0"),
        Form::TypedSaio => ("saio", b"\x01\0\0\x01cenc\0\0\0\0"),
    };
    let entry = |offset: &u64| {
        if form.is_narrow() {
            u32::try_from(*offset).unwrap().to_be_bytes().to_vec()
        } else {
            offset.to_be_bytes().to_vec()
        }
    };
    let count = u32::try_from(offsets.len()).unwrap().to_be_bytes();
    let entries: Vec<u8> = offsets.iter().flat_map(entry).collect();
    atom(kind, &[head, &count, &entries])
}

/// A `dref` of one reference with these flags.
pub(super) fn dref(flags: u8, location: &[u8]) -> Vec<u8> {
    let url = atom("url ", &[&[0, 0, 0, flags], location]);
    atom("dref", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &url])
}

/// A track whose sample table holds these boxes, with others around them.
pub(super) fn track(sample_table: &[Vec<u8>]) -> Vec<u8> {
    track_with(dref(1, b""), sample_table)
}

/// The same with this `dref`.
pub(super) fn track_with(dref: Vec<u8>, sample_table: &[Vec<u8>]) -> Vec<u8> {
    let stbl = atom(
        "stbl",
        &[
            atom("stsd", &[[0; 20]]),
            sample_table.concat(),
            atom("stsz", &[[0; 12]]),
        ],
    );
    let minf = atom(
        "minf",
        &[atom("vmhd", &[[0; 12]]), atom("dinf", &[dref]), stbl],
    );
    let mdia = atom("mdia", &[atom("mdhd", &[[0; 24]]), minf]);
    atom(
        "trak",
        &[atom("tkhd", &[[0; 84]]), mdia, atom("what", &[b"unknown"])],
    )
}

/// A `moov` of these tracks.
pub(super) fn movie(tracks: &[Vec<u8>]) -> Vec<u8> {
    // The user data ends with four zero bytes, as MOV files have it, and is none of our business.
    let udta = atom("udta", &[&b"\0\0\0\x0c\xa9nam\0\0\0\0"[..], &[0; 4]]);
    atom("moov", &[atom("mvhd", &[[0; 100]]), tracks.concat(), udta])
}

/// The file type box of the files here.
pub(super) fn ftyp() -> Vec<u8> {
    atom("ftyp", &[b"isom\0\0\x02\0isom"])
}

/// Reads all offset tables in a `moov`, by looking for their names.
pub(super) fn tables_in(moov: &[u8]) -> Vec<(Form, Vec<u64>)> {
    let word = |at: usize| u32::from_be_bytes(moov[at..at + 4].try_into().unwrap());
    let mut found = Vec::new();
    for at in 4..moov.len() - 4 {
        let (form, count_at) = match (&moov[at..at + 4], &moov[at + 4..]) {
            (b"stco", _) => (Form::Stco, at + 8),
            (b"co64", _) => (Form::Co64, at + 8),
            (b"saio", [0, ..]) => (Form::Saio, at + 8),
            (b"saio", [1, _, _, 0, ..]) => (Form::WideSaio, at + 8),
            (b"saio", [1, _, _, 1, ..]) => (Form::TypedSaio, at + 16),
            _ => continue,
        };
        let width = if form.is_narrow() { 4 } else { 8 };
        let entries = &moov[count_at + 4..][..word(count_at) as usize * width];
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        found.push((form, entries.chunks(width).map(number).collect()));
    }
    found
}

/// A piece of a virtual file.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Bytes(Vec<u8>),
    /// So many bytes of media, which tell positions apart.
    Media(u64),
}

impl Part {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Media(len) => *len,
        }
    }
}

/// A file made of parts, which counts how it is read.
#[derive(Debug)]
pub(super) struct Virtual {
    parts: Vec<Part>,
    pub(super) reads: Cell<u64>,
    pub(super) bytes_read: Cell<u64>,
}

impl Virtual {
    pub(super) fn new(parts: Vec<Part>) -> Self {
        Self {
            parts,
            reads: Cell::new(0),
            bytes_read: Cell::new(0),
        }
    }
}

impl ReadAt for Virtual {
    fn size(&self) -> u64 {
        self.parts.iter().map(Part::size).sum()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.reads.set(self.reads.get() + 1);
        self.bytes_read
            .set(self.bytes_read.get() + buf.len() as u64);
        let mut start = 0;
        let mut at = offset;
        let mut rest = buf;
        for part in &self.parts {
            let end = start + part.size();
            let held = end.saturating_sub(at).min(rest.len() as u64);
            let (now, later) = rest.split_at_mut(usize::try_from(held).unwrap());
            match part {
                _ if held == 0 => {}
                Part::Bytes(bytes) => bytes.read_exact_at(now, at - start)?,
                Part::Media(_) => (at..)
                    .zip(now)
                    .for_each(|(at, byte)| *byte = media_byte(at)),
            }
            rest = later;
            at += held;
            start = end;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

/// All bytes of a small file.
pub(super) fn all_bytes(file: &impl ReadAt) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.size()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// The media byte at a position of the source: the top of a multiplicative hash.
fn media_byte(position: u64) -> u8 {
    let mixed = (position + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 29)
        .wrapping_mul(0xBF58_476D_1CE4_E5B9)
        .to_be_bytes()[0]
}
