//! `nommer deploy`: the system on one's own AWS account. Checks what can be checked, lets `sam deploy` do the work, and puts the encoder
//! where instances fetch it. Runs in a checkout, after `cargo xtask dist`.

mod destroy;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use aws_sdk_s3::primitives::ByteStream;
use nommer_aws::{Aws, Environment, SdkConfig, Stack, load_config, s3};
use serde_json::json;

use crate::{
    args::{DeployArgs, DeployCommand},
    failure::Failure,
    output::{Output, table},
};

/// The name of a stack that is given none.
pub(crate) const STACK: &str = "nommer";

/// Runs what was asked for.
pub(crate) async fn run(args: &DeployArgs, stack: &str, output: Output) -> Result<(), Failure> {
    match &args.command {
        None => deploy(args, stack, output).await,
        Some(DeployCommand::Status) => status(stack, output).await,
        Some(DeployCommand::Destroy { yes }) => destroy::run(stack, *yes, output).await,
    }
}

/// The encoder's package and what its checksum says.
struct Package {
    file: PathBuf,
    sha256: String,
}

impl Package {
    /// Finds it among what `cargo xtask dist` made.
    fn find(dist: &Path, architecture: &str) -> Result<Self, Failure> {
        let name = format!("nommer-encoder-{architecture}.tar.gz");
        let missing = |what: &Path| {
            Failure::usage(format!("there is no {}", what.display())).hint(format!(
                "run `cargo xtask dist --arch {architecture}` in the checkout first"
            ))
        };
        let (file, list) = (dist.join(&name), dist.join("SHA256SUMS"));
        let sums = fs::read_to_string(&list).map_err(|_unreadable| missing(&list))?;
        let sha256 = sums
            .lines()
            .filter_map(|line| line.split_once("  "))
            .find(|(_, file)| *file == name)
            .map(|(sum, _)| sum.to_owned())
            .ok_or_else(|| missing(&file))?;
        if !file.is_file() {
            return Err(missing(&file));
        }
        Ok(Self { file, sha256 })
    }

    /// Its key in the stack's bucket: another one for each build, so that instances of the old and the new stack find theirs.
    fn key(&self) -> String {
        format!("encoder/{}.tar.gz", self.sha256)
    }

    async fn upload(&self, sdk: &SdkConfig, stack: &Stack) -> Result<(), Failure> {
        let bucket = stack
            .output("ArtifactBucket")
            .map_err(anyhow::Error::from)?;
        let body = ByteStream::from_path(&self.file)
            .await
            .with_context(|| format!("read {}", self.file.display()))?;
        s3::client(sdk)
            .put_object()
            .bucket(bucket)
            .key(self.key())
            .body(body)
            .send()
            .await
            .with_context(|| format!("upload the encoder to s3://{bucket}"))?;
        Ok(())
    }
}

/// Refuses a watched prefix whose results would lie under it: each would be the next source.
fn check_watch(args: &DeployArgs) -> Result<(), Failure> {
    let value = |name: &str| {
        let mut given = args.parameters.iter();
        given.find_map(|one| one.split_once('=').filter(|(key, _)| *key == name))
    };
    let prefix = value("WatchPrefix").map(|(_, prefix)| prefix);
    let destination = value("WatchDestination").map(|(_, destination)| destination);
    match prefix.filter(|prefix| !prefix.is_empty()).zip(destination) {
        Some((prefix, destination)) if destination.starts_with(prefix) => {
            let message = format!("WatchDestination {destination} lies under WatchPrefix {prefix}");
            Err(Failure::usage(message).hint("results would become jobs again: name another place"))
        }
        _ => Ok(()),
    }
}

