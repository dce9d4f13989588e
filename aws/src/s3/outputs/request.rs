//! Requests to one bucket, signed by Signature Version 4 and sent without S3's own client: tried again after faults that pass, and each with a
//! limit of time. What the answers mean is not known here.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::{bucket_address, fault::S3Fault};
use crate::connections;

/// Tries of one request, the first included.
const TRIES: u32 = 3;

/// Pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(100);

/// Longest that one try takes. The caller of submit waits.
const TRY: Duration = Duration::from_secs(8);

/// What is not written as it is in a path: all but RFC 3986's unreserved letters and slashes.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// One bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) name: String,
    /// What its objects are reached under, with a slash at its end.
    address: String,
    region: String,
    credentials: SharedCredentialsProvider,
    /// Made when it is first needed.
    connector: OnceLock<SharedHttpConnector>,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    pub(super) method: &'static str,
    /// The object; the bucket itself if it is empty.
    pub(super) key: &'a str,
    /// The query, as it stands in the address.
    pub(super) query: &'static str,
    /// Headers that are signed along.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl<'a> Ask<'a> {
    pub(super) fn of(method: &'static str, key: &'a str) -> Self {
        Self {
            method,
            key,
            query: "",
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) etag: Option<String>,
    pub(super) body: String,
}

impl Answer {
    /// What is wrong, of an answer that is none.
    pub(super) fn fault(&self) -> S3Fault {
        S3Fault::answered(self.status, &self.body)
    }
}

impl Bucket {
    pub(super) fn new(sdk: &SdkConfig, bucket: &str) -> Option<Self> {
        let region = sdk.region()?.to_string();
        let address = bucket_address(sdk, &region, bucket);
        Some(Self {
            name: bucket.to_owned(),
            address,
            region,
            credentials: sdk.credentials_provider()?,
            connector: OnceLock::new(),
        })
    }

    /// Sends a request. An answer of any kind that another try would not better is an answer.
    pub(super) async fn send(&self, ask: &Ask<'_>) -> Result<Answer, S3Fault> {
        let mut pause = PAUSE;
        for _further in 1..TRIES {
            match self.try_once(ask).await {
                Ok(answer) if !matches!(answer.status, 408 | 429 | 500..) => return Ok(answer),
                Ok(_) | Err(_) => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        self.try_once(ask).await
    }

    async fn try_once(&self, ask: &Ask<'_>) -> Result<Answer, S3Fault> {
        let request = self.signed(ask).await?;
        let connector = self.connector.get_or_init(connections::ready);
        let exchange = async {
            let answered = connector.call(request).await;
            let response = answered.map_err(|error| S3Fault::local(error.to_string()))?;
            let status = response.status().as_u16();
            let etag = response.headers().get("etag").map(str::to_owned);
            let body = ByteStream::new(response.into_body()).collect().await;
            let body = body.map_err(|error| S3Fault::local(error.to_string()))?;
            Ok(Answer {
                status,
                etag,
                body: String::from_utf8_lossy(&body.into_bytes()).into_owned(),
            })
        };
        // On the heap: the future of a request in submit holds this one.
        let answered = tokio::time::timeout(TRY, Box::pin(exchange)).await;
        answered.unwrap_or_else(|_late| Err(S3Fault::local("S3 did not answer in time")))
    }

    async fn signed(&self, ask: &Ask<'_>) -> Result<HttpRequest, S3Fault> {
        let mut url = self.address.clone();
        url.extend(utf8_percent_encode(ask.key, ENCODED));
        if !ask.query.is_empty() {
            url.push('?');
            url.push_str(ask.query);
        }
        let found = self.credentials.provide_credentials().await;
        let identity = found.map_err(|error| S3Fault::local(error.to_string()))?;
        let signed = self.signature(ask, &url, &identity.into());
        let mut request = HttpRequest::new(SdkBody::from(ask.body.clone()));
        let unusable = |error: &dyn std::error::Error| S3Fault::local(error.to_string());
        request
            .set_method(ask.method)
            .map_err(|error| unusable(&error))?;
        request.set_uri(url).map_err(|error| unusable(&error))?;
        let own = ask.headers.iter();
        let own = own.map(|(name, value)| ((*name).to_owned(), value.clone()));
        for (name, value) in own.chain(signed?) {
            let added = request.headers_mut().try_insert(name, value);
            added.map_err(|error| unusable(&error))?;
        }
        Ok(request)
    }

    /// The headers that make it a signed one.
    fn signature(
        &self,
        ask: &Ask<'_>,
        url: &str,
        identity: &aws_smithy_runtime_api::client::identity::Identity,
    ) -> Result<Vec<(String, String)>, S3Fault> {
        let unsigned = |error: String| S3Fault::local(format!("sign a request: {error}"));
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let parameters = v4::SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|error| unsigned(error.to_string()))?
            .into();
        let headers = ask.headers.iter();
        let headers = headers.map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Bytes(&ask.body);
        let request = SignableRequest::new(ask.method, url, headers, body)
            .map_err(|error| unsigned(error.to_string()))?;
        let signed = sign(request, &parameters).map_err(|error| unsigned(error.to_string()))?;
        let (instructions, _) = signed.into_parts();
        let headers = instructions.headers();
        Ok(headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}
