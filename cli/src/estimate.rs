//! `nommer estimate`: the time and the price of a job, before it is one. The file is probed here; the system does the sum.

use std::{fs, path::Path};

use anyhow::Context as _;
use nommer_core::{plan::SOURCE_FILE, probe::Probe};
use nommer_encoder::{look_at_source, tools::Tools, workspace::WorkRoot};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    args::EstimateArgs, client::Client, config::Config, failure::Failure, fleet::usd,
    output::Output, submit::missing,
};

pub(crate) async fn run(
    args: &EstimateArgs,
    config: &Config,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let mut body = json!({"preset": args.preset, "duration_seconds": args.duration});
    if let Some(source) = &args.source {
        let probe = look(source, config).await?;
        let seconds = probe.duration.map(|duration| duration.as_secs_f64());
        body["duration_seconds"] = json!(seconds);
        body["height"] = json!(probe.video().and_then(|video| video.height));
    }
    let estimate = client.estimate(&body).await?;
    if output.json {
        return Ok(output.json(&estimate)?);
    }
    let time = estimate.seconds.map_or_else(
        || "an unknown time".to_owned(),
        |seconds| format!("about {seconds:.0} s on one job slot"),
    );
    output.data(format!("{}, {time}", usd(estimate.usd)));
    output.note(format!("from {}", estimate.basis));
    Ok(())
}

/// What ffprobe says, locked in as always.
async fn look(source: &Path, config: &Config) -> Result<Probe, Failure> {
    let name = source.display().to_string();
    if name.contains("://") {
        return Err(
            Failure::usage("only files of this machine can be looked at")
                .hint("give the length with --duration"),
        );
    }
    if !source.is_file() {
        return Err(missing(&name));
    }
    let tools = Tools::find(&config.settings.ffmpeg)?;
    let instance = format!("estimate-{}", Uuid::now_v7().simple());
    let root =
        WorkRoot::open(&config.data_dir.join("work"), &instance).context("make a work folder")?;
    let work = root.attempt("look").context("make a work folder")?;
    let copy = work.file(SOURCE_FILE);
    fs::hard_link(source, &copy)
        .or_else(|_other_disk| fs::copy(source, &copy).map(drop))
        .with_context(|| format!("read {name}"))?;
    Ok(look_at_source(&tools, &work, &CancellationToken::new()).await?)
}
