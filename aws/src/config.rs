//! One configuration for all clients: retries with jitter, and a limit on every wait.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, SdkConfig, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};

use crate::connections::Connections;

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
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT)
                .operation_attempt_timeout(TRY)
                .operation_timeout(CALL)
                .build(),
        )
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().build())
        .load()
        .await
}
