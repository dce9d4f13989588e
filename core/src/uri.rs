//! Addresses of media and of receivers, parsed once at the edge.
//!
//! The grammar is the original's, with the cases put right that it misread. An address holds its secret part (credentials, the
//! query of a signed URL) apart from the rest: printing, serializing and comparing never touch it.

mod error;
mod notify;
mod parse;
mod text;

use std::path::{Path, PathBuf};

use url::Url;

pub use error::UriError;
pub use notify::NotifyUrl;

use crate::{address::NetworkRules, secret::Secret};

/// Longest address, in bytes.
const MAX_BYTES: usize = 2_048;

/// What stands in place of a secret.
const STARS: &str = "***";

/// Which addresses are let in.
#[derive(Clone, Debug, Default)]
pub struct UriRules {
    /// Which hosts `http` and `https` may name.
    pub network: NetworkRules,
    /// Folders under which `file` is served; none at all outside local mode.
    pub folders: Option<Vec<PathBuf>>,
    /// The system's own folder, of which nothing is served, wherever it lies.
    pub private: Option<PathBuf>,
}

impl UriRules {
    /// The rules of local mode.
    pub fn local(network: NetworkRules, folders: Vec<PathBuf>, private: PathBuf) -> Self {
        Self {
            network,
            folders: Some(folders),
            private: Some(private),
        }
    }

    /// Whether a file may be used, by its path alone. A served folder may lie within the private one.
    pub fn serves(&self, path: &Path) -> bool {
        let within = |folder: &PathBuf| path.starts_with(folder);
        let served = self
            .folders
            .iter()
            .flatten()
            .filter(|folder| within(folder))
            .map(|folder| folder.components().count())
            .max();
        let private = self
            .private
            .iter()
            .filter(|folder| within(folder))
            .map(|folder| folder.components().count())
            .max();
        served > private
    }
}

/// Where media is, or is to be.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaUri {
    place: Place,
    secret: Part,
}

#[derive(Clone, PartialEq, Eq)]
enum Place {
    S3 { bucket: String, key: String },
    Http(Url),
    File(String),
}

/// The secret part of an address.
#[derive(Clone, PartialEq, Eq)]
enum Part {
    /// There is none.
    None,
    /// It is kept elsewhere.
    Hidden,
    /// It is here.
    Here(Secret),
}

/// How media is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// An object in S3.
    S3,
    /// A web server.
    Http,
    /// A file of this machine.
    File,
}

/// Credentials that a caller put into an `s3` address.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret,
}

impl MediaUri {
    /// Reads the address of a source.
    pub fn parse_source(text: &str, rules: &UriRules) -> Result<Self, UriError> {
        parse::parse(text, rules)
    }

    /// Reads the address of a destination: a place that can be written, and not a folder.
    pub fn parse_destination(text: &str, rules: &UriRules) -> Result<Self, UriError> {
        let uri = parse::parse(text, rules)?;
        match &uri.place {
            Place::Http(_) => Err(UriError::Malformed(
                "nothing can be written to a web server: use s3:// or file://".to_owned(),
            )),
            Place::S3 { key: path, .. } | Place::File(path) if path.ends_with('/') => Err(
                UriError::Malformed("it names a folder: add the name of the file".to_owned()),
            ),
            Place::S3 { .. } | Place::File(_) => Ok(uri),
        }
    }

    /// Reads the address of a destination that is a folder, and ends in `/`.
    pub fn parse_folder(text: &str, rules: &UriRules) -> Result<Self, UriError> {
        let uri = parse::parse(text, rules)?;
        match uri.scheme() {
            Scheme::Http => Err(UriError::Malformed(
                "nothing can be written to a web server: use s3:// or file://".to_owned(),
            )),
            Scheme::S3 | Scheme::File => Ok(uri),
        }
    }

    /// Whether it names a folder.
    pub fn is_folder(&self) -> bool {
        match &self.place {
            Place::S3 { key: path, .. } | Place::File(path) => path.ends_with('/'),
            Place::Http(_) => false,
        }
    }

