//! Takes a finished file as it lies, where it is on the destination's disk, instead of writing it again. If its index is to stand in
//! front, the file system makes the room (`fallocate(2)`, `FALLOC_FL_INSERT_RANGE`: ext4, XFS). What it cannot do is copied by the caller.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{FallocateFlags, Flock, FlockArg, fallocate},
    libc::off_t,
};
use nommer_core::moov::{Segment, output_size};

use super::part::{StagedFile, no_link, part_name};

/// Longest beginning that is put before what goes in. A file type takes some tens of bytes.
const FRONT_BYTES: u64 = 64 << 10;

/// A file that becomes its output where it is.
#[derive(Debug, PartialEq)]
enum Change<'a> {
    /// It is the output.
    Nothing,
    /// These bytes go in after so many of its own.
    Insert(u64, &'a [u8]),
}

/// Makes the file a part beside this empty one, whole, on disk and locked. `None`, with the file as it was, if it has to be copied.
///
/// Its name is a new one: somebody who sweeps may have opened the empty part, and would remove whatever has its name once it is let go.
pub(super) fn take(
    from: &Path,
    segments: &[Segment],
    empty: &StagedFile,
) -> io::Result<Option<(PathBuf, Flock<File>)>> {
    let Some(change) = change(segments) else {
        return Ok(None);
    };
    let file = no_link(OpenOptions::new().read(true).write(true)).open(from)?;
    let (found, beside) = (file.metadata()?, empty.lock.metadata()?);
    // What has another name is not ours to change.
    let own = found.is_file() && found.nlink() == 1 && found.dev() == beside.dev();
    if !own || !apply(&change, &file, &found, output_size(segments))? {
        return Ok(None);
    }
    file.set_permissions(beside.permissions())?;
    file.sync_all()?;
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock);
    let lock = lock.map_err(|(_, error)| error)?;
    let part = part_name(empty.part.parent().unwrap_or(Path::new("/")));
    fs::rename(from, &part)?;
    Ok(Some((part, lock)))
}

/// What the pieces amount to, if they are the file from its beginning, in order.
fn change(segments: &[Segment]) -> Option<Change<'_>> {
    match segments {
        [Segment::Source { offset: 0, .. }] => Some(Change::Nothing),
        [
            Segment::Source { offset: 0, len },
            Segment::Bytes(bytes),
            Segment::Source { offset, .. },
        ] if offset == len && *len <= FRONT_BYTES => Some(Change::Insert(*len, bytes)),
        _ => None,
    }
}

/// Changes the file, if the file system can. `size` is what it will have.
fn apply(change: &Change<'_>, file: &File, found: &Metadata, size: u64) -> io::Result<bool> {
    let Change::Insert(after, bytes) = change else {
        return Ok(size == found.len());
    };
    let length = |bytes: usize| off_t::try_from(bytes).map_err(io::Error::other);
    let insert = FallocateFlags::FALLOC_FL_INSERT_RANGE;
    match fallocate(file, insert, 0, length(bytes.len())?) {
        Ok(()) => {}
        // Not this file system, or not in steps of this length.
        Err(Errno::EOPNOTSUPP | Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    // What stood in front stands behind the room now, and its second copy is written over with the end of what goes in.
    let mut front = vec![0; usize::try_from(*after).map_err(io::Error::other)?];
    file.read_exact_at(&mut front, bytes.len() as u64)?;
    file.write_all_at(&front, 0)?;
    file.write_all_at(bytes, *after)?;
    file.set_len(size)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::{new_part, sweep};
    use super::*;

    fn source(offset: u64, len: u64) -> Segment {
        Segment::Source { offset, len }
    }

    #[test]
    fn only_what_keeps_its_order_from_the_beginning_stays_in_place() {
        let index = || Segment::Bytes(vec![7; 4]);
        assert_eq!(change(&[source(0, 9)]), Some(Change::Nothing));
        let moved = [source(0, 3), index(), source(3, 5)];
        assert_eq!(change(&moved), Some(Change::Insert(3, &[7; 4])));
        assert_eq!(change(&[source(2, 7)]), None);
        assert_eq!(change(&[index(), source(0, 7)]), None);
        assert_eq!(change(&[source(0, 3), index(), source(4, 5)]), None);
        assert_eq!(change(&[index()]), None);
    }

    /// A file, and a part for it on the same disk.
    fn beside(folder: &Path) -> (PathBuf, StagedFile) {
        let from = folder.join("out");
        fs::write(&from, "0123456789").unwrap();
        let (part, lock) = new_part(folder).unwrap();
        let destination = folder.join("there");
        let part = StagedFile {
            part,
            destination,
            lock,
        };
        (from, part)
    }

    #[test]
    fn a_whole_file_is_taken_as_it_is_and_stays_locked() {
        let folder = tempfile::tempdir().unwrap();
        let (from, empty) = beside(folder.path());
        let (part, _lock) = take(&from, &[source(0, 10)], &empty).unwrap().unwrap();
        assert!(!from.exists());
        assert_eq!(fs::read_to_string(&part).unwrap(), "0123456789");
        sweep(folder.path());
        assert!(part.exists());
    }

    #[test]
    fn whoever_swept_the_empty_part_does_not_remove_what_came_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let (from, empty) = beside(folder.path());
        // A sweep in two halves: it opens what it finds, and removes it by its name once it can be locked.
        let (name, opened) = (empty.part.clone(), File::open(&empty.part).unwrap());
        let (part, _lock) = take(&from, &[source(0, 10)], &empty).unwrap().unwrap();
        drop(empty);
        let _held = Flock::lock(opened, FlockArg::LockExclusiveNonblock).unwrap();
        fs::remove_file(name).ok();
        assert_eq!(fs::read_to_string(&part).unwrap(), "0123456789");
    }

    #[test]
    fn what_has_another_name_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, part) = beside(folder.path());
        fs::hard_link(&from, folder.path().join("other")).unwrap();
        assert!(take(&from, &[source(0, 10)], &part).unwrap().is_none());
        assert!(from.exists());
    }

    #[test]
    fn a_part_of_a_file_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, part) = beside(folder.path());
        assert!(take(&from, &[source(0, 4)], &part).unwrap().is_none());
        assert_eq!(fs::read_to_string(&from).unwrap(), "0123456789");
    }

    #[test]
    fn a_link_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (from, part) = beside(folder.path());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&from, &link).unwrap();
        take(&link, &[source(0, 10)], &part).unwrap_err();
    }
}
