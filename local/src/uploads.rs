//! Uploads in the folder for media: announced in a small file, received beside their place and renamed when they are whole.
//!
//! What is received is locked for as long as its receiver lives, as outputs are: what a killed server left is removed by the next one.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use nix::fcntl::Flock;
use nommer_core::{
    id::{KeyId, UploadId},
    ports::{StoreError, Uploads},
    upload::{Announced, Completion, Cut, FOLDER, Offer, Part, Upload},
};
use serde::{Deserialize, Serialize};

use crate::storage::{new_part, sweep};

/// The folder of announcements in the data folder.
const ANNOUNCEMENTS: &str = "uploads";

/// What the address of an upload on the local server begins with.
const PATH: &str = "/v1/uploads/";

/// The place for uploads of one data folder.
#[derive(Clone, Debug)]
pub struct LocalUploads {
    /// Where announcements are kept.
    announcements: PathBuf,
    /// The folder for media.
    media: PathBuf,
    root: String,
}

/// An announcement as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Announcement {
    owner: Option<KeyId>,
    filename: String,
    bytes: u64,
    content_type: String,
    expires_at: Timestamp,
}

/// An upload that is being received. Dropped before its end, it leaves nothing.
#[derive(Debug)]
pub struct Incoming {
    part: PathBuf,
    place: PathBuf,
    lock: Flock<File>,
    expected: u64,
    received: u64,
}

/// Why an upload was not received.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It was not announced, or too long ago.
    #[error("this upload was not announced, or too long ago")]
    Unknown,
    /// There are more or fewer bytes than were announced.
    #[error("{expected} bytes were announced, and {received} came")]
    OtherSize {
        /// How many were announced.
        expected: u64,
        /// How many came, or at least came.
        received: u64,
    },
    /// It cannot be written.
    #[error("the upload could not be written: {0}")]
    Io(#[from] io::Error),
}

impl LocalUploads {
    pub(crate) fn new(folder: &Path) -> Self {
        let media = folder.join("media");
        Self {
            announcements: folder.join(ANNOUNCEMENTS),
            root: format!("file://{}", media.join(FOLDER).display()),
            media,
        }
    }

    /// Removes what a server before this one left: announcements whose time is over, and uploads that broke off.
    pub fn clean(&self, now: Timestamp) -> io::Result<()> {
        for file in entries(&self.announcements)? {
            let kept = fs::read(&file).ok();
            let kept = kept.and_then(|bytes| serde_json::from_slice::<Announcement>(&bytes).ok());
            if kept.is_none_or(|announcement| announcement.expires_at <= now) {
                fs::remove_file(&file)?;
            }
        }
        for owner in entries(&self.media.join(FOLDER))? {
            for upload in entries(&owner)? {
                sweep(&upload);
                // Fails for one that holds its upload.
                fs::remove_dir(&upload).ok();
            }
        }
        Ok(())
    }

