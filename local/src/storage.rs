//! Folders as storage. Files are read and written below the allowed folders only, wherever links may point.

mod in_place;
mod outputs;
mod part;

use std::{
    fs::{self, File},
    io,
    ops::Range,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use nommer_core::{
    address::NetworkRules,
    ports::{MediaError, MediaStorage, ObjectFacts, Piece, Upload},
    uri::{MediaUri, UriRules},
};

use part::{StagedFile, commit, stage};
pub(crate) use part::{new_part, sweep};

/// Files of this machine.
#[derive(Clone, Debug)]
pub struct FolderStorage {
    rules: UriRules,
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
