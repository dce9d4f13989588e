//! The role of an encoder process in local mode: the daemon over the embedded adapters.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use nommer_aws::{S3Options, S3Storage};
use nommer_core::{
    address::NetworkRules, fleet::idle_limit, id::InstanceId, instance::Kind, settings::Settings,
};
use nommer_encoder::{
    clock::SystemClock,
    daemon::{Daemon, Stop},
    heartbeat::LeaseTimes,
    runner::Workshop,
    storage::ByScheme,
    worker::Worker,
    workspace::WorkRoot,
};
use nommer_http::HttpSource;
use nommer_local::{FolderStorage, Local, launched_as};
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
    let worker = Worker {
        backend: Arc::new(local),
        runner: Workshop::new(&settings, storage(&settings, &data_dir)?, root),
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
        idle_limit: idle_limit(&settings.fleet, settings.fleet.billed_boot),
        fleet: settings.fleet.clone(),
    };
    // The server sends SIGINT when it is stopped itself.
    let stop = Stop::on_signals();
    let booting = tokio::time::sleep(settings.local.boot_delay);
    stop.drain.run_until_cancelled(booting).await;
    Ok(daemon.run(stop).await.context("run the encoder")?)
}

/// Where media comes from and goes to in local mode.
pub(crate) fn storage(settings: &Settings, data_dir: &Path) -> Result<Storage, Failure> {
    Ok(ByScheme {
        file: FolderStorage::new(dev::folders(settings, data_dir)?, data_dir.to_owned()),
        http: HttpSource::new(NetworkRules::from(settings)).context("prepare the HTTP client")?,
        s3: S3Storage::on_demand(S3Options::from(&settings.storage)),
    })
}
