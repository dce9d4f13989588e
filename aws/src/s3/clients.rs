//! Clients for S3: the role's own, and one for the credentials of an address; each for the region that a bucket is in.
//!
//! All share one pool of connections. Credentials of an address are in the client of one request and are kept nowhere.

mod transport;

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client,
    config::{Builder, Credentials, Region, SharedHttpClient, http::HttpResponse},
    error::{ProvideErrorMetadata, SdkError},
};
use nommer_core::uri::MediaUri;

use super::fault::S3Fault;
use crate::connections::Connections;
pub(crate) use transport::{bucket_address, endpoint};
pub(super) use transport::{time_for, within};

/// Where a bucket without a region of its own is looked for first.
const FIRST_REGION: &str = "us-east-1";

/// Makes clients.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    sdk: SdkConfig,
    http: SharedHttpClient,
    /// The endpoint that takes the place of AWS's own.
    endpoint: Option<String>,
    /// The role's client; made once, because it caches credentials.
    own: Client,
    buckets: Arc<Mutex<Buckets>>,
}

/// What was learnt of buckets.
#[derive(Debug, Default)]
struct Buckets {
    regions: HashMap<String, Region>,
    /// Those that are there.
    present: HashSet<String>,
}

impl Clients {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        let http = sdk.http_client().unwrap_or_else(Connections::shared);
        let endpoint = endpoint(sdk);
        let builder = Builder::from(sdk)
            .region(first_region(sdk))
            .http_client(http.clone())
            .force_path_style(endpoint.is_some());
        Self {
            own: Client::from_conf(builder.build()),
            sdk: sdk.clone(),
            http,
            endpoint,
            buckets: Arc::default(),
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
        let known = self.buckets().regions.get(bucket).cloned();
        let asked = known.unwrap_or_else(|| first_region(&self.sdk));
        let fault = match Box::pin(request(self.client(uri, asked.clone()))).await {
            Ok(done) => return Ok(done),
            Err(error) => S3Fault::from(error),
        };
        let elsewhere = fault.region.clone().map(Region::new);
        let elsewhere = elsewhere.filter(|region| *region != asked && fault.status != Some(404));
        let Some(region) = elsewhere else {
            return Err(fault);
        };
        self.buckets()
            .regions
            .insert(bucket.to_owned(), region.clone());
        let again = Box::pin(request(self.client(uri, region))).await;
        again.map_err(S3Fault::from)
    }

    /// Whether the bucket of an address is there, as far as its credentials may know. Asked once for each bucket that is.
    pub(super) async fn has_bucket(&self, uri: &MediaUri) -> Result<bool, S3Fault> {
        let bucket = uri.s3().map(|(bucket, _)| bucket).unwrap_or_default();
        if self.buckets().present.contains(bucket) {
            return Ok(true);
        }
        let looked = self.call(uri, |client| client.head_bucket().bucket(bucket).send());
        match looked.await.map(|_facts| ()) {
            Err(fault) if fault.status == Some(404) => return Ok(false),
            // Those who may not ask learn it from the call that they are allowed.
            Err(fault) if fault.status != Some(403) => return Err(fault),
            Ok(()) | Err(_) => {}
        }
        self.buckets().present.insert(bucket.to_owned());
        Ok(true)
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().expect("no holder panics")
    }

    /// A client with the credentials of the address, or else the role's.
    fn client(&self, uri: &MediaUri, region: Region) -> Client {
        let Some(credentials) = uri.credentials() else {
            if self.own.config().region() == Some(&region) {
                return self.own.clone();
            }
            let role = self.own.config().to_builder();
            return Client::from_conf(role.region(region).build());
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
            .region(region)
            .http_client(self.http.clone())
            .force_path_style(self.endpoint.is_some());
        builder.set_endpoint_url(self.endpoint.clone());
        builder.set_retry_config(self.sdk.retry_config().cloned());
        builder.set_timeout_config(self.sdk.timeout_config().cloned());
        if let Some(protection) = self.sdk.stalled_stream_protection() {
            builder.set_stalled_stream_protection(Some(protection));
        }
        builder.set_sleep_impl(self.sdk.sleep_impl());
        builder.set_time_source(self.sdk.time_source());
        Client::from_conf(builder.build())
    }
}

fn first_region(sdk: &SdkConfig) -> Region {
    let set = sdk.region().cloned();
    set.unwrap_or(Region::from_static(FIRST_REGION))
}
