//! How requests travel: the endpoint, and how long one may take. No request is made here.

use std::time::Duration;

use aws_config::{SdkConfig, timeout::TimeoutConfig};
use aws_sdk_s3::config::Builder;
use aws_types::service_config::ServiceConfigKey;

/// Longest wait for the answer to a request that is sent.
const ANSWER: Duration = Duration::from_secs(30);

/// Slowest way on which a body still gets through, in bytes a second: four at a time need one megabit.
const SLOWEST: u64 = 32 * 1_024;

/// What objects of a bucket are reached under, with a slash at its end.
pub(crate) fn bucket_address(sdk: &SdkConfig, region: &str, bucket: &str) -> String {
    match endpoint(sdk) {
        Some(endpoint) => format!("{}/{bucket}/", endpoint.trim_end_matches('/')),
        None if region.starts_with("cn-") => {
            format!("https://{bucket}.s3.{region}.amazonaws.com.cn/")
        }
        None => format!("https://{bucket}.s3.{region}.amazonaws.com/"),
    }
}

/// The endpoint that the configuration names for S3, or else for all services. Buckets there are in the path: its name has no
/// subdomains.
pub(crate) fn endpoint(sdk: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id("S3")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let of_all = || sdk.endpoint_url().map(str::to_owned);
    if sdk.get_origin("endpoint_url").is_client_config() {
        return of_all();
    }
    let of_s3 = sdk
        .service_config()
        .and_then(|config| config.load_config(key));
    of_s3.or_else(of_all)
}

/// Time for the body of a request to get through and be answered. One that does not move at all is given up sooner, by the SDK.
pub(in super::super) fn time_for(bytes: u64) -> Duration {
    ANSWER + Duration::from_secs(bytes / SLOWEST)
}

/// Lets each try of a call take so long.
pub(in super::super) fn within(limit: Duration) -> Builder {
    let limits = TimeoutConfig::builder()
        .operation_attempt_timeout(limit)
        .disable_operation_timeout();
    Builder::new().timeout_config(limits.build())
}
