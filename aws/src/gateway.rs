//! Requests to the API of a stack, signed as API Gateway asks for under `AWS_IAM`: Signature Version 4 of the service `execute-api`.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
//!
//! Signs; sends nothing.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use nommer_core::ports::StoreError;

use crate::fault::unreadable;

/// The service that requests are signed for.
const SERVICE: &str = "execute-api";

const WHAT: &str = "sign a request";

/// Signs requests with the credentials that every AWS tool finds.
#[derive(Clone, Debug)]
pub struct ApiSigner {
    region: String,
    credentials: SharedCredentialsProvider,
}

impl ApiSigner {
    /// Signs for the region and with the credentials of this configuration.
    ///
    /// # Errors
    /// It names no region or no source of credentials.
    pub fn new(sdk: &SdkConfig) -> Result<Self, StoreError> {
        let region = sdk.region();
        let region = region.ok_or_else(|| unreadable(WHAT, "no AWS region is set"))?;
        let credentials = sdk.credentials_provider();
        Ok(Self {
            region: region.to_string(),
            credentials: credentials
                .ok_or_else(|| unreadable(WHAT, "there are no AWS credentials"))?,
        })
    }

    /// The headers that make a request a signed one, by name. They hold for some minutes.
    ///
    /// `headers` are those that it has already: they are signed too, and so are its method, address and body.
    ///
    /// # Errors
    /// There are no credentials, or the address is none.
    pub async fn headers(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<(String, String)>, StoreError> {
        let found = self.credentials.provide_credentials().await;
        let identity = found.map_err(|error| unreadable(WHAT, error))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unreadable(WHAT, error))?
            .into();
        let request = SignableRequest::new(
            method,
            url,
            headers.iter().copied(),
            SignableBody::Bytes(body),
        );
        let request = request.map_err(|error| unreadable(WHAT, error))?;
        let signed = sign(request, &parameters).map_err(|error| unreadable(WHAT, error))?;
        let (instructions, _) = signed.into_parts();
        let headers = instructions.headers();
        Ok(headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}
