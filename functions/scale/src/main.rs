//! The Lambda `scale`: run by a schedule, and woken by submits.

use std::{io::Write as _, sync::Arc};

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use nommer_aws::{
    Aws, Environment, Turn,
    environment::{list, optional, required},
};
use nommer_aws_fleet::{Ec2Fleet, Ec2FleetConfig};
use nommer_core::{ports::Backend as _, settings::Settings};
use nommer_scale::{Figures, scale};
use serde_json::{Value, json};

/// What the function works with.
struct Context {
    stack: String,
    aws: Aws,
    fleet: Ec2Fleet,
    settings: Settings,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    nommer_aws::log_to_lambda();
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
        stack: environment.stack.clone(),
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
    publish(&context.stack, &scaled.figures);
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

/// Writes a line that CloudWatch turns into metrics: the embedded metric format.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
fn publish(stack: &str, figures: &Figures) {
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    let line = json!({
        "_aws": {
            "Timestamp": Timestamp::now().as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": "Nommer",
                "Dimensions": [["Stack"]],
                "Metrics": [
                    metric("JobsWaiting", "Count"),
                    metric("OldestWaitingSeconds", "Seconds"),
                    metric("InstancesRunning", "Count"),
                    metric("InstancesIdle", "Count"),
                ],
            }],
        },
        "Stack": stack,
        "JobsWaiting": figures.jobs_waiting,
        "OldestWaitingSeconds": figures.oldest_waiting.as_secs(),
        "InstancesRunning": figures.instances,
        "InstancesIdle": figures.idle,
    });
    // Nothing can be done about a log that takes no line.
    writeln!(std::io::stdout(), "{line}").ok();
}
