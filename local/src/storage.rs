//! Folders as storage. Files are read and written below the allowed folders only, wherever links may point.
//!
//! An output is written beside its destination under a hidden name, or moved there where that will do, and renamed when it is whole. The hidden file is locked for as
//! long as its writer lives, so that what a killed writer left behind is known and removed by the next one.

mod in_place;
mod outputs;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg, OFlag},
};
use nommer_core::{
    address::NetworkRules,
    moov::Segment,
    ports::{MediaError, MediaStorage, ObjectFacts, Piece, Upload},
    uri::{MediaUri, UriRules},
};
use uuid::Uuid;

/// What the name of an output that is not whole yet begins and ends with.
const PART_PREFIX: &str = ".nommer-";
const PART_SUFFIX: &str = ".part";

/// Files of this machine.
#[derive(Clone, Debug)]
pub struct FolderStorage {
    rules: UriRules,
}

/// An output beside its destination. Removed when it is dropped.
#[derive(Debug)]
pub struct StagedFile {
    part: PathBuf,
    destination: PathBuf,
    lock: Flock<File>,
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        // After a commit it is gone already.
        fs::remove_file(&self.part).ok();
    }
}

impl FolderStorage {
    /// Serves what is below these folders, but nothing of the system's own folder that is not among them.
    pub fn new(folders: Vec<PathBuf>, private: PathBuf) -> Self {
        let real = |folder: PathBuf| fs::canonicalize(&folder).unwrap_or(folder);
        let folders = folders.into_iter().map(real).collect();
        Self {
            rules: UriRules::local(NetworkRules::default(), folders, real(private)),
        }
    }

    /// The path itself, if the place where it really lies is allowed. What does not exist yet lies where its folder lies.
    fn allowed(&self, uri: &MediaUri) -> Result<PathBuf, MediaError> {
        let path = uri
            .path()
            .ok_or_else(|| MediaError::Unusable(format!("{uri} is no file")))?;
        let (part, real) = path
            .ancestors()
            .find_map(|part| Some((part, fs::canonicalize(part).ok()?)))
            .ok_or_else(|| MediaError::NotFound(uri.redacted()))?;
        let rest = path.strip_prefix(part).unwrap_or(Path::new(""));
        if self.rules.serves(&real.join(rest)) {
            return Ok(path.to_owned());
        }
        Err(MediaError::Forbidden(uri.redacted()))
    }
}

/// Size, time of change and inode: what tells one version of a file from the next.
fn facts(file: &fs::Metadata) -> ObjectFacts {
    ObjectFacts {
        bytes: Some(file.len()),
        etag: Some(format!(
            "{:x}-{:x}-{:x}-{:x}",
            file.len(),
            file.mtime(),
            file.mtime_nsec(),
            file.ino()
        )),
    }
}

fn look(path: &Path) -> io::Result<Option<ObjectFacts>> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(facts(&found))),
        Ok(_) => Err(io::ErrorKind::IsADirectory.into()),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn explain(name: &str) -> impl Fn(io::Error) -> MediaError {
    let name = name.to_owned();
    move |error| match error.kind() {
        io::ErrorKind::NotFound => MediaError::NotFound(name.clone()),
        // A file stands where a folder would have to be made: that is no place to write either.
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory => MediaError::Forbidden(name.clone()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            MediaError::NoSpace(name.clone())
        }
        io::ErrorKind::IsADirectory => MediaError::Unusable(format!("{name} is a folder")),
        _ => MediaError::Unavailable {
            what: format!("use {name}"),
            detail: error.to_string(),
        },
    }
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    name: String,
    work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
) -> Result<T, MediaError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|panicked| MediaError::Unavailable {
        what: format!("use {name}"),
        detail: panicked.to_string(),
    })?
}

impl MediaStorage for FolderStorage {
    type Staged = StagedFile;

    async fn stat(&self, uri: &MediaUri) -> Result<Option<ObjectFacts>, MediaError> {
        let (path, name) = (self.allowed(uri)?, uri.redacted());
        blocking(name.clone(), move || look(&path).map_err(explain(&name))).await
    }

