//! One configuration for all clients: retries with jitter, and a limit on every wait.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
    identity::IdentityCache, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_sdk_sqs::config::SharedCredentialsProvider;
use aws_smithy_async::{
    rt::sleep::{SharedAsyncSleep, TokioSleep},
    time::{SharedTimeSource, SystemTimeSource},
};

use crate::{connections::Connections, environment::optional};

/// Tries of one call, the first included. The SDK waits between them, longer each time and by chance.
const TRIES: u32 = 5;

/// Longest wait for a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);

/// Longest that one try takes. Longer than SQS lets a receiver wait.
const TRY: Duration = Duration::from_secs(30);

/// Longest that one call takes, all tries together.
const CALL: Duration = Duration::from_secs(90);

/// The configuration from the environment: region and credentials as every AWS tool finds them. All clients share one pool of
/// connections, which is made ready beside whatever the caller does next.
pub async fn load() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(Connections::warmed())
        .retry_config(retries())
        .timeout_config(timeouts())
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().build())
        .load()
        .await
}

/// The same for a Lambda, which finds region and credentials in its variables and nowhere else
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>). What would look for them elsewhere is then no part of its
/// program. One address may stand in the place of all of AWS (`AWS_ENDPOINT_URL`), and none in that of one service.
pub fn of_lambda() -> SdkConfig {
    let is_on = |name| optional(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::lazy().build())
        .region(optional("AWS_REGION").map(Region::new))
        .use_fips(is_on("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_on("AWS_USE_DUALSTACK_ENDPOINT"))
        .http_client(Connections::warmed())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .retry_config(retries())
        .timeout_config(timeouts())
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().build());
    config.set_endpoint_url(optional("AWS_ENDPOINT_URL"));
    config.build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(TRIES)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(TRY)
        .operation_timeout(CALL)
        .build()
}
