//! `nommer-encoder`: the daemon's program on an instance, or on any machine that shall help a deployed stack.
//!
//! On one machine without a stack the `nommer` command plays this role itself.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use nommer_aws::{Aws, Environment, Imds, Notice, S3Options, S3Storage, Stack, load_config};
use nommer_core::{
    address::NetworkRules, error::JobError, fleet::idle_limit, id::InstanceId, instance::Kind,
    lease::CLOCK_MARGIN, money::Market, options::OptionPolicy, settings::Settings,
};
use nommer_encoder::{
    clock::SystemClock,
    daemon::{Daemon, Stop},
    heartbeat::LeaseTimes,
    pipeline::Pipeline,
    runner::Workshop,
    sandbox,
    storage::{ByScheme, Unserved},
    tools::Tools,
    worker::Worker,
    workspace::WorkRoot,
};
use nommer_http::HttpSource;
use tokio::signal::unix::{SignalKind, signal};
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

/// What runs attempts, or why this machine cannot.
type Attempts = Result<Pipeline<ByScheme<Unserved, HttpSource, S3Storage>>, JobError>;

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
        runner: Workshop {
            pipeline: pipelines(
                &settings,
                S3Storage::new(&sdk, S3Options::from(&settings.storage)),
            )?,
            root,
        },
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
        slots: settings.fleet.jobs_per_instance,
        idle_limit: role.idle_limit,
    };
    let stop = Stop::default();
    tokio::spawn(listen(stop.clone()));
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

/// Makes what runs an attempt. FFmpeg is looked for until it is found: it may be installed while the daemon runs.
fn pipelines(
    settings: &Settings,
    s3: S3Storage,
) -> anyhow::Result<impl Fn() -> Attempts + Send + Sync + 'static + use<>> {
    let storage = ByScheme {
        file: Unserved,
        http: HttpSource::new(NetworkRules::from(settings)).context("prepare the HTTP client")?,
        s3,
    };
    let settings = settings.clone();
    let found: OnceLock<Tools> = OnceLock::new();
    Ok(move || {
        let tools = match found.get() {
            Some(tools) => tools.clone(),
            None => Tools::find(&settings.ffmpeg.path, settings.ffmpeg.sandbox)
                .map(|tools| found.get_or_init(|| tools).clone())?,
        };
        Ok(Pipeline {
            storage: storage.clone(),
            tools,
            options: OptionPolicy::from(&settings),
            limits: settings.limits.clone(),
            time_limit: settings.jobs.time_limit,
            stall_limit: settings.encoder.stall_limit,
        })
    })
}

/// SIGTERM drains; SIGINT gives jobs back at once, as a machine that is shut down must.
async fn listen(stop: Stop) {
    let handler = |kind| signal(kind).expect("a signal handler can be set up");
    let (mut terminate, mut interrupt) = (
        handler(SignalKind::terminate()),
        handler(SignalKind::interrupt()),
    );
    loop {
        tokio::select! {
            _ = terminate.recv() => stop.drain.cancel(),
            _ = interrupt.recv() => stop.release.cancel(),
        }
    }
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
