//! Keys of a data folder: files that only their owner can read, made once from the system's random source.

use std::{
    fs::{self, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    Key, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use nommer_core::{
    notify::SigningSecret,
    ports::{Secrets, StoreError},
    sealed::SealedText,
    secret::Secret,
};

use crate::LocalError;

const KEY_BYTES: usize = 32;

/// Bytes of the cipher's nonce: long enough that random ones never meet.
const NONCE_BYTES: usize = 24;

/// Seals with `XChaCha20-Poly1305` under the key of the data folder. The context is authenticated with the text.
#[derive(Clone)]
pub struct LocalSecrets {
    cipher: XChaCha20Poly1305,
}

impl std::fmt::Debug for LocalSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalSecrets(***)")
    }
}

impl LocalSecrets {
    /// Reads the key file, making it if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, LocalError> {
        let key: [u8; KEY_BYTES] = read_or_make(path, || random().map(|key: [u8; KEY_BYTES]| key.to_vec()))?
            .try_into()
            .map_err(|_wrong_size| LocalError::Key {
                path: path.to_owned(),
                problem: "does not hold 32 bytes: restore it from a backup; without it, sealed credentials are lost",
            })?;
        let cipher = XChaCha20Poly1305::new(&Key::from(key));
        Ok(Self { cipher })
    }
}

impl Secrets for LocalSecrets {
    async fn seal(&self, plain: &Secret, context: &str) -> Result<SealedText, StoreError> {
        let nonce: [u8; NONCE_BYTES] =
            random().map_err(|error| StoreError::unavailable("seal a secret", error))?;
        let payload = Payload {
            msg: plain.expose().as_bytes(),
            aad: context.as_bytes(),
        };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed
            .map_err(|_opaque| StoreError::unavailable("seal a secret", "the cipher refused it"))?;
        Ok(SealedText(STANDARD.encode([&nonce[..], &sealed].concat())))
    }

    async fn open(&self, sealed: &SealedText, context: &str) -> Result<Secret, StoreError> {
        let fault = || {
            StoreError::unavailable(
                "open a sealed secret",
                "it was sealed with another key or for another use",
            )
        };
        let bytes = STANDARD.decode(&sealed.0).map_err(|_not_base64| fault())?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(fault)?;
        let payload = Payload {
            msg: text,
            aad: context.as_bytes(),
        };
        let plain = self
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_opaque| fault())?;
        String::from_utf8(plain)
            .map(Secret::new)
            .map_err(|_not_text| fault())
    }
}

/// Reads the secret that notifications are signed with, making one if there is none.
pub(crate) fn signing_secret(path: &Path) -> Result<SigningSecret, LocalError> {
    let text = read_or_make(path, || {
        random().map(|key| SigningSecret::from_bytes(key).expose().as_bytes().to_vec())
    })?;
    let problem =
        "holds no signing secret: it begins with whsec_; delete it to have a new one made";
    let refusal = || LocalError::Key {
        path: path.to_owned(),
        problem,
    };
    let text = String::from_utf8(text).map_err(|_not_text| refusal())?;
    SigningSecret::parse(Secret::new(text.trim())).map_err(|_invalid| refusal())
}

fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

/// The contents of a key file. A new one appears whole under its name, and only once, whoever else makes one at the same moment.
fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> std::io::Result<Vec<u8>>,
) -> Result<Vec<u8>, LocalError> {
    if !path.exists() {
        let folder = path.parent().unwrap_or(Path::new("."));
        let written = make().and_then(|key| {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.as_file()
                .set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(&key)?;
            file.as_file().sync_all()?;
            match file.persist_noclobber(path) {
                Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => {
                    Err(error.error)
                }
                Ok(_) | Err(_) => Ok(()),
            }
        });
        written.map_err(LocalError::file(path))?;
    }
    let mode = fs::metadata(path)
        .map_err(LocalError::file(path))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        let problem = "can be read by others: make it private with chmod 600, and consider what it protected as known";
        return Err(LocalError::Key {
            path: path.to_owned(),
            problem,
        });
    }
    fs::read(path).map_err(LocalError::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_file_is_private_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let sealed = LocalSecrets::open(&path)
            .unwrap()
            .seal(&Secret::new("hush"), "a")
            .await
            .unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let again = LocalSecrets::open(&path).unwrap();
        assert_eq!(again.open(&sealed, "a").await.unwrap().expose(), "hush");
        assert!(!sealed.0.contains("hush"));
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        LocalSecrets::open(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(
            LocalSecrets::open(&path)
                .unwrap_err()
                .to_string()
                .contains("chmod 600")
        );
    }
}