    /// Begins to receive an upload that was announced.
    pub fn begin(&self, id: &UploadId, now: Timestamp) -> Result<Incoming, UploadError> {
        let kept = match fs::read(self.announcement(id)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(UploadError::Unknown);
            }
            Err(error) => return Err(error.into()),
        };
        let kept: Announcement = serde_json::from_slice(&kept).map_err(io::Error::from)?;
        if kept.expires_at <= now {
            return Err(UploadError::Unknown);
        }
        let upload = Upload {
            id: id.clone(),
            owner: kept.owner,
            announced: Announced {
                filename: kept.filename,
                bytes: kept.bytes,
                content_type: kept.content_type,
            },
            expires_at: kept.expires_at,
        };
        let place = self.media.join(upload.place());
        let folder = place.parent().unwrap_or(&self.media);
        fs::create_dir_all(folder)?;
        sweep(folder);
        let (part, lock) = new_part(folder)?;
        Ok(Incoming {
            part,
            place,
            lock,
            expected: kept.bytes,
            received: 0,
        })
    }

    fn announcement(&self, id: &UploadId) -> PathBuf {
        self.announcements.join(format!("{id}.json"))
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Incoming {
    /// How many bytes were announced.
    pub fn expected(&self) -> u64 {
        self.expected
    }

    /// Writes what came.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.received += bytes.len() as u64;
        if self.received > self.expected {
            return Err(self.other_size());
        }
        (&*self.lock).write_all(bytes)?;
        Ok(())
    }

    /// Puts it in its place, if all of it came.
    pub fn finish(self) -> Result<(), UploadError> {
        if self.received != self.expected {
            return Err(self.other_size());
        }
        self.lock.sync_all()?;
        fs::rename(&self.part, &self.place)?;
        let folder = self.place.parent().unwrap_or(Path::new("/"));
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    fn other_size(&self) -> UploadError {
        UploadError::OtherSize {
            expected: self.expected,
            received: self.received,
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // After the end it is gone already. A folder that holds an upload stays.
        fs::remove_file(&self.part).ok();
        if let Some(folder) = self.place.parent() {
            fs::remove_dir(folder).ok();
        }
    }
}

impl Uploads for LocalUploads {
    fn root(&self) -> &str {
        &self.root
    }

    fn cut(&self) -> Cut {
        Cut::NEVER
    }

    async fn offer(&self, upload: &Upload, _now: Timestamp) -> Result<Offer, StoreError> {
        const WHAT: &str = "announce an upload";
        let announced = &upload.announced;
        let kept = Announcement {
            owner: upload.owner.clone(),
            filename: announced.filename.clone(),
            bytes: announced.bytes,
            content_type: announced.content_type.clone(),
            expires_at: upload.expires_at,
        };
        let json =
            serde_json::to_vec(&kept).map_err(|error| StoreError::unavailable(WHAT, error))?;
        let (folder, file) = (self.announcements.clone(), self.announcement(&upload.id));
        let written = tokio::task::spawn_blocking(move || announce(&folder, &file, &json)).await;
        written
            .map_err(|error| StoreError::unavailable(WHAT, error))?
            .map_err(|error| StoreError::unavailable(WHAT, error))?;
        Ok(Offer::Whole {
            url: format!("{PATH}{}", upload.id),
            headers: vec![
                ("content-length".to_owned(), announced.bytes.to_string()),
                ("content-type".to_owned(), announced.content_type.clone()),
            ],
        })
    }

    async fn offer_parts(
        &self,
        _upload: &Upload,
        _handle: &str,
        _now: Timestamp,
    ) -> Result<Vec<Part>, StoreError> {
        Ok(Vec::new())
    }

    async fn complete(
        &self,
        _upload: &Upload,
        _handle: &str,
        _etags: &[String],
        _now: Timestamp,
    ) -> Result<Completion, StoreError> {
        Ok(Completion::Unknown)
    }
}

/// Writes an announcement, whole or not at all.
fn announce(folder: &Path, file: &Path, json: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut part = tempfile::NamedTempFile::new_in(folder)?;
    part.write_all(json)?;
    part.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    async fn announced(folder: &Path, bytes: u64) -> (LocalUploads, Upload) {
        let uploads = LocalUploads::new(folder);
        let upload = Upload {
            id: "upload_1".parse().unwrap(),
            owner: None,
            announced: Announced {
                filename: "a.mov".to_owned(),
                bytes,
                content_type: "video/mp4".to_owned(),
            },
            expires_at: at(60),
        };
        uploads.offer(&upload, at(0)).await.unwrap();
        (uploads, upload)
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let all = entries(folder).unwrap().into_iter();
        all.flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
    }

    #[tokio::test]
    async fn an_upload_appears_whole_or_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (uploads, upload) = announced(folder.path(), 4).await;
        let media = folder.path().join("media");

        let mut broken = uploads.begin(&upload.id, at(1)).unwrap();
        broken.write(b"ab").unwrap();
        drop(broken);
        let mut short = uploads.begin(&upload.id, at(1)).unwrap();
        short.write(b"abc").unwrap();
        assert!(matches!(
            short.finish(),
            Err(UploadError::OtherSize { received: 3, .. })
        ));
        let mut long = uploads.begin(&upload.id, at(1)).unwrap();
        long.write(b"abcd").unwrap();
        assert!(matches!(
            long.write(b"e"),
            Err(UploadError::OtherSize { received: 5, .. })
        ));
        drop(long);
        assert!(files(&media).is_empty());

        let mut whole = uploads.begin(&upload.id, at(1)).unwrap();
        whole.write(b"abcd").unwrap();
        whole.finish().unwrap();
        let place = media.join(upload.place());
        assert_eq!(fs::read(&place).unwrap(), b"abcd");
        assert_eq!(files(&media), [place]);
    }

    #[tokio::test]
    async fn what_was_not_announced_or_too_long_ago_is_not_received() {
        let folder = tempfile::tempdir().unwrap();
        let (uploads, upload) = announced(folder.path(), 4).await;
        let unknown = "upload_2".parse().unwrap();
        for (id, now) in [(&unknown, at(1)), (&upload.id, at(60))] {
            assert!(matches!(uploads.begin(id, now), Err(UploadError::Unknown)));
        }
    }

    #[tokio::test]
    async fn what_a_killed_server_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (uploads, upload) = announced(folder.path(), 4).await;
        let mut incoming = uploads.begin(&upload.id, at(1)).unwrap();
        incoming.write(b"ab").unwrap();
        // The lock goes with the process; the file stays.
        let part = incoming.part.clone();
        drop(incoming);
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        fs::write(&part, b"ab").unwrap();
        uploads.clean(at(30)).unwrap();
        assert!(files(&folder.path().join("media")).is_empty());
        assert!(uploads.begin(&upload.id, at(31)).is_ok());
        uploads.clean(at(60)).unwrap();
        assert!(files(&folder.path().join("uploads")).is_empty());
    }
}
