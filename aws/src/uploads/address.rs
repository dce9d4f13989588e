//! Addresses of objects in one bucket, signed in their query.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
//!
//! Signs; sends nothing. S3's own client would be most of what submit's package holds.

use std::time::{Duration, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use aws_smithy_runtime_api::client::identity::Identity;
use jiff::Timestamp;
use nommer_core::{lease::elapsed, ports::StoreError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{fault::unreadable, s3::bucket_address};

const WHAT: &str = "sign an upload";

/// What is not written as it is in a signed address: all but RFC 3986's unreserved letters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The same within a path.
const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// Where the objects of a bucket are, and who signs for them.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// What objects of the bucket are reached under, with a slash at its end.
    base: String,
    region: String,
    credentials: SharedCredentialsProvider,
}

impl Address {
    /// Of the bucket with this name. None if the configuration names no region or no credentials.
    pub(super) fn new(sdk: &SdkConfig, bucket: &str) -> Option<Self> {
        let region = sdk.region()?.to_string();
        let base = bucket_address(sdk, &region, bucket);
        Some(Self {
            base,
            region,
            credentials: sdk.credentials_provider()?,
        })
    }

    /// What objects of the bucket are reached under.
    #[cfg(test)]
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What signs addresses that hold from now on and for so long.
    pub(super) async fn signer(
        &self,
        now: Timestamp,
        valid: Duration,
    ) -> Result<Signer<'_>, StoreError> {
        let found = self.credentials.provide_credentials().await;
        Ok(Signer {
            address: self,
            identity: found.map_err(|error| unreadable(WHAT, error))?.into(),
            now,
            valid,
        })
    }
}

/// Signs addresses of one time.
#[derive(Debug)]
pub(super) struct Signer<'a> {
    address: &'a Address,
    identity: Identity,
    now: Timestamp,
    valid: Duration,
}

impl Signer<'_> {
    /// The address of an object for a request with this method, query and headers.
    pub(super) fn sign(
        &self,
        method: &str,
        place: &str,
        query: &[(&str, &str)],
        headers: &[(String, String)],
    ) -> Result<String, StoreError> {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.expires_in = Some(self.valid);
        let parameters = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.address.region)
            .name("s3")
            .time(UNIX_EPOCH + elapsed(self.now, Timestamp::UNIX_EPOCH))
            .settings(settings)
            .build()
            .map_err(|error| unreadable(WHAT, error))?
            .into();
        let mut url = self.address.base.clone();
        url.extend(utf8_percent_encode(place, ENCODED_IN_PATH));
        for (name, value) in query {
            add(&mut url, name, value);
        }
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new(method, &url, headers, SignableBody::UnsignedPayload)
            .map_err(|error| unreadable(WHAT, error))?;
        let signed = sign(request, &parameters).map_err(|error| unreadable(WHAT, error))?;
        let (instructions, _) = signed.into_parts();
        for (name, value) in instructions.params() {
            add(&mut url, name, value);
        }
        Ok(url)
    }
}

/// Adds to the query of an address.
fn add(url: &mut String, name: &str, value: &str) {
    url.push(if url.contains('?') { '&' } else { '?' });
    url.push_str(name);
    url.push('=');
    url.extend(utf8_percent_encode(value, ENCODED));
}
