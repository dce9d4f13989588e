//! Outputs in folders, deleted: below the allowed folders only, wherever links may point. A folder goes only when it is empty.

use std::{collections::BTreeSet, fs, io, path::Path};

use nommer_core::{
    ports::{MediaError, MediaStorage as _, ObjectFacts, Outputs},
    uri::MediaUri,
};

use super::{FolderStorage, blocking, explain, look};

/// Other schemes are beyond its reach.
fn on_this_machine(uri: &MediaUri) -> Result<(), MediaError> {
    match uri.path() {
        Some(_) => Ok(()),
        None => Err(MediaError::Forbidden(uri.redacted())),
    }
}

impl Outputs for FolderStorage {
    async fn facts(&self, uri: &MediaUri) -> Result<Option<ObjectFacts>, MediaError> {
        on_this_machine(uri)?;
        self.stat(uri).await
    }

    async fn remove(&self, uri: &MediaUri, etag: Option<&str>) -> Result<(), MediaError> {
        on_this_machine(uri)?;
        let (path, name) = (self.allowed(uri)?, uri.redacted());
        let etag = etag.map(str::to_owned);
        blocking(name.clone(), move || remove(&path, etag.as_deref(), &name)).await
    }

    async fn remove_below(&self, folder: &MediaUri, names: &[String]) -> Result<(), MediaError> {
        on_this_machine(folder)?;
        let (storage, folder, names) = (self.clone(), folder.clone(), names.to_vec());
        blocking(folder.redacted(), move || {
            let mut emptied = BTreeSet::new();
            for name in &names {
                let uri = folder.join(name);
                let path = storage.allowed(&uri)?;
                remove(&path, None, &uri.redacted())?;
                emptied.extend(path.parent().map(Path::to_owned));
            }
            for inner in emptied {
                remove_empty(&inner, folder.path().unwrap_or(&inner));
            }
            Ok(())
        })
        .await
    }
}

/// Removes a file, if it is the version that is meant.
fn remove(path: &Path, etag: Option<&str>, name: &str) -> Result<(), MediaError> {
    let explain = explain(name);
    let Some(found) = look(path).map_err(&explain)? else {
        return Ok(());
    };
    if etag.is_some() && found.etag.as_deref() != etag {
        return Err(MediaError::Changed(name.to_owned()));
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(explain(error)),
        _ => Ok(()),
    }
}

/// Removes a folder and those that it lies in, as long as they are empty and below `root`.
fn remove_empty(folder: &Path, root: &Path) {
    let below = |folder: &&Path| folder.starts_with(root) && *folder != root;
    for folder in folder.ancestors().take_while(below) {
        match fs::remove_dir(folder) {
            Ok(()) => {}
            // An earlier request came so far.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_not_empty) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A storage for `media` in a folder, and the folder.
    fn storage() -> (FolderStorage, tempfile::TempDir) {
        let root = tempfile::tempdir().unwrap();
        let media = root.path().join("media");
        fs::create_dir(&media).unwrap();
        let storage = FolderStorage::new(vec![media], root.path().to_owned());
        (storage, root)
    }

    fn uri(path: &Path) -> MediaUri {
        MediaUri::from_path(path).unwrap()
    }

    fn put(path: PathBuf) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "theirs").unwrap();
        path
    }

    #[tokio::test]
    async fn nothing_outside_the_allowed_folders_is_deleted_whatever_links_say() {
        let (storage, root) = storage();
        let outside = put(root.path().join("secret.key"));
        let media = root.path().join("media");
        std::os::unix::fs::symlink(root.path(), media.join("link")).unwrap();
        std::os::unix::fs::symlink(&outside, media.join("file")).unwrap();
        for path in [
            outside.clone(),
            media.join("link/secret.key"),
            media.join("file"),
        ] {
            let refused = storage.remove(&uri(&path), None).await;
            assert!(
                matches!(refused, Err(MediaError::Forbidden(_))),
                "{path:?}: {refused:?}"
            );
        }
        let folder = uri(&media).join("/");
        for name in ["link/secret.key", "file"] {
            let refused = storage.remove_below(&folder, &[name.to_owned()]).await;
            assert!(
                matches!(refused, Err(MediaError::Forbidden(_))),
                "{name}: {refused:?}"
            );
        }
        assert!(outside.exists());
    }

    #[tokio::test]
    async fn folders_go_when_they_are_empty_and_never_that_of_the_output() {
        let (storage, root) = storage();
        let film = root.path().join("media/film");
        let ours = ["job_1/video/720/1.m4s", "job_1/audio/1.m4s"];
        for name in ours {
            put(film.join(name));
        }
        let theirs = put(film.join("job_1/video/note.txt"));
        let folder = uri(&film).join("/");
        let names = ours.map(str::to_owned);
        for _again in 0..2 {
            storage.remove_below(&folder, &names).await.unwrap();
            assert!(theirs.exists());
            assert!(!film.join("job_1/video/720").exists());
            assert!(!film.join("job_1/audio").exists());
        }
        fs::remove_file(&theirs).unwrap();
        put(film.join(ours[0]));
        storage.remove_below(&folder, &names).await.unwrap();
        assert_eq!(fs::read_dir(&film).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_is_not_on_this_machine_is_beyond_reach() {
        let (storage, _root) = storage();
        let object: MediaUri = serde_json::from_str("\"s3://bucket/a.mp4\"").unwrap();
        let refused = storage.facts(&object).await;
        assert!(
            matches!(refused, Err(MediaError::Forbidden(_))),
            "{refused:?}"
        );
    }
}