    /// What lies below it at a relative path, with the same secret. The path is not checked.
    #[must_use]
    pub fn join(&self, below: &str) -> Self {
        let joined = |path: &str| format!("{path}{below}");
        let place = match &self.place {
            Place::S3 { bucket, key } => Place::S3 {
                bucket: bucket.clone(),
                key: joined(key),
            },
            Place::File(path) => Place::File(joined(path)),
            Place::Http(url) => Place::Http(url.clone()),
        };
        Self {
            place,
            secret: self.secret.clone(),
        }
    }

    /// A file of this machine, for callers that are allowed to name any.
    pub fn from_path(path: &Path) -> Result<Self, UriError> {
        let text = path
            .to_str()
            .ok_or_else(|| UriError::Malformed(format!("{} is not UTF-8 text", path.display())))?;
        Ok(Self {
            place: Place::File(text.to_owned()),
            secret: Part::None,
        })
    }

    /// How it is reached.
    pub fn scheme(&self) -> Scheme {
        match self.place {
            Place::S3 { .. } => Scheme::S3,
            Place::Http(_) => Scheme::Http,
            Place::File(_) => Scheme::File,
        }
    }

    /// Bucket and key of an `s3` address.
    pub fn s3(&self) -> Option<(&str, &str)> {
        match &self.place {
            Place::S3 { bucket, key } => Some((bucket, key)),
            Place::Http(_) | Place::File(_) => None,
        }
    }

    /// Path of a `file` address.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(Path::new(path)),
            Place::S3 { .. } | Place::Http(_) => None,
        }
    }

    /// The whole URL of an `http` or `https` address, its query included. For the request and nothing else.
    pub fn expose_url(&self) -> Option<Url> {
        let Place::Http(url) = &self.place else {
            return None;
        };
        let mut url = url.clone();
        if let Part::Here(query) = &self.secret {
            url.set_query(Some(query.expose()));
        }
        Some(url)
    }

    /// The credentials in an `s3` address.
    pub fn credentials(&self) -> Option<Credentials> {
        let (Place::S3 { .. }, Part::Here(secret)) = (&self.place, &self.secret) else {
            return None;
        };
        let (id, key) = secret.expose().split_once(':')?;
        Some(Credentials {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::new(key),
        })
    }

    /// Takes the secret part out, to be kept elsewhere.
    pub fn split_secret(self) -> (Self, Option<Secret>) {
        match self.secret {
            Part::Here(secret) => (
                Self {
                    place: self.place,
                    secret: Part::Hidden,
                },
                Some(secret),
            ),
            Part::None | Part::Hidden => (self, None),
        }
    }

    /// Puts the secret part back in.
    #[must_use]
    pub fn with_secret(self, secret: Secret) -> Self {
        Self {
            secret: Part::Here(secret),
            ..self
        }
    }

    /// What it names, apart from secrets and spelling: two addresses of one place have the same identity.
    pub fn identity(&self) -> String {
        match &self.place {
            Place::S3 { bucket, key } => format!("s3://{bucket}/{key}"),
            Place::Http(url) => url.to_string(),
            Place::File(path) => format!("file://{path}"),
        }
    }

    /// Whether it came with a secret, which is kept elsewhere.
    pub fn has_secret(&self) -> bool {
        self.secret != Part::None
    }

    /// The address with stars in place of its secret.
    pub fn redacted(&self) -> String {
        let hidden = self.secret != Part::None;
        match &self.place {
            Place::S3 { bucket, key } if hidden => format!("s3://{STARS}@{bucket}/{key}"),
            Place::Http(url) if hidden => format!("{url}?{STARS}"),
            Place::S3 { .. } | Place::Http(_) | Place::File(_) => self.identity(),
        }
    }

    /// The extension of the file's name in lower case.
    pub fn extension(&self) -> Option<String> {
        let path = match &self.place {
            Place::S3 { key, .. } => key,
            Place::Http(url) => url.path(),
            Place::File(path) => path,
        };
        Path::new(path).extension()?.to_str().map(str::to_lowercase)
    }
}

#[cfg(test)]
mod tests;
