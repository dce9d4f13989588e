//! Outputs in memory: their addresses with their version tags. They are put there by tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use crate::{
    ports::{MediaError, ObjectFacts, Outputs},
    uri::MediaUri,
};

/// What every address begins with that is beyond reach.
const ELSEWHERE: &str = "s3://elsewhere/";

/// Outputs that are there. Those in the bucket `elsewhere` are not its own.
#[derive(Debug, Default)]
pub struct MemoryOutputs(Mutex<BTreeMap<String, String>>);

impl MemoryOutputs {
    /// Puts a file there, in place of what was there.
    pub fn put(&self, address: &str, etag: &str) {
        self.files().insert(address.to_owned(), etag.to_owned());
    }

    /// The addresses of all files.
    pub fn addresses(&self) -> Vec<String> {
        self.files().keys().cloned().collect()
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().expect("no holder panics")
    }
}

fn own(uri: &MediaUri) -> Result<String, MediaError> {
    let address = uri.identity();
    if address.starts_with(ELSEWHERE) || uri.has_secret() {
        return Err(MediaError::Forbidden(uri.redacted()));
    }
    Ok(address)
}

impl Outputs for MemoryOutputs {
    async fn facts(&self, uri: &MediaUri) -> Result<Option<ObjectFacts>, MediaError> {
        let address = own(uri)?;
        Ok(self.files().get(&address).map(|etag| ObjectFacts {
            bytes: None,
            etag: Some(etag.clone()),
        }))
    }

    async fn remove(&self, uri: &MediaUri, etag: Option<&str>) -> Result<(), MediaError> {
        let address = own(uri)?;
        let mut files = self.files();
        let found = files.get(&address).map(String::as_str);
        if found.is_some() && etag.is_some() && found != etag {
            return Err(MediaError::Changed(address));
        }
        files.remove(&address);
        Ok(())
    }

    async fn remove_below(&self, folder: &MediaUri, names: &[String]) -> Result<(), MediaError> {
        own(folder)?;
        let mut files = self.files();
        for name in names {
            files.remove(&folder.join(name).identity());
        }
        Ok(())
    }
}
