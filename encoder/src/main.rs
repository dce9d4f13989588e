//! `nommer-encoder`: the daemon's program on an instance, or on any machine that shall help a deployed stack.
//!
//! On one machine without a stack the `nommer` command plays this role itself.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Parser;
use nommer_aws::{Aws, Environment, Imds, Notice, S3Options, S3Storage, Stack, load_config};
use nommer_core::{
    address::NetworkRules, fleet::idle_limit, id::InstanceId, instance::Kind, lease::CLOCK_MARGIN,
    money::Market, settings::Settings,
};
use nommer_encoder::{
    clock::SystemClock,
    daemon::{Daemon, Stop},
    heartbeat::LeaseTimes,
    runner::Workshop,
    sandbox,
    storage::{ByScheme, Unserved},
    worker::Worker,
    workspace::WorkRoot,
};
use nommer_http::HttpSource;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

/// Takes jobs from a stack's queue and encodes them.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Work for this stack although it did not launch this machine. Runs until it is stopped.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// Where work folders are made.
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/nommer/work")]
    work_dir: PathBuf,
}

/// Storage of an encoder that serves a stack.
type Storage = ByScheme<Unserved, HttpSource, S3Storage>;

/// Who this encoder is, and for how long it waits for work.
struct Role {
    environment: Environment,
    instance: InstanceId,
    /// What EC2 calls the machine, and how it was bought; none for a machine of one's own.
    instance_type: Option<String>,
    market: Option<Market>,
    idle_limit: Option<Duration>,
    /// Where notices come from, on an instance of EC2.
    imds: Option<Imds>,
}

fn main() -> anyhow::Result<()> {
    // Before anything else: this program is also what FFmpeg is started through.
    sandbox::run_if_sandbox_helper();
    sandbox::forbid_core_dumps().context("forbid core dumps")?;
    let args = Args::parse();
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(
            EnvFilter::try_from_env("NOMMER_LOG").unwrap_or_else(|_unset| EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .init();
    tokio::runtime::Runtime::new()
        .context("start the runtime")?
        .block_on(run(args))
}

async fn run(args: Args) -> anyhow::Result<()> {
    let sdk = load_config().await;
    let role = match &args.stack {
        Some(name) => helper(&sdk, name).await?,
        None => launched().await?,
    };
    let settings = role.environment.settings.clone();
    let root = WorkRoot::open(&args.work_dir, role.instance.as_str())
        .with_context(|| format!("make a work folder under {}", args.work_dir.display()))?;
    let worker = Worker {
        backend: Arc::new(Aws::new(&sdk, &role.environment)),
        runner: Workshop::new(&settings, storage(&sdk, &settings)?, root),
        clock: SystemClock,
        instance: role.instance,
        times: LeaseTimes {
            heartbeat: settings.encoder.heartbeat,
            lease: settings.encoder.lease,
        },
        margin: CLOCK_MARGIN,
        kind: Kind::new(
            role.instance_type,
            role.market,
            settings.fleet.jobs_per_instance,
            &settings.prices,
        ),
    };
    let daemon = Daemon {
        worker: Arc::new(worker),
        idle_limit: role.idle_limit,
        fleet: settings.fleet,
    };
    let stop = Stop::on_signals();
    if let Some(imds) = role.imds {
        tokio::spawn(heed(imds, stop.clone()));
    }
    Box::pin(daemon.run(stop)).await.context("run the encoder")
}

/// An instance that the stack launched: it was told all in its environment.
async fn launched() -> anyhow::Result<Role> {
    let environment = Environment::read()?;
    let imds = Imds::default();
    let fleet = &environment.settings.fleet;
    Ok(Role {
        instance: imds.instance_id().await?,
        instance_type: imds.instance_type().await,
        market: imds.market().await,
        idle_limit: idle_limit(fleet, fleet.billed_boot),
        imds: Some(imds),
        environment,
    })
}

/// A machine of somebody's own.
async fn helper(sdk: &nommer_aws::SdkConfig, name: &str) -> anyhow::Result<Role> {
    let stack = Stack::find(sdk, name)
        .await?
        .with_context(|| format!("there is no stack {name} in this account and region"))?;
    Ok(Role {
        environment: Environment::of_stack(&stack)?,
        instance: InstanceId::local(Uuid::now_v7()),
        instance_type: None,
        market: None,
        idle_limit: None,
        imds: None,
    })
}

/// Where media comes from and goes to: never a file of this machine.
fn storage(sdk: &nommer_aws::SdkConfig, settings: &Settings) -> anyhow::Result<Storage> {
    Ok(ByScheme {
        file: Unserved,
        http: HttpSource::new(NetworkRules::from(settings)).context("prepare the HTTP client")?,
        s3: S3Storage::new(sdk, S3Options::from(&settings.storage)),
    })
}

/// Gives jobs back when EC2 takes the instance away; takes no more when it is likely to.
async fn heed(imds: Imds, stop: Stop) {
    match imds.notice().await {
        Notice::Interruption => {
            tracing::warn!("EC2 takes this instance away: jobs go back");
            stop.release.cancel();
        }
        Notice::Rebalance => {
            tracing::warn!("EC2 is likely to take this instance away: no more jobs");
            stop.drain.cancel();
        }
    }
}
