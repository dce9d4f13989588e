//! What a deployed stack has, and what it lacks: credentials, resources, the encoder's package, room for the fleet in the account's
//! quotas. Asks, and changes nothing.

use nommer_aws::{Aws, Environment, SdkConfig, Stack, Survey, load_config};
use nommer_aws_fleet::processors;
use nommer_core::ports::{Backend as _, FleetStore as _, StoreError};

use super::Mark;

/// Processors of each instance type that the template launches unless it is told others.
const DEFAULT_PROCESSORS: u32 = 4;

/// Takes what was found.
type Add<'a> = &'a mut dyn FnMut(&'static str, Mark, String);

/// One finding after another, from the account to the stack's parts.
pub(super) async fn look(name: &str, add: &mut impl FnMut(&'static str, Mark, String)) {
    let sdk = load_config().await;
    let Some(region) = sdk.region() else {
        let advice = "no AWS region is set: set AWS_REGION, or run `aws configure`";
        return add("region", Mark::Bad, advice.to_owned());
    };
    add("region", Mark::Good, region.to_string());
    let survey = Survey::new(&sdk);
    match survey.caller().await {
        Ok(arn) => add("credentials", Mark::Good, arn),
        Err(error) => return add("credentials", Mark::Bad, explain(error)),
    }
    let stack = match Stack::find(&sdk, name).await {
        Ok(Some(stack)) => stack,
        Ok(None) => {
            let advice = format!("there is none of the name {name}: `nommer deploy` makes it");
            return add("stack", Mark::Bad, advice);
        }
        Err(error) => return add("stack", Mark::Bad, explain(error)),
    };
    let ready = matches!(
        stack.status.as_str(),
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_COMPLETE"
    );
    let mark = if ready { Mark::Good } else { Mark::Bad };
    add("stack", mark, format!("{name} is {}", stack.status));
    if ready {
        parts(&sdk, &stack, add).await;
        quota(&sdk, &stack, add).await;
    }
}

/// The table, the queues, the key and the encoder's package.
async fn parts(sdk: &SdkConfig, stack: &Stack, add: Add<'_>) {
    let survey = Survey::new(sdk);
    let environment = match Environment::of_stack(stack) {
        Ok(environment) => environment,
        Err(error) => return add("outputs", Mark::Bad, error.to_string()),
    };
    match Aws::new(sdk, &environment).store().fleet().await {
        Ok((record, _)) => {
            let decision = record.last_decision.map(|decision| decision.reason);
            let words = decision.unwrap_or_else(|| "scale has not run yet".to_owned());
            add("fleet", Mark::Good, words);
        }
        Err(error) => add("fleet", Mark::Bad, explain(error)),
    }
    match survey.waiting(&environment.job_queue_url).await {
        Ok(count) => add("job queue", Mark::Good, format!("{count} messages wait")),
        Err(error) => add("job queue", Mark::Bad, explain(error)),
    }
    match survey.key_state(&environment.key_id).await {
        Ok(state) if state == "Enabled" => add("key", Mark::Good, state),
        Ok(state) => add(
            "key",
            Mark::Bad,
            format!("{state}: no secret can be sealed"),
        ),
        Err(error) => add("key", Mark::Fair, explain(error)),
    }
    package(&survey, stack, add).await;
}

async fn package(survey: &Survey<'_>, stack: &Stack, add: Add<'_>) {
    const NAME: &str = "encoder";
    let given = |name: &str| stack.parameters.get(name).filter(|value| !value.is_empty());
    let architecture = given("Architecture").map_or("x86_64", String::as_str);
    let key = given("EncoderPackageKey")
        .cloned()
        .unwrap_or_else(|| format!("nommer-encoder-{architecture}.tar.gz"));
    let Ok(bucket) = stack.output("ArtifactBucket") else {
        return add(
            NAME,
            Mark::Bad,
            "the stack names no artifact bucket".to_owned(),
        );
    };
    let place = format!("s3://{bucket}/{key}");
    match survey.has_object(bucket, &key).await {
        Ok(true) => add(NAME, Mark::Good, place),
        Ok(false) => {
            let advice = format!("there is nothing at {place}: `nommer deploy` uploads it");
            add(NAME, Mark::Bad, advice);
        }
        Err(error) => add(NAME, Mark::Fair, explain(error)),
    }
}

/// Whether the account may run as many processors as the fleet may grow to.
async fn quota(sdk: &SdkConfig, stack: &Stack, add: Add<'_>) {
    const NAME: &str = "quota";
    let given = |name: &str| stack.parameters.get(name).filter(|value| !value.is_empty());
    let spot = given("Market").is_none_or(|market| market == "spot");
    let of_each = match given("InstanceTypes") {
        None => Ok(DEFAULT_PROCESSORS),
        Some(types) => {
            let types: Vec<String> = types.split(',').map(str::to_owned).collect();
            processors(sdk, &types).await
        }
    };
    let instances: u32 = given("FleetMax")
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    let asked = Survey::new(sdk).processor_quota(spot).await;
    let (of_each, allowed) = match (of_each, asked) {
        (Ok(of_each), Ok(allowed)) => (of_each, allowed),
        (Err(error), _) | (_, Err(error)) => return add(NAME, Mark::Fair, explain(error)),
    };
    let wanted = instances.saturating_mul(of_each);
    let market = if spot { "spot" } else { "on demand" };
    let words = format!(
        "{allowed} processors {market}; {instances} instances of up to {of_each} take {wanted}"
    );
    if allowed >= f64::from(wanted) {
        add(NAME, Mark::Good, words);
    } else {
        let advice = "ask for more in Service Quotas, or lower FleetMax";
        add(NAME, Mark::Fair, format!("{words}: {advice}"));
    }
}

/// The fault with its causes in one line.
fn explain(error: StoreError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}
