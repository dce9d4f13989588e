//! What an EC2 instance is told about itself: its name, and that it is about to be taken away. `IMDSv2` only.

use std::time::Duration;

use aws_config::imds::client::{Client, error::ImdsError};
use nommer_core::{id::InstanceId, money::Market, ports::StoreError};

use crate::fault::unreadable;

/// Pause between two looks for a notice; EC2 gives two minutes.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html>
const LOOK: Duration = Duration::from_secs(5);

/// Longest wait for an answer. The service is on the same host.
const LIMIT: Duration = Duration::from_secs(2);

/// Tries of one question.
const TRIES: u32 = 3;

/// That the instance is about to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It will be interrupted within two minutes.
    Interruption,
    /// It is likely to be interrupted before long.
    Rebalance,
}

/// The instance metadata service.
#[derive(Clone, Debug)]
pub struct Imds {
    client: Client,
}

impl Default for Imds {
    fn default() -> Self {
        let client = Client::builder()
            .max_attempts(TRIES)
            .connect_timeout(LIMIT)
            .read_timeout(LIMIT)
            .build();
        Self { client }
    }
}

impl Imds {
    /// The name of this instance. Fails within seconds where there is no such service.
    pub async fn instance_id(&self) -> Result<InstanceId, StoreError> {
        const WHAT: &str = "ask EC2 who this is";
        let id = self.client.get("/latest/meta-data/instance-id").await;
        let id = id.map_err(|error| {
            unreadable(
                WHAT,
                format!(
                    "{error}; on a machine that is not an EC2 instance, name the stack with --stack"
                ),
            )
        })?;
        id.as_ref()
            .parse()
            .map_err(|_invalid| unreadable(WHAT, "the answer is no instance's id"))
    }

    /// What EC2 calls this kind of machine, if it says so.
    pub async fn instance_type(&self) -> Option<String> {
        self.text("/latest/meta-data/instance-type").await
    }

    /// How this instance was bought, if EC2 says so.
    pub async fn market(&self) -> Option<Market> {
        let bought = self.text("/latest/meta-data/instance-life-cycle").await?;
        match bought.as_str() {
            "spot" => Some(Market::Spot),
            "on-demand" => Some(Market::OnDemand),
            _ => None,
        }
    }

    async fn text(&self, path: &str) -> Option<String> {
        let found = self.client.get(path).await.ok()?;
        Some(found.as_ref().to_owned())
    }

    /// Waits for a notice, for as long as it takes. A service that does not answer is asked again.
    pub async fn notice(&self) -> Notice {
        loop {
            for (path, notice) in [
                (
                    "/latest/meta-data/spot/instance-action",
                    Notice::Interruption,
                ),
                (
                    "/latest/meta-data/events/recommendations/rebalance",
                    Notice::Rebalance,
                ),
            ] {
                match self.client.get(path).await {
                    Ok(_) => return notice,
                    // Not found: there is none.
                    Err(ImdsError::ErrorResponse(_)) => {}
                    Err(error) => tracing::debug!(%error, "the metadata service did not answer"),
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
