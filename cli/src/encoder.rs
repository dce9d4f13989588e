//! The role of an encoder process in local mode: the daemon over the embedded adapters.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use nommer_aws::{S3Options, S3Storage};
use nommer_core::{
    address::NetworkRules, error::JobError, fleet::idle_limit, id::InstanceId, instance::Kind,
    options::OptionPolicy, settings::Settings,
};
use nommer_encoder::{
    clock::SystemClock,
    daemon::{Daemon, Stop},
    heartbeat::LeaseTimes,
    pipeline::Pipeline,
    runner::Workshop,
    storage::ByScheme,
    tools::Tools,
    worker::Worker,
    workspace::WorkRoot,
};
use nommer_http::HttpSource;
use nommer_local::{FolderStorage, Local, launched_as};
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use crate::{dev, failure::Failure};

/// The variable that hands the server's settings on, so that both work by the same ones.
pub(crate) const SETTINGS_VARIABLE: &str = "NOMMER_SETTINGS";

/// Storage of local mode.
pub(crate) type Storage = ByScheme<FolderStorage, HttpSource, S3Storage>;

/// Runs until it is idle or asked to end.
pub(crate) async fn run() -> Result<(), Failure> {
    let text = std::env::var(SETTINGS_VARIABLE)
        .map_err(|_unset| Failure::usage("encoders are started by the system; run `nommer dev`"))?;
    let settings: Settings =
        serde_json::from_str(&text).context("read the settings of the server")?;
    let data_dir = settings
        .local
        .data_dir
        .clone()
        .context("the settings name no data folder")?;
    let local = Local::open(&data_dir).map_err(anyhow::Error::from)?;
    let instance = launched_as().unwrap_or_else(|| InstanceId::local(Uuid::now_v7()));
    local
        .register_process(&instance)
        .await
        .context("write down this process")?;

    let root = WorkRoot::open(&local.folder().join("work"), instance.as_str())
        .context("make the work folder")?;
    let (storage, own) = (storage(&settings, &data_dir)?, settings.clone());
    let found: OnceLock<Tools> = OnceLock::new();
    let pipeline = move || {
        let tools = match found.get() {
            Some(tools) => tools.clone(),
            // A failure is not kept: FFmpeg may be installed while the daemon runs.
            None => find_tools(&own).map(|tools| found.get_or_init(|| tools).clone())?,
        };
        Ok(pipeline(&own, storage.clone(), tools))
    };
    let worker = Worker {
        backend: Arc::new(local),
        runner: Workshop { pipeline, root },
        clock: SystemClock,
        instance,
        times: LeaseTimes {
            heartbeat: settings.encoder.heartbeat,
            lease: settings.encoder.lease,
        },
        // All processes of one machine have one clock.
        margin: Duration::ZERO,
        kind: Kind::new(
            settings.prices.instance_type.clone(),
            Some(settings.prices.market),
            settings.fleet.jobs_per_instance,
            &settings.prices,
        ),
    };
    let daemon = Daemon {
        worker: Arc::new(worker),
        slots: settings.fleet.jobs_per_instance,
        idle_limit: idle_limit(&settings.fleet, settings.fleet.billed_boot),
    };
    let stop = Stop::default();
    tokio::spawn(listen(stop.clone()));
    let booting = tokio::time::sleep(settings.local.boot_delay);
    stop.drain.run_until_cancelled(booting).await;
    Ok(daemon.run(stop).await.context("run the encoder")?)
}

/// SIGTERM drains; SIGINT, which the server sends when it is stopped itself, gives jobs back at once.
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

/// Where media comes from and goes to in local mode.
pub(crate) fn storage(settings: &Settings, data_dir: &Path) -> Result<Storage, Failure> {
    Ok(ByScheme {
        file: FolderStorage::new(dev::folders(settings, data_dir)?, data_dir.to_owned()),
        http: HttpSource::new(NetworkRules::from(settings)).context("prepare the HTTP client")?,
        s3: S3Storage::on_demand(S3Options::from(&settings.storage)),
    })
}

/// FFmpeg as the settings name it.
pub(crate) fn find_tools(settings: &Settings) -> Result<Tools, JobError> {
    Tools::find(&settings.ffmpeg.path, settings.ffmpeg.sandbox)
}

/// What runs attempts on this machine, with FFmpeg found already.
pub(crate) fn pipeline(settings: &Settings, storage: Storage, tools: Tools) -> Pipeline<Storage> {
    Pipeline {
        storage,
        tools,
        options: OptionPolicy::from(settings),
        limits: settings.limits.clone(),
        time_limit: settings.jobs.time_limit,
        stall_limit: settings.encoder.stall_limit,
    }
}
