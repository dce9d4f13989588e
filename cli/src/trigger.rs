//! `nommer trigger`: a sample of an event, to an endpoint of the system or to an address of this machine.

use std::time::Duration;

use anyhow::anyhow;
use jiff::Timestamp;
use nommer_core::{
    api::DeliveryView,
    id::JobId,
    notify::{About, Notification, Sample, Target},
};
use uuid::Uuid;

use crate::{
    args::{Common, TriggerArgs},
    client::Client,
    config::Config,
    failure::Failure,
    forward::Forwarder,
    output::Output,
    webhooks,
};

/// Pause between two looks at what came of it, and how many looks there are.
const PAUSE: Duration = Duration::from_millis(500);
const LOOKS: u32 = 60;

pub(crate) async fn run(
    args: &TriggerArgs,
    common: &Common,
    config: &Config,
    output: Output,
) -> Result<(), Failure> {
    if let Some(url) = &args.forward_to {
        return forward(args, url, output).await;
    }
    let client = Client::connect(common, config).await?;
    let to = args.to.as_deref().unwrap_or_default();
    let sent = client.test_endpoint(to, args.event.as_str()).await?;
    let ended = outcome(&client, to, sent).await?;
    webhooks::list(std::slice::from_ref(&ended), output)?;
    match ended.inner.last_answer.and_then(|answer| answer.status) {
        Some(200..=299) => Ok(()),
        _ => Err(Failure::from(anyhow!("{to} did not take it"))
            .hint("it is tried again, as all else is: `nommer webhooks deliveries --endpoint ID`")),
    }
}

/// Straight from here, without a system.
async fn forward(args: &TriggerArgs, url: &str, output: Output) -> Result<(), Failure> {
    let forwarder = Forwarder::new(url)?;
    let event = Notification::sample(
        args.event,
        Target::NotifyUrl,
        Sample { owner: None },
        JobId::of_sample(Uuid::now_v7()),
        Timestamp::now(),
    );
    output.note(format!("signing secret  {}", forwarder.secret()));
    let sent = forwarder.send(&event, &About::sample()).await;
    sent.print(output)?;
    if sent.is_taken() {
        return Ok(());
    }
    Err(anyhow!("{} did not take it", forwarder.url()).into())
}

/// Waits for the first answer.
async fn outcome(
    client: &Client,
    endpoint: &str,
    sent: DeliveryView,
) -> Result<DeliveryView, Failure> {
    for _ in 0..LOOKS {
        tokio::time::sleep(PAUSE).await;
        let query = [("endpoint_id", endpoint.to_owned())];
        let page = client.deliveries(&query).await?.data;
        let found = page.into_iter().find(|one| one.id == sent.id);
        if let Some(found) = found.filter(|one| one.inner.last_answer.is_some()) {
            return Ok(found);
        }
    }
    Ok(sent)
}
