//! Finds what in a `moov` counts bytes from the start of the file.
//!
//! Those are the chunk offsets (`stco`, `co64`) and the places of the sample auxiliary information
//! (`saio`, written by common encryption), and they are patched. The places of metadata items
//! (`iloc`) and tracks whose media lies in another file are refused. Nothing else in the format
//! counts so, unless in fragments. Changes nothing.
//!
//! Format: ISO/IEC 14496-12, 8.7 (`dref`, `stco`, `co64`, `saio`) and 8.11 (`meta`, `iloc`).

use super::boxes::{BoxAt, Boxes, Budget, Loaded};
use super::{MoovError, ReadAt};
use std::ops::Range;

/// A table of offsets. Positions count from the start of the source file.
#[derive(Debug)]
pub(super) struct OffsetTable {
    /// The box that holds it.
    pub(super) at: BoxAt,
    /// The offsets, each 4 or 8 bytes.
    pub(super) entries: Range<u64>,
    /// For 4-byte offsets: the position and the bytes to write there, which declare them to be
    /// 8-byte ones. `None` if they are.
    pub(super) widening: Option<(u64, &'static [u8])>,
}

impl OffsetTable {
    /// Whether its offsets are 8 bytes long.
    pub(super) fn is_wide(&self) -> bool {
        self.widening.is_none()
    }

    /// The offsets, as the source has them.
    pub(super) fn offsets(&self, moov: &Loaded) -> impl Iterator<Item = u64> {
        let width = if self.is_wide() { 8 } else { 4 };
        moov.slice(self.entries.clone())
            .chunks_exact(width)
            .map(big_endian)
    }

    /// The error that one of them points nowhere.
    pub(super) fn dangling(&self, offset: u64) -> MoovError {
        self.at.malformed(&format!(
            "points to byte {offset}, beyond the end of the file"
        ))
    }
}

/// What of a `moov` a move may touch.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The tables, in file order.
    pub(super) tables: Vec<OffsetTable>,
    /// The tables' boxes and all that those stand in: they grow if offsets widen.
    pub(super) resizable: Vec<BoxAt>,
}

/// Finds the offset tables of `moov`. `None` if it announces fragments.
///
/// Goes down named paths only, so its depth is that of the format, whatever the file says.
pub(super) fn find(moov: &Loaded, budget: &mut Budget) -> Result<Option<Index>, MoovError> {
    let mut index = Index::default();
    let mut pending = vec![moov.at];
    while let Some(parent) = pending.pop() {
        index.resizable.push(parent);
        let mut children = Boxes::within(moov, parent.body..parent.end);
        while let Some(child) = children.next_box(budget)? {
            match (&parent.kind, &child.kind) {
                (b"moov", b"cmov") => return Err(MoovError::Compressed),
                (b"moov", b"mvex") => return Ok(None),
                (b"moov", b"trak")
                | (b"trak", b"mdia")
                | (b"mdia", b"minf")
                | (b"minf", b"stbl" | b"dinf") => pending.push(child),
                (b"moov" | b"trak" | b"mdia", b"meta" | b"meco") => {
                    refuse_item_locations(moov, child, budget)?;
                }
                (b"dinf", b"dref") => refuse_other_files(moov, child, budget)?,
                (b"stbl", b"stco" | b"co64" | b"saio") => {
                    index.tables.push(read_table(moov, child)?);
                    index.resizable.push(child);
                }
                _ => {}
            }
        }
    }
    index.tables.sort_unstable_by_key(|table| table.at.start);
    Ok(Some(index))
}

/// Refuses metadata that locates its items by their position in the file, as HEIF and AVIF do.
///
/// Calls itself once at most: a `meco` is a list of `meta` boxes, and those hold no other.
pub(super) fn refuse_item_locations<R: ReadAt + ?Sized>(
    file: &R,
    metadata: BoxAt,
    budget: &mut Budget,
) -> Result<(), MoovError> {
    let is_list = &metadata.kind == b"meco";
    let mut children = if is_list {
        Boxes::within(file, metadata.body..metadata.end)
    } else {
        Boxes::within_meta(file, metadata)?
    };
    while let Some(child) = children.next_box(budget)? {
        match &child.kind {
            b"meta" if is_list => refuse_item_locations(file, child, budget)?,
            b"iloc" => {
                return Err(MoovError::Unsupported {
                    what: "its metadata locates items by their position in the file (iloc)",
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses a track whose offsets count within another file: bit 0 of the flags is clear, and a
/// location follows.
fn refuse_other_files(moov: &Loaded, dref: BoxAt, budget: &mut Budget) -> Result<(), MoovError> {
    let (list, _) = counted_list(moov, dref, dref.body)?;
    let mut references = Boxes::within(moov, list..dref.end);
    while let Some(reference) = references.next_box(budget)? {
        let [_, _, _, flags, location @ ..] = moov.slice(reference.body..reference.end) else {
            return Err(reference.malformed("is too short for its flags"));
        };
        if flags & 1 == 0 && location.iter().any(|byte| *byte != 0) {
            return Err(MoovError::Unsupported {
                what: "a track keeps its media in another file",
            });
        }
    }
    Ok(())
}

/// Locates the offsets in a `stco`, `co64` or `saio`.
fn read_table(moov: &Loaded, at: BoxAt) -> Result<OffsetTable, MoovError> {
    let mut list = at.body;
    let widening: Option<(u64, &'static [u8])> = match &at.kind {
        b"stco" => Some((at.start + 4, b"co64")),
        b"co64" => None,
        // A `saio`, with the kind of its information before the list if bit 0 of its flags is set.
        _ => {
            let [version, _, _, flags, ..] = moov.slice(at.body..at.end) else {
                return Err(at.malformed("is too short for its flags"));
            };
            if flags & 1 == 1 {
                list += 8;
            }
            (*version == 0).then_some((at.body, &[1]))
        }
    };
    let width = if widening.is_some() { 4 } else { 8 };
    let (start, count) = counted_list(moov, at, list)?;
    let end = start + count * width;
    if end > at.end {
        return Err(at.malformed(&format!("is too short for its {count} offsets")));
    }
    let entries = start..end;
    Ok(OffsetTable {
        at,
        entries,
        widening,
    })
}

/// Where the list begins that follows the version, flags and count at `from`, and its count.
fn counted_list(moov: &Loaded, at: BoxAt, from: u64) -> Result<(u64, u64), MoovError> {
    let start = from + 8;
    if start > at.end {
        return Err(at.malformed("is too short for its count"));
    }
    Ok((start, big_endian(moov.slice(start - 4..start))))
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}
