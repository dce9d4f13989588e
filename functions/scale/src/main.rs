//! The Lambda `scale`: run by a schedule, and woken by submits.

use std::sync::Arc;

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use nommer_aws::{
    Aws, Environment, Turn,
    environment::{list, optional, required},
};
use nommer_aws_fleet::{Ec2Fleet, Ec2FleetConfig};
use nommer_core::{ports::Backend as _, settings::Settings};
use nommer_scale::scale;
use serde_json::{Value, json};

/// What the function works with.
struct Context {
    aws: Aws,
    fleet: Ec2Fleet,
    settings: Settings,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let environment = Environment::read()?;
    let config = nommer_aws::load_config().await;
    let launching = Ec2FleetConfig {
        stack: environment.stack.clone(),
        launch_template_id: required("NOMMER_LAUNCH_TEMPLATE_ID")?,
        subnet_ids: list("NOMMER_SUBNET_IDS"),
        instance_types: list("NOMMER_INSTANCE_TYPES"),
        market: optional("NOMMER_MARKET")
            .unwrap_or_else(|| "spot".to_owned())
            .parse()?,
    };
    let context = Arc::new(Context {
        aws: Aws::new(&config, &environment),
        fleet: Ec2Fleet::new(&config, launching),
        settings: environment.settings,
    });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let context = Arc::clone(&context);
        // On the heap: the compiler gives up on the depth of the whole.
        Box::pin(async move { handle(&context, &event.payload).await })
    }))
    .await
}

async fn handle(context: &Context, event: &Value) -> Result<Value, Error> {
    if let Some(asked_at) = asked_at(event)
        && !its_turn(context, asked_at).await?
    {
        return Ok(json!({"covered": true}));
    }
    let scaled = scale(
        &context.aws,
        &context.fleet,
        &context.settings,
        Timestamp::now(),
    )
    .await?;
    Ok(json!({
        "launched": scaled.launched,
        "failed": scaled.failed,
        "reason": scaled.reason,
    }))
}

/// When a submit asked for this run; none if the schedule did.
fn asked_at(event: &Value) -> Option<Timestamp> {
    event.get("detail")?.get("at")?.as_str()?.parse().ok()
}

/// Waits for a turn. False if another run has seen meanwhile what this one was asked for.
async fn its_turn(context: &Context, asked_at: Timestamp) -> Result<bool, Error> {
    loop {
        match context
            .aws
            .store()
            .scale_turn(asked_at, Timestamp::now())
            .await?
        {
            Turn::Run => return Ok(true),
            Turn::Covered => return Ok(false),
            Turn::Wait(pause) => tokio::time::sleep(pause).await,
        }
    }
}
