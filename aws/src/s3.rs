//! Media in S3: read in ranges, written whole or not at all, and only over what was there when the job began.
//!
//! Credentials in an address are used for that address and nothing else; they never fall back to the role, and the role is never
//! used where an address brings its own.

mod checksum;
mod clients;
mod fault;
mod fetch;
mod multipart;
mod outputs;
mod parts;
mod upload;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::Range, path::Path, sync::Arc};

use aws_config::SdkConfig;
use aws_sdk_s3::types::{ObjectCannedAcl, ServerSideEncryption, StorageClass};
use nommer_core::{
    ports::{MediaError, MediaStorage, ObjectAttributes, ObjectFacts, Piece, Upload},
    settings::StorageSettings,
    uri::MediaUri,
};

use tokio::sync::OnceCell;

use clients::Clients;
pub(crate) use clients::{bucket_address, endpoint};
use fault::S3Fault;
pub use outputs::S3Outputs;
pub use upload::StagedObject;

/// A client for buckets of one's own. An endpoint that takes the place of AWS's has buckets in the path.
pub fn client(sdk: &SdkConfig) -> aws_sdk_s3::Client {
    let builder = aws_sdk_s3::config::Builder::from(sdk);
    let style = builder.force_path_style(endpoint(sdk).is_some());
    aws_sdk_s3::Client::from_conf(style.build())
}

/// How outputs are stored, where the bucket's own default will not do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct S3Options {
    /// Who may read them besides the owner. Only buckets with ACLs enabled take one.
    pub acl: Option<ObjectCannedAcl>,
    /// Their storage class.
    pub storage_class: Option<StorageClass>,
    /// How they are encrypted.
    pub encryption: Option<ServerSideEncryption>,
    /// The KMS key for that; the account's own if none.
    pub kms_key_id: Option<String>,
    /// The header `Cache-Control` of their answers.
    pub cache_control: Option<String>,
    /// Metadata of the caller's.
    pub metadata: BTreeMap<String, String>,
}

impl S3Options {
    /// The same for an object of which more was said.
    fn with(&self, attributes: &ObjectAttributes) -> Self {
        let acl = attributes.acl.as_deref().map(Into::into);
        let storage_class = attributes.storage_class.as_deref().map(Into::into);
        Self {
            acl: acl.or(self.acl.clone()),
            storage_class: storage_class.or(self.storage_class.clone()),
            cache_control: attributes.cache_control.clone(),
            metadata: attributes.metadata.clone(),
            ..self.clone()
        }
    }
}

impl From<&StorageSettings> for S3Options {
    fn from(settings: &StorageSettings) -> Self {
        Self {
            acl: settings.s3_acl.as_deref().map(Into::into),
            storage_class: settings.s3_storage_class.as_deref().map(Into::into),
            encryption: settings.s3_encryption.as_deref().map(Into::into),
            kms_key_id: settings.s3_kms_key_id.clone(),
            cache_control: None,
            metadata: BTreeMap::new(),
        }
    }
}

/// Objects in S3.
#[derive(Clone, Debug)]
pub struct S3Storage {
    /// Made when they are first needed.
    clients: Arc<OnceCell<Clients>>,
    options: S3Options,
}

impl S3Storage {
    /// Storage for a process with this configuration, whose credentials serve addresses that bring none.
    pub fn new(sdk: &SdkConfig, options: S3Options) -> Self {
        Self {
            clients: Arc::new(OnceCell::new_with(Some(Clients::new(sdk)))),
            options,
        }
    }

    /// Storage that looks for region and credentials when an address in S3 is first used, and not before.
    pub fn on_demand(options: S3Options) -> Self {
        Self {
            clients: Arc::default(),
            options,
        }
    }

    async fn clients(&self) -> &Clients {
        let make = async || Clients::new(&crate::load_config().await);
        self.clients.get_or_init(make).await
    }
}

/// An object's place and its name for people.
#[derive(Clone, Debug)]
struct Place {
    bucket: String,
    key: String,
    name: String,
}

impl Place {
    fn of(uri: &MediaUri) -> Result<Self, MediaError> {
        let name = uri.redacted();
        let (bucket, key) = uri
            .s3()
            .ok_or_else(|| MediaError::Unusable(format!("{name} is not in S3")))?;
        // Whose credentials are kept elsewhere, or cannot be read, is not served with the role's.
        if name != uri.identity() && uri.credentials().is_none() {
            return Err(MediaError::Unusable(format!(
                "{name}: its credentials are not at hand"
            )));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            name,
        })
    }
}

impl MediaStorage for S3Storage {
    type Staged = StagedObject;

    async fn stat(&self, uri: &MediaUri) -> Result<Option<ObjectFacts>, MediaError> {
        let place = Place::of(uri)?;
        let clients = self.clients().await;
        let looked = clients
            .call(uri, |client| {
                let request = client.head_object().bucket(&place.bucket).key(&place.key);
                request.send()
            })
            .await;
        match looked {
            Ok(found) => Ok(Some(ObjectFacts {
                bytes: found.content_length.and_then(|bytes| bytes.try_into().ok()),
                etag: found.e_tag,
            })),
            // A bucket that is missing answers in the same way, and is no place for an output.
            Err(fault) if fault.status == Some(404) => match clients.has_bucket(uri).await {
                Ok(true) => Ok(None),
                Ok(false) => Err(S3Fault::no_bucket().explain(&place.name)),
                Err(fault) => Err(fault.explain(&place.name)),
            },
            Err(fault) => Err(fault.explain(&place.name)),
        }
    }

    async fn fetch(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        most: u64,
        to: &Path,
    ) -> Result<ObjectFacts, MediaError> {
        fetch::fetch(self.clients().await, uri, (etag, most), to).await
    }

    async fn read(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        range: Range<u64>,
    ) -> Result<Option<Piece>, MediaError> {
        let piece = fetch::read(self.clients().await, uri, etag, range).await?;
        Ok(Some(piece))
    }

    async fn stage(&self, uri: &MediaUri, upload: Upload<'_>) -> Result<StagedObject, MediaError> {
        upload::stage(self.clients().await, &self.options, uri, upload).await
    }

    async fn commit(
        &self,
        staged: StagedObject,
        before: Option<&ObjectFacts>,
    ) -> Result<Option<String>, MediaError> {
        staged.commit(before).await
    }

    async fn discard(&self, staged: StagedObject) {
        staged.discard().await;
    }
}
