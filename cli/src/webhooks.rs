//! `nommer webhooks`: deliveries of notifications, and another try.

use nommer_core::api::DeliveryView;

use crate::{
    args::WebhooksCommand,
    client::Client,
    failure::Failure,
    output::{Output, table},
};

pub(crate) async fn run(
    command: &WebhooksCommand,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    match command {
        WebhooksCommand::Deliveries { job } => list(&client.deliveries(job).await?.data, output),
        WebhooksCommand::Redeliver { id } => {
            let delivery = client.redeliver(id).await?;
            if output.json {
                return Ok(output.json(&delivery)?);
            }
            output.note(format!("{id} is delivered again"));
            Ok(())
        }
    }
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
