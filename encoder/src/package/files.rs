//! The folder that FFmpeg packages into: made, listed, read. It comes out of the sandbox, so no link in it is followed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nommer_core::error::{Code, JobError};

/// Most bytes of a playlist or manifest: a day of two-second segments takes less.
const MOST_BYTES: u64 = 16 << 20;

/// What a playlist or manifest says.
pub(super) fn text_of(folder: &Path, name: &str) -> Result<Vec<u8>, JobError> {
    small_file(&folder.join(name)).map_err(|error| failed(&format!("{name}: {error}")))
}

/// The size of a segment, which must be one of those that are there.
pub(super) fn size_of(folder: &Path, names: &[String], name: &str) -> Result<u64, JobError> {
    if !names.iter().any(|known| known == name) {
        return Err(failed("a playlist names a segment that is not there"));
    }
    plain_size(&folder.join(name)).map_err(|error| failed(&format!("{name}: {error}")))
}

pub(super) fn failed(what: &str) -> JobError {
    JobError::new(Code::EncoderFailed, format!("the packaged output: {what}"))
}

/// The size of a file that is nothing but a file.
fn plain_size(path: &Path) -> io::Result<u64> {
    let found = fs::symlink_metadata(path)?;
    if found.is_file() {
        Ok(found.len())
    } else {
        Err(io::Error::other("it is no file"))
    }
}

fn small_file(path: &Path) -> io::Result<Vec<u8>> {
    if plain_size(path)? > MOST_BYTES {
        return Err(io::Error::other("it is too large"));
    }
    fs::read(path)
}

/// The files in the folder `parts` of `folder`, in order of their names, as named from `folder`.
pub(crate) fn listed(folder: &Path, parts: &str) -> Result<Vec<String>, JobError> {
    list(folder, parts).map_err(|error| failed(&error.to_string()))
}

fn list(folder: &Path, parts: &str) -> io::Result<Vec<String>> {
    // What comes out of the sandbox may be a link to somewhere else.
    let inner = folder.join(parts);
    for place in [folder, inner.as_path()] {
        if !fs::symlink_metadata(place)?.is_dir() {
            return Err(io::Error::other("its folder is no folder"));
        }
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(inner)? {
        let name = entry?.file_name();
        let name = name
            .to_str()
            .ok_or_else(|| io::Error::other("a segment has an odd name"))?;
        names.push(format!("{parts}/{name}"));
    }
    names.sort();
    Ok(names)
}

/// Makes the folders that FFmpeg writes a packaged output into.
pub(crate) fn prepare(folder: &Path, parts: &str) -> Result<PathBuf, JobError> {
    let made = folder.join(parts);
    fs::create_dir_all(&made).map_err(|error| {
        JobError::new(
            Code::Unavailable,
            format!("make a folder for segments: {error}"),
        )
    })?;
    Ok(made)
}
