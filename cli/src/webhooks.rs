//! `nommer webhooks`: endpoints, deliveries of notifications, another try, and the secrets that they are signed with.

use nommer_core::{
    api::{DeliveryView, EndpointView},
    notify::SigningSecret,
};
use nommer_local::Local;
use serde_json::{Map, Value, json};

use crate::{
    args::{Common, EndpointWish, WebhooksCommand},
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
        WebhooksCommand::Deliveries {
            job,
            endpoint,
            status,
        } => {
            let asked = [
                ("job_id", job),
                ("endpoint_id", endpoint),
                ("status", status),
            ];
            let query: Vec<_> = asked
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.clone()?)))
                .collect();
            list(&client().await?.deliveries(&query).await?.data, output)
        }
        WebhooksCommand::Redeliver { id } => {
            let delivery = client().await?.redeliver(id).await?;
            if output.json {
                return Ok(output.json(&delivery)?);
            }
            output.note(format!("{id} is delivered again"));
            Ok(())
        }
        endpoints => of_endpoints(endpoints, &client().await?, output).await,
    }
}

async fn of_endpoints(
    command: &WebhooksCommand,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    match command {
        WebhooksCommand::Create { url, wish } => {
            let made = client.create_endpoint(&body(Some(url), wish, None)).await?;
            told_once(&made, "made", output)
        }
        WebhooksCommand::Update {
            id,
            url,
            wish,
            enable,
            disable,
        } => {
            let enabled = (enable | disable).then_some(*enable);
            let body = body(url.as_ref(), wish, enabled);
            let changed = client.update_endpoint(id, &body).await?;
            print(&[changed], output)
        }
        WebhooksCommand::Delete { id } => {
            client.delete_endpoint(id).await?;
            output.note(format!("{id} is forgotten"));
            Ok(())
        }
        WebhooksCommand::Rotate { id } => {
            let rotated = client.rotate_endpoint(id).await?;
            told_once(&rotated, "given a new secret", output)?;
            if let Some(until) = rotated.old_secret_until {
                output.note(format!("until {until} the old secret signs too"));
            }
            Ok(())
        }
        WebhooksCommand::List
        | WebhooksCommand::Secret
        | WebhooksCommand::Deliveries { .. }
        | WebhooksCommand::Redeliver { .. } => print(&client.endpoints().await?.data, output),
    }
}

/// What is asked for; nothing is said of what is not named.
fn body(url: Option<&String>, wish: &EndpointWish, enabled: Option<bool>) -> Value {
    let said = [
        ("url", url.map(|url| json!(url))),
        ("events", wish.events.as_ref().map(|events| json!(events))),
        (
            "description",
            wish.description.as_ref().map(|text| json!(text)),
        ),
        ("enabled", enabled.map(|enabled| json!(enabled))),
    ];
    let said = said.into_iter();
    let said = said.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(said.collect::<Map<_, _>>())
}

/// Prints a secret that is not shown again.
fn told_once(endpoint: &EndpointView, what: &str, output: Output) -> Result<(), Failure> {
    if output.json {
        return Ok(output.json(endpoint)?);
    }
    output.data(endpoint.secret.as_deref().unwrap_or_default());
    let id = &endpoint.id;
    output.note(format!(
        "{id} is {what}; its secret is not shown again: give it to the receiver at {}",
        endpoint.url
    ));
    Ok(())
}

fn print(endpoints: &[EndpointView], output: Output) -> Result<(), Failure> {
    if output.json {
        for endpoint in endpoints {
            output.json(endpoint)?;
        }
        return Ok(());
    }
    let heading = ["ID", "STATE", "URL", "EVENTS", "DESCRIPTION"].map(str::to_owned);
    let row = |one: &EndpointView| {
        let state = match (&one.disabled_at, &one.disabled_reason) {
            (Some(at), reason) => {
                let reason = reason.as_deref().unwrap_or_default();
                format!("disabled {}: {reason}", at.strftime("%Y-%m-%d %H:%M"))
            }
            (None, _) => "enabled".to_owned(),
        };
        let events: Vec<_> = one.events.iter().map(|event| event.as_str()).collect();
        vec![
            one.id.to_string(),
            state,
            one.url.clone(),
            events.join(","),
            one.description.clone(),
        ]
    };
    let rows = std::iter::once(heading.to_vec()).chain(endpoints.iter().map(row));
    output.data(table(&rows.collect::<Vec<_>>()));
    Ok(())
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

pub(crate) fn list(deliveries: &[DeliveryView], output: Output) -> Result<(), Failure> {
    if output.json {
        for delivery in deliveries {
            output.json(delivery)?;
        }
        return Ok(());
    }
    let heading = ["ID", "EVENT", "DELIVERY", "TRIES", "ANSWER"].map(str::to_owned);
    let rows = std::iter::once(heading.to_vec()).chain(deliveries.iter().map(row));
    output.data(table(&rows.collect::<Vec<_>>()));
    Ok(())
}

fn row(delivery: &DeliveryView) -> Vec<String> {
    let told = &delivery.inner;
    let answer = told.last_answer.as_ref().map(|answer| {
        let status = answer.status.map(|status| format!("HTTP {status} "));
        let latency = answer.latency_ms.map(|ms| format!("in {ms} ms "));
        let words = first_line(&answer.excerpt);
        let known = [status, latency].into_iter().flatten();
        known.chain([words]).collect::<String>()
    });
    vec![
        delivery.id.clone(),
        delivery.event.to_string(),
        format!("{:?}", told.status).to_lowercase(),
        told.attempts.to_string(),
        answer.unwrap_or_default(),
    ]
}

/// The beginning of what a receiver said, as it can be shown on a terminal.
pub(crate) fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let seen = line.chars().filter(|letter| !letter.is_control());
    seen.take(60).collect()
}
