//! What an EC2 instance is told about itself: its name, and that it is about to be taken away. `IMDSv2` only.

use std::time::Duration;

use aws_config::imds::client::{Builder, Client, error::ImdsError};
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
    /// The service that the environment names in `AWS_EC2_METADATA_SERVICE_ENDPOINT`, or else EC2's own.
    fn default() -> Self {
        Self::of(Client::builder())
    }
}

impl Imds {
    fn of(builder: Builder) -> Self {
        let client = builder
            .max_attempts(TRIES)
            .connect_timeout(LIMIT)
            .read_timeout(LIMIT)
            .build();
        Self { client }
    }

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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::fake::{Answer, Asked, Fake};

    /// An instance about which `notice` says whether EC2 takes it away.
    async fn instance(
        notice: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
    ) -> (Imds, Fake) {
        let fake = Fake::start(move |asked| {
            if asked.is("PUT", "/latest/api/token") {
                let token = Answer::new(200, "token-1");
                return Some(token.with("x-aws-ec2-metadata-token-ttl-seconds", "21600"));
            }
            if asked.header("x-aws-ec2-metadata-token") != Some("token-1") {
                return Some(Answer::new(401, ""));
            }
            for (path, text) in [
                ("/instance-id ", "i-0123456789abcdef0"),
                ("/instance-type ", "c7i.large"),
                ("/instance-life-cycle ", "spot"),
            ] {
                if asked.line.contains(path) {
                    return Some(Answer::new(200, text));
                }
            }
            Some(notice(asked).unwrap_or(Answer::new(404, "")))
        })
        .await;
        (at(&fake.url), fake)
    }

    fn at(url: &str) -> Imds {
        Imds::of(Client::builder().endpoint(url).unwrap())
    }

    #[tokio::test]
    async fn an_instance_knows_itself() {
        let (imds, _fake) = instance(|_| None).await;
        let id = imds.instance_id().await.unwrap();
        assert_eq!(id.to_string(), "i-0123456789abcdef0");
        assert_eq!(imds.instance_type().await.as_deref(), Some("c7i.large"));
        assert_eq!(imds.market().await, Some(Market::Spot));
    }

    #[tokio::test]
    async fn each_notice_is_told() {
        for (path, expected) in [
            ("/spot/instance-action ", Notice::Interruption),
            ("/recommendations/rebalance ", Notice::Rebalance),
        ] {
            let (imds, _fake) =
                instance(move |asked| asked.line.contains(path).then(|| Answer::new(200, "{}")))
                    .await;
            assert_eq!(imds.notice().await, expected);
        }
    }

    #[tokio::test]
    async fn an_instance_that_stays_waits_on() {
        let (imds, fake) = instance(|_| None).await;
        let both = async {
            while fake.asked().len() < 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            notice = imds.notice() => panic!("told of {notice:?}"),
            () = both => {}
        }
    }

    #[tokio::test]
    async fn a_machine_that_is_no_instance_says_so_at_once() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", port.local_addr().unwrap());
        drop(port);
        let begun = Instant::now();
        let error = at(&url).instance_id().await.unwrap_err();
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert!(why.contains("not an EC2 instance"), "{why}");
        assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    }
}
