//! `nommer webhooks`: deliveries of notifications, another try, and the secret that they are signed with.

use nommer_core::{api::DeliveryView, notify::SigningSecret};
use nommer_local::Local;
use serde_json::json;

use crate::{
    args::{Common, WebhooksCommand},
    client::Client,
    config::Config,
    deploy,
    failure::Failure,
    output::{Output, table},
};

pub(crate) async fn run(
    command: &WebhooksCommand,
    common: &Common,
    config: &Config,
    output: Output,
) -> Result<(), Failure> {
    let client = async || Client::connect(common, config).await;
    match command {
        WebhooksCommand::Secret => {
            let secret = secret(common, config).await?;
            if output.json {
                return Ok(output.json(&json!({"secret": secret.expose()}))?);
            }
            output.data(secret.expose());
            output.note("receivers check signatures with it (Standard Webhooks); whoever has it can forge them");
            Ok(())
        }
        WebhooksCommand::Deliveries { job } => {
            list(&client().await?.deliveries(job).await?.data, output)
        }
        WebhooksCommand::Redeliver { id } => {
            let delivery = client().await?.redeliver(id).await?;
            if output.json {
                return Ok(output.json(&delivery)?);
            }
            output.note(format!("{id} is delivered again"));
            Ok(())
        }
    }
}

/// From the data folder, or from a stack by whoever may decrypt there.
async fn secret(common: &Common, config: &Config) -> Result<SigningSecret, Failure> {
    let Some(name) = &common.stack else {
        let local = Local::open(&config.data_dir).map_err(anyhow::Error::from)?;
        return Ok(local.signing_secret().clone());
    };
    let aws = deploy::parts(name).await?;
    Ok(aws.signing_secret().await.map_err(anyhow::Error::from)?)
}

fn list(deliveries: &[DeliveryView], output: Output) -> Result<(), Failure> {
    if output.json {
        for delivery in deliveries {
            output.json(delivery)?;
        }
        return Ok(());
    }
    let heading = ["ID", "STATE", "DELIVERY", "TRIES", "ANSWER"].map(str::to_owned);
    let rows = std::iter::once(heading.to_vec()).chain(deliveries.iter().map(row));
    output.data(table(&rows.collect::<Vec<_>>()));
    Ok(())
}

fn row(delivery: &DeliveryView) -> Vec<String> {
    let told = &delivery.inner;
    let answer = told.last_answer.as_ref().map(|answer| {
        let status = answer.status.map(|status| format!("HTTP {status} "));
        let words = answer.excerpt.lines().next().unwrap_or_default();
        let words: String = words
            .chars()
            .filter(|letter| !letter.is_control())
            .take(60)
            .collect();
        format!("{}{words}", status.unwrap_or_default())
    });
    vec![
        delivery.id.clone(),
        told.state.to_string(),
        format!("{:?}", told.status).to_lowercase(),
        told.attempts.to_string(),
        answer.unwrap_or_default(),
    ]
}
