//! Clients for S3: the role's own, and one for the credentials of an address; each for the region that a bucket is in.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex},
};

use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client,
    config::{Builder, Credentials, Region, http::HttpResponse},
    error::{ProvideErrorMetadata, SdkError},
};
use nommer_core::uri::MediaUri;

use super::fault::S3Fault;

/// Where a bucket without a region of its own is looked for first.
const FIRST_REGION: &str = "us-east-1";

/// Makes clients.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    sdk: SdkConfig,
    /// The role's client; made once, because it caches credentials.
    own: Client,
    regions: Arc<Mutex<HashMap<String, Region>>>,
}

impl Clients {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        Self {
            own: Client::from_conf(addressed(Builder::from(sdk), sdk).build()),
            sdk: sdk.clone(),
            regions: Arc::default(),
        }
    }

    /// Calls S3 for an address. A bucket that turns out to be in another region is called there, once.
    pub(super) async fn call<T, E, F>(
        &self,
        uri: &MediaUri,
        request: impl Fn(Client) -> F,
    ) -> Result<T, S3Fault>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let bucket = uri.s3().map(|(bucket, _)| bucket).unwrap_or_default();
        let known = self.known(bucket);
        let fault = match Box::pin(request(self.client(uri, known.clone()))).await {
            Ok(done) => return Ok(done),
            Err(error) => S3Fault::from(error),
        };
        let Some(region) = fault.region.clone().map(Region::new) else {
            return Err(fault);
        };
        let asked = known.or_else(|| self.sdk.region().cloned());
        if fault.status == Some(404) || asked.as_ref() == Some(&region) {
            return Err(fault);
        }
        self.learn(bucket, &region);
        Box::pin(request(self.client(uri, Some(region))))
            .await
            .map_err(S3Fault::from)
    }

    /// The region of a bucket, once it is known.
    fn known(&self, bucket: &str) -> Option<Region> {
        let regions = self.regions.lock().expect("no holder panics");
        regions.get(bucket).cloned()
    }

    /// Calls for this bucket go to its region from now on.
    fn learn(&self, bucket: &str, region: &Region) {
        let mut regions = self.regions.lock().expect("no holder panics");
        regions.insert(bucket.to_owned(), region.clone());
    }

    /// A client with the credentials of the address, or else the role's.
    fn client(&self, uri: &MediaUri, region: Option<Region>) -> Client {
        let Some(credentials) = uri.credentials() else {
            return match region {
                None => self.own.clone(),
                Some(region) => {
                    let role = self.own.config().to_builder();
                    Client::from_conf(role.region(region).build())
                }
            };
        };
        let credentials = Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key.expose(),
            None,
            None,
            "address",
        );
        // From nothing, so that no other credentials can get in.
        let mut builder = Builder::new()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .credentials_provider(credentials)
            .region(
                region
                    .or_else(|| self.sdk.region().cloned())
                    .unwrap_or(Region::from_static(FIRST_REGION)),
            );
        builder.set_http_client(self.sdk.http_client());
        builder.set_retry_config(self.sdk.retry_config().cloned());
        builder.set_timeout_config(self.sdk.timeout_config().cloned());
        builder.set_sleep_impl(self.sdk.sleep_impl());
        builder.set_endpoint_url(self.sdk.endpoint_url().map(str::to_owned));
        Client::from_conf(addressed(builder, &self.sdk).build())
    }
}

/// Buckets of an endpoint of one's own are in the path: its name has no subdomains.
fn addressed(builder: Builder, sdk: &SdkConfig) -> Builder {
    builder.force_path_style(sdk.endpoint_url().is_some())
}
