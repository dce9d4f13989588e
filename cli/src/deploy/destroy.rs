//! `nommer deploy destroy`: ends the stack's instances, which `CloudFormation` knows nothing of and whose network it could not delete
//! under them, then lets `sam delete` do the rest. What people may want to keep stays.

use std::{process::Command, time::Duration};

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use nommer_aws::{Aws, Environment, SdkConfig, Stack, load_config};
use nommer_aws_fleet::{Ec2Fleet, Ec2FleetConfig};
use nommer_core::{
    commit::amend_fleet,
    fleet::FleetRecord,
    ports::{Backend as _, Fleet as _},
};
use tokio::time::{Instant, sleep};

use super::{find, no_stack, run_sam};
use crate::{failure::Failure, output::Output};

/// What stays when a stack is deleted: outputs that name it.
const KEPT: [&str; 3] = ["MediaBucket", "ArtifactBucket", "TableName"];

/// How long instances may take to end.
const END_LIMIT: Duration = Duration::from_mins(5);

/// Pause between two looks at them.
const LOOK: Duration = Duration::from_secs(2);

pub(super) async fn run(name: &str, yes: bool, output: Output) -> Result<(), Failure> {
    let sdk = load_config().await;
    let Some(stack) = find(&sdk, name).await? else {
        return Err(no_stack(name));
    };
    let kept = KEPT.map(|name| stack.outputs.get(name).map_or("", String::as_str));
    if !yes {
        return Err(Failure::usage(format!(
            "this deletes stack {name} and ends its instances with the jobs that they work on"
        ))
        .hint(format!(
            "say so with --yes; {} stay, with what is in them",
            kept.join(", ")
        )));
    }
    stop_launches(&sdk, &stack).await?;
    let ended = end_instances(&sdk, &stack).await?;
    if ended > 0 {
        output.note(format!("ended {ended} instances"));
    }
    let mut sam = Command::new("sam");
    sam.args(["delete", "--no-prompts", "--stack-name", name]);
    run_sam(&mut sam, &sdk)?;
    // A run of scale that was on its way before the pause may have launched one more.
    end_instances(&sdk, &stack).await?;
    output.note(format!(
        "deleted; {} stay until you delete them",
        kept.join(", ")
    ));
    Ok(())
}

/// Pauses the fleet for ever. A stack that was never complete has no table, and no fleet.
async fn stop_launches(sdk: &SdkConfig, stack: &Stack) -> Result<(), Failure> {
    if !stack.outputs.contains_key("TableName") {
        return Ok(());
    }
    let environment = Environment::of_stack(stack).map_err(anyhow::Error::from)?;
    let aws = Aws::new(sdk, &environment);
    let now = Timestamp::now();
    let pause = |record: &mut FleetRecord| record.pause(Some(Timestamp::MAX), now);
    amend_fleet(aws.store(), pause)
        .await
        .context("stop launches")?;
    Ok(())
}

/// Ends every instance of the stack and waits until none runs. How many there were.
async fn end_instances(sdk: &SdkConfig, stack: &Stack) -> Result<usize, Failure> {
    let fleet = Ec2Fleet::new(sdk, Ec2FleetConfig::of_stack(&stack.name));
    let begun = Instant::now();
    let mut ended = 0;
    loop {
        let machines = fleet.machines().await.context("list the instances")?;
        if machines.is_empty() {
            return Ok(ended);
        }
        if begun.elapsed() > END_LIMIT {
            return Err(
                Failure::from(anyhow!("{} instances do not end", machines.len()))
                    .hint("look at them in the EC2 console, then run this again"),
            );
        }
        ended = ended.max(machines.len());
        for machine in &machines {
            let end = fleet.terminate(&machine.id).await;
            end.with_context(|| format!("end {}", machine.id.as_str()))?;
        }
        sleep(LOOK).await;
    }
}
