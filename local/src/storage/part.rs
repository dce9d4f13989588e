//! Outputs that are not whole yet. One is written beside its destination under a hidden name, or moved there where that will do, and
//! renamed when it is whole. The hidden file is locked for as long as its writer lives, so that what a killed writer left behind is
//! known and removed by the next one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg, OFlag},
};
use nommer_core::{
    moov::Segment,
    ports::{MediaError, ObjectFacts},
};
use uuid::Uuid;

use super::{explain, in_place, look};

/// What the name of an output that is not whole yet begins and ends with.
const PART_PREFIX: &str = ".nommer-";
const PART_SUFFIX: &str = ".part";

/// An output beside its destination. Removed when it is dropped.
#[derive(Debug)]
pub struct StagedFile {
    pub(super) part: PathBuf,
    pub(super) destination: PathBuf,
    pub(super) lock: Flock<File>,
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        // After a commit it is gone already.
        fs::remove_file(&self.part).ok();
    }
}

pub(super) fn stage(
    destination: PathBuf,
    from: &Path,
    segments: &[Segment],
) -> io::Result<StagedFile> {
    let folder = destination.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    sweep(folder);
    let (part, lock) = new_part(folder)?;
    // From here on the part is removed if anything fails.
    let staged = StagedFile {
        part,
        destination,
        lock,
    };
    if let Some((part, lock)) = in_place::take(from, segments, &staged)? {
        let destination = staged.destination.clone();
        return Ok(StagedFile {
            part,
            destination,
            lock,
        });
    }
    let mut source = no_link(OpenOptions::new().read(true)).open(from)?;
    let mut out: &File = &staged.lock;
    for segment in segments {
        match segment {
            Segment::Bytes(bytes) => out.write_all(bytes)?,
            Segment::Source { offset, len } => {
                source.seek(SeekFrom::Start(*offset))?;
                let copied = io::copy(&mut (&mut source).take(*len), &mut out)?;
                if copied != *len {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
    }
    out.sync_all()?;
    Ok(staged)
}

/// Outputs come out of the sandbox: a link in the place of one would publish what lies outside.
pub(super) fn no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(OFlag::O_NOFOLLOW.bits())
}

/// A name that no part has.
pub(super) fn part_name(folder: &Path) -> PathBuf {
    let name = Uuid::new_v4().simple();
    folder.join(format!("{PART_PREFIX}{name}{PART_SUFFIX}"))
}

/// A new part that is locked. Somebody who sweeps may find it in the moment before that, and take it for a dead one's.
pub(crate) fn new_part(folder: &Path) -> io::Result<(PathBuf, Flock<File>)> {
    loop {
        let part = part_name(folder);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&part)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) if lock.metadata()?.nlink() > 0 => return Ok((part, lock)),
            Ok(_) | Err((_, Errno::EWOULDBLOCK)) => {}
            Err((_, error)) => return Err(error.into()),
        }
    }
}

/// Removes parts whose writers are dead.
pub(crate) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !(name.starts_with(PART_PREFIX) && name.ends_with(PART_SUFFIX)) {
            continue;
        }
        let Ok(file) = File::open(&path) else {
            continue;
        };
        // Held until it is removed, so that nobody takes it in between.
        if let Ok(_held) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // If it cannot be removed now, the next writer tries again.
            fs::remove_file(&path).ok();
        }
    }
}

/// Renames a part to its destination, if that is what it was.
///
/// A name that was free is taken by a link, which fails if somebody took it meanwhile. A file that is replaced is compared right
/// before; somebody who writes to it in that very moment and is not a job of ours is overwritten.
pub(super) fn commit(
    staged: &StagedFile,
    before: Option<&ObjectFacts>,
    name: &str,
) -> Result<Option<String>, MediaError> {
    let explain = explain(name);
    let (part, destination) = (&staged.part, &staged.destination);
    if look(destination).map_err(&explain)?.as_ref() != before {
        return Err(MediaError::Changed(name.to_owned()));
    }
    if before.is_some() {
        fs::rename(part, destination).map_err(&explain)?;
    } else {
        fs::hard_link(part, destination).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => MediaError::Changed(name.to_owned()),
            _ => explain(error),
        })?;
        fs::remove_file(part).map_err(&explain)?;
    }
    let folder = destination.parent().unwrap_or(Path::new("/"));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(&explain)?;
    let now = look(destination).map_err(&explain)?;
    Ok(now.and_then(|facts| facts.etag))
}
