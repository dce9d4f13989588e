//! The Lambda `prune`: run by a schedule, and fed by the dead letters of the job queue.

use std::sync::Arc;

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use nommer_aws::{Aws, Environment, event::QueueEvent};
use nommer_aws_fleet::{Ec2Fleet, Ec2FleetConfig};
use nommer_core::prune::PrunePolicy;
use nommer_prune::{dead_letter, prune};
use serde_json::{Value, json};

/// What the function works with.
struct Context {
    aws: Aws,
    fleet: Ec2Fleet,
    policy: PrunePolicy,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    nommer_aws::log_to_lambda();
    let environment = Environment::read()?;
    let config = nommer_aws::load_config().await;
    let context = Arc::new(Context {
        aws: Aws::new(&config, &environment),
        fleet: Ec2Fleet::new(&config, Ec2FleetConfig::of_stack(&environment.stack)),
        policy: PrunePolicy::of_fleet(&environment.settings),
    });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let context = Arc::clone(&context);
        // On the heap: the compiler gives up on the depth of the whole.
        Box::pin(async move { handle(&context, event.payload).await })
    }))
    .await
}

async fn handle(context: &Context, event: Value) -> Result<Value, Error> {
    if event.get("Records").is_some() {
        let event: QueueEvent = serde_json::from_value(event)?;
        let take = async |id| dead_letter(&context.aws, &id, Timestamp::now()).await;
        return Ok(serde_json::to_value(event.each(take).await)?);
    }
    let pruned = prune(
        &context.aws,
        &context.fleet,
        &context.policy,
        Timestamp::now(),
    )
    .await?;
    Ok(json!({
        "jobs": pruned.jobs,
        "instances": pruned.instances,
        "notified": pruned.notified,
        "batches": pruned.batches,
        "failed": pruned.failed,
    }))
}