    async fn fetch(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        most: u64,
        to: &Path,
    ) -> Result<ObjectFacts, MediaError> {
        let (path, name, to) = (self.allowed(uri)?, uri.redacted(), to.to_owned());
        let etag = etag.map(str::to_owned);
        blocking(name.clone(), move || {
            fetch(&path, (etag.as_deref(), most), &to, &name)
        })
        .await
    }

    async fn read(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        range: Range<u64>,
    ) -> Result<Option<Piece>, MediaError> {
        let (path, name) = (self.allowed(uri)?, uri.redacted());
        let etag = etag.map(str::to_owned);
        blocking(name.clone(), move || {
            let (source, facts) = open(&path, etag.as_deref(), &name)?;
            let end = facts.bytes.map_or(range.end, |there| there.min(range.end));
            let length = end.saturating_sub(range.start);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
            let read = source.read_exact_at(&mut bytes, range.start);
            // A file that became shorter has changed.
            unchanged(&source, &facts, &name)?;
            read.map_err(explain(&name))?;
            Ok(Some(Piece { facts, bytes }))
        })
        .await
    }

    async fn stage(&self, uri: &MediaUri, upload: Upload<'_>) -> Result<StagedFile, MediaError> {
        let (destination, name) = (self.allowed(uri)?, uri.redacted());
        let (from, segments) = (upload.from.to_owned(), upload.segments.to_vec());
        blocking(name.clone(), move || {
            stage(destination, &from, &segments).map_err(explain(&name))
        })
        .await
    }

    async fn commit(
        &self,
        staged: StagedFile,
        before: Option<&ObjectFacts>,
    ) -> Result<Option<String>, MediaError> {
        let (name, before) = (staged.destination.display().to_string(), before.cloned());
        blocking(name.clone(), move || {
            commit(&staged, before.as_ref(), &name)
        })
        .await
    }

    async fn discard(&self, staged: StagedFile) {
        drop(staged);
    }
}

fn fetch(
    path: &Path,
    (etag, most): (Option<&str>, u64),
    to: &Path,
    name: &str,
) -> Result<ObjectFacts, MediaError> {
    let (mut source, before) = open(path, etag, name)?;
    if let Some(bytes) = before.bytes.filter(|&bytes| bytes > most) {
        let name = name.to_owned();
        return Err(MediaError::TooLarge { name, bytes });
    }
    // Between files, the standard library lets the kernel copy, or share blocks where the file system can.
    let mut copy = File::create_new(to).map_err(explain(name))?;
    io::copy(&mut source, &mut copy).map_err(explain(name))?;
    unchanged(&source, &before, name)?;
    Ok(before)
}

/// Opens a file, if it is the version that is wanted.
fn open(path: &Path, etag: Option<&str>, name: &str) -> Result<(File, ObjectFacts), MediaError> {
    let explain = explain(name);
    if look(path).map_err(&explain)?.is_none() {
        return Err(MediaError::NotFound(name.to_owned()));
    }
    let file = File::open(path).map_err(&explain)?;
    let found = facts(&file.metadata().map_err(&explain)?);
    if etag.is_some() && found.etag.as_deref() != etag {
        return Err(MediaError::Changed(name.to_owned()));
    }
    Ok((file, found))
}

/// Checks that nobody wrote to a file while it was read.
fn unchanged(file: &File, before: &ObjectFacts, name: &str) -> Result<(), MediaError> {
    let now = facts(&file.metadata().map_err(explain(name))?);
    if now == *before {
        Ok(())
    } else {
        Err(MediaError::Changed(name.to_owned()))
    }
}

fn stage(destination: PathBuf, from: &Path, segments: &[Segment]) -> io::Result<StagedFile> {
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
fn no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(OFlag::O_NOFOLLOW.bits())
}

/// A name that no part has.
fn part_name(folder: &Path) -> PathBuf {
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
fn commit(
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
