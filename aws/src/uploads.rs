//! Uploads into the stack's bucket for media: by an address that is signed and holds for a while, so that the bytes go to S3 alone.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
//!
//! Signs; sends nothing. S3's own client would be most of what submit's package holds.

use std::time::UNIX_EPOCH;

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use jiff::Timestamp;
use nommer_core::{
    lease::elapsed,
    ports::{StoreError, Uploads},
    upload::{FOLDER, Offer, Upload},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{fault::unreadable, s3::endpoint};

const WHAT: &str = "sign an upload";

/// Most bytes that one request may put.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>
const MOST_BYTES: u64 = 5 << 30;

/// What is not written as it is in a signed address: all but RFC 3986's unreserved letters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The same within a path.
const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// The place for uploads of one stack.
#[derive(Clone, Debug)]
pub struct S3Uploads {
    root: String,
    /// What objects of the bucket are reached under, with a slash at its end.
    address: String,
    region: String,
    credentials: SharedCredentialsProvider,
}

impl S3Uploads {
    /// The bucket with this name, signed for with the credentials of this configuration. None if it names no region or no credentials.
    pub(crate) fn new(sdk: &SdkConfig, bucket: &str) -> Option<Self> {
        let region = sdk.region()?.to_string();
        let address = match endpoint(sdk) {
            Some(endpoint) => format!("{}/{bucket}/", endpoint.trim_end_matches('/')),
            None if region.starts_with("cn-") => {
                format!("https://{bucket}.s3.{region}.amazonaws.com.cn/")
            }
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/"),
        };
        Some(Self {
            root: format!("s3://{bucket}/{FOLDER}"),
            address,
            region,
            credentials: sdk.credentials_provider()?,
        })
    }
}

impl Uploads for S3Uploads {
    fn root(&self) -> &str {
        &self.root
    }

    fn most_bytes(&self) -> u64 {
        MOST_BYTES
    }

    async fn offer(&self, upload: &Upload, now: Timestamp) -> Result<Offer, StoreError> {
        let found = self.credentials.provide_credentials().await;
        let identity = found.map_err(|error| unreadable(WHAT, error))?.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.expires_in = Some(elapsed(upload.expires_at, now));
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(UNIX_EPOCH + elapsed(now, Timestamp::UNIX_EPOCH))
            .settings(settings)
            .build()
            .map_err(|error| unreadable(WHAT, error))?
            .into();
        let place = upload.place();
        let mut url = self.address.clone();
        url.extend(utf8_percent_encode(&place, ENCODED_IN_PATH));
        let headers = vec![
            (
                "content-length".to_owned(),
                upload.announced.bytes.to_string(),
            ),
            (
                "content-type".to_owned(),
                upload.announced.content_type.clone(),
            ),
        ];
        let signed = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new("PUT", &url, signed, SignableBody::UnsignedPayload)
            .map_err(|error| unreadable(WHAT, error))?;
        let signed = sign(request, &parameters).map_err(|error| unreadable(WHAT, error))?;
        let (instructions, _) = signed.into_parts();
        for (number, (name, value)) in instructions.params().iter().enumerate() {
            url.push(if number == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.extend(utf8_percent_encode(value, ENCODED));
        }
        Ok(Offer { url, headers })
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_types::region::Region;
    use nommer_core::upload::Announced;

    use super::*;

    fn sdk(region: &'static str, endpoint: Option<&str>) -> SdkConfig {
        let credentials =
            Credentials::new("AKID", "SECRET", Some("a/b+c=".to_owned()), None, "test");
        let mut sdk = SdkConfig::builder()
            .region(Region::from_static(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials));
        sdk.set_endpoint_url(endpoint.map(str::to_owned));
        sdk.build()
    }

    fn upload() -> Upload {
        Upload {
            id: "upload_1".parse().unwrap(),
            owner: None,
            announced: Announced {
                filename: "käfer (2)+.mov".to_owned(),
                bytes: 7,
                content_type: "video/quicktime".to_owned(),
            },
            expires_at: Timestamp::from_second(3_600).unwrap(),
        }
    }

    #[tokio::test]
    async fn an_address_holds_for_one_name_one_length_and_one_hour() {
        let uploads = S3Uploads::new(&sdk("eu-west-1", None), "media").unwrap();
        let offer = uploads
            .offer(&upload(), Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        let (path, query) = offer.url.split_once('?').unwrap();
        assert_eq!(
            path,
            "https://media.s3.eu-west-1.amazonaws.com/uploads/operator/upload_1/k%C3%A4fer%20%282%29%2B.mov"
        );
        for part in [
            "X-Amz-Expires=3600",
            "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost",
            "X-Amz-Date=19700101T000000Z",
            "X-Amz-Security-Token=a%2Fb%2Bc%3D",
            "X-Amz-Credential=AKID%2F19700101%2Feu-west-1%2Fs3%2Faws4_request",
        ] {
            assert!(query.split('&').any(|one| one == part), "{part}: {query}");
        }
        assert!(!offer.url.contains("SECRET"));
        assert_eq!(offer.headers[0].1, "7");
    }

    #[test]
    fn buckets_are_where_the_partition_or_the_endpoint_says() {
        for (region, endpoint, expected) in [
            (
                "cn-north-1",
                None,
                "https://media.s3.cn-north-1.amazonaws.com.cn/",
            ),
            (
                "us-east-1",
                Some("http://127.0.0.1:4566/"),
                "http://127.0.0.1:4566/media/",
            ),
        ] {
            let uploads = S3Uploads::new(&sdk(region, endpoint), "media").unwrap();
            assert_eq!(uploads.address, expected);
            assert_eq!(uploads.root(), "s3://media/uploads/");
        }
    }
}