async fn deploy(args: &DeployArgs, name: &str, output: Output) -> Result<(), Failure> {
    if !args.template.is_file() {
        return Err(
            Failure::usage(format!("there is no {}", args.template.display()))
                .hint("run this in the checkout, or name the template with --template"),
        );
    }
    check_watch(args)?;
    let sdk = load_config().await;
    let before = find(&sdk, name).await?;
    // What is not given stays as it is.
    let kept = before.as_ref();
    let kept = kept.and_then(|stack| stack.parameters.get("Architecture"));
    let architecture = args.architecture().or(kept.map(String::as_str));
    let package = Package::find(&args.dist, architecture.unwrap_or("x86_64"))?;
    // An instance of the new version may be launched at any moment of an update: its package comes first.
    if let Some(stack) = &before {
        package.upload(&sdk, stack).await?;
    }
    let mut sam = Command::new("sam");
    sam.arg("deploy")
        .arg("--template-file")
        .arg(&args.template)
        .args(["--stack-name", name, "--resolve-s3"])
        .args(["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
        .args(["--no-fail-on-empty-changeset", "--no-confirm-changeset"])
        .arg("--parameter-overrides")
        .arg(format!("EncoderPackageKey={}", package.key()))
        .arg(format!("EncoderPackageSha256={}", package.sha256))
        .args(&args.parameters);
    run_sam(&mut sam, &sdk)?;
    let stack = find(&sdk, name)
        .await?
        .context("the stack is not there although sam has deployed it")?;
    if before.is_none() {
        package.upload(&sdk, &stack).await?;
    }
    show(&stack, output)
}

async fn status(name: &str, output: Output) -> Result<(), Failure> {
    match find(&load_config().await, name).await? {
        Some(stack) => show(&stack, output),
        None => Err(no_stack(name)),
    }
}

/// Looks a stack up in this account and region.
pub(crate) async fn find(sdk: &SdkConfig, name: &str) -> Result<Option<Stack>, Failure> {
    if sdk.region().is_none() {
        return Err(
            Failure::usage("no AWS region is set").hint("set AWS_REGION, or run `aws configure`")
        );
    }
    let found = Stack::find(sdk, name).await.map_err(anyhow::Error::from);
    found.map_err(|error| {
        Failure::from(error).hint(
            "are there AWS credentials that have not expired? `aws sts get-caller-identity` tells",
        )
    })
}

/// It was looked for and is not there.
/// The parts of a stack, as whoever calls may use them.
pub(crate) async fn parts(name: &str) -> Result<Aws, Failure> {
    let sdk = load_config().await;
    let stack = find(&sdk, name).await?.ok_or_else(|| no_stack(name))?;
    let environment = Environment::of_stack(&stack).map_err(anyhow::Error::from)?;
    Ok(Aws::new(&sdk, &environment))
}

pub(crate) fn no_stack(name: &str) -> Failure {
    Failure::not_found(format!(
        "there is no stack {name} in this account and region"
    ))
    .hint("`nommer deploy` makes it; --stack names another")
}

/// Runs `sam` in the region that everything else here is done in: it does not look for one where the SDK does.
fn run_sam(sam: &mut Command, sdk: &SdkConfig) -> Result<(), Failure> {
    sam.env("SAM_CLI_TELEMETRY", "0");
    if let Some(region) = sdk.region() {
        sam.args(["--region", region.as_ref()]);
    }
    let ended = sam.status().map_err(|_missing| {
        Failure::usage("the AWS SAM CLI is not installed")
            .hint("`pip install aws-sam-cli` installs it")
    })?;
    if ended.success() {
        return Ok(());
    }
    Err(Failure::from(anyhow::anyhow!("sam failed: {ended}"))
        .hint("what it printed above says why"))
}

fn show(stack: &Stack, output: Output) -> Result<(), Failure> {
    if output.json {
        let (name, status, outputs) = (&stack.name, &stack.status, &stack.outputs);
        return Ok(output.json(&json!({"name": name, "status": status, "outputs": outputs}))?);
    }
    let mut rows = vec![
        vec!["stack".to_owned(), stack.name.clone()],
        vec!["status".to_owned(), stack.status.clone()],
    ];
    let reason = stack.reason.iter().filter(|why| !why.is_empty());
    rows.extend(reason.map(|why| vec!["because".to_owned(), why.clone()]));
    rows.extend(
        stack
            .outputs
            .iter()
            .map(|(name, value)| vec![name.clone(), value.clone()]),
    );
    output.data(table(&rows));
    Ok(())
}
