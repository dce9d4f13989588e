//! Writes the `moov` for its new place.
//!
//! Every offset follows the bytes that it points to. If one no longer fits 32 bits, all 32-bit
//! tables become 64-bit ones, so the size of the new `moov`, on which the offsets depend, is known
//! after one look. Never drops or reorders a box.

use super::MoovError;
use super::boxes::Loaded;
use super::layout::Move;
use super::tables::{Index, OffsetTable};

/// Bytes of a box that is nothing but its size and its type.
const FREE_HEADER: u64 = 8;

impl Move {
    /// Where the byte at `old` comes to stand if the `moov` grows by `growth`, or `None` if there
    /// is no such byte.
    ///
    /// The end of the media data counts as media data, and the end of the file as part of it: an
    /// empty chunk may point there.
    fn follow(&self, old: u64, growth: &Growth) -> Option<u64> {
        let moov = &self.moov;
        let room = self.room(growth);
        if old < self.insert_at {
            Some(old)
        } else if old <= moov.start {
            Some(old + room)
        } else if old < moov.end {
            Some(old - moov.start + self.insert_at + growth.before(old))
        } else if old <= self.file_size {
            Some(old - (moov.end - moov.start) + room)
        } else {
            None
        }
    }

    /// Bytes that are made room for: the `moov`, and a `free` box if that does not fill whole blocks.
    fn room(&self, growth: &Growth) -> u64 {
        let size = self.moov.end - self.moov.start + growth.total();
        if size.is_multiple_of(self.block) {
            size
        } else {
            (size + FREE_HEADER).next_multiple_of(self.block)
        }
    }
}

/// How many bytes the tables of a `moov` gain: none, or all their 32-bit offsets double.
#[derive(Debug, Default)]
struct Growth(
    /// The end of each growing table in the source, and the sum of the growth up to there.
    Vec<(u64, u64)>,
);

impl Growth {
    /// That of widening all of `tables`.
    fn of(tables: &[OffsetTable]) -> Self {
        let narrow = tables.iter().filter(|table| !table.is_wide());
        let mut sum = 0;
        let grown = narrow.map(|table| {
            sum += table.entries.end - table.entries.start;
            (table.entries.end, sum)
        });
        Self(grown.collect())
    }

    /// Of the tables that end at or before this position of the source.
    fn before(&self, position: u64) -> u64 {
        let ended = self.0.partition_point(|(end, _)| *end <= position);
        ended.checked_sub(1).map_or(0, |last| self.0[last].1)
    }

    fn total(&self) -> u64 {
        self.before(u64::MAX)
    }
}

/// The bytes of `moov` after the move.
pub(super) fn rewrite(moov: &Loaded, index: &Index, to: &Move) -> Result<Vec<u8>, MoovError> {
    let growth = if offsets_stay_narrow(moov, index, to)? {
        Growth::default()
    } else {
        Growth::of(&index.tables)
    };
    let mut new = Vec::with_capacity(moov.index(moov.at.end + growth.total()));
    let mut copied = moov.at.start;
    for table in &index.tables {
        new.extend_from_slice(moov.slice(copied..table.entries.start));
        let spare = if table.is_wide() || growth.total() > 0 {
            0
        } else {
            4
        };
        for old in table.offsets(moov) {
            let offset = to.follow(old, &growth).ok_or_else(|| table.dangling(old))?;
            new.extend_from_slice(&offset.to_be_bytes()[spare..]);
        }
        copied = table.entries.end;
    }
    new.extend_from_slice(moov.slice(copied..moov.at.end));
    declare(moov, index, &growth, &mut new);
    fill(&mut new, moov.index(moov.at.start + to.room(&growth)));
    Ok(new)
}

/// Fills the room behind the `moov` with a `free` box.
fn fill(new: &mut Vec<u8>, room: usize) {
    let spare = room - new.len();
    if spare > 0 {
        let size = u32::try_from(spare).expect("a block and a header are small");
        new.extend_from_slice(&size.to_be_bytes());
        new.extend_from_slice(b"free");
        new.resize(room, 0);
    }
}

/// Whether every 32-bit offset still fits 32 bits if the `moov` keeps its size.
fn offsets_stay_narrow(moov: &Loaded, index: &Index, to: &Move) -> Result<bool, MoovError> {
    let unchanged = Growth::default();
    for table in index.tables.iter().filter(|table| !table.is_wide()) {
        for old in table.offsets(moov) {
            let new = to
                .follow(old, &unchanged)
                .ok_or_else(|| table.dangling(old))?;
            if new > u64::from(u32::MAX) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Writes the sizes of the boxes that may have grown into `new`, and the types of widened tables.
///
/// The size of the `moov` itself may have been left open, which only the last box of a file may do.
fn declare(moov: &Loaded, index: &Index, growth: &Growth, new: &mut [u8]) {
    let place = |old: u64| moov.index(old + growth.before(old));
    for resized in &index.resizable {
        let grown = growth.before(resized.end) - growth.before(resized.start);
        resized.write_size(
            &mut new[place(resized.start)..],
            resized.end - resized.start + grown,
        );
    }
    if growth.total() > 0 {
        for (at, bytes) in index.tables.iter().filter_map(|table| table.widening) {
            new[place(at)..][..bytes.len()].copy_from_slice(bytes);
        }
    }
}
