//! `nommer probe`: what a source holds. Looked at here and now, as an encoder would; or by an encoder of a system that is named.

use std::path::PathBuf;

use anyhow::Context as _;
use indicatif::HumanBytes;
use nommer_aws::{S3Options, S3Storage};
use nommer_core::{
    address::NetworkRules,
    api::SourceView,
    job::StateName,
    probe::{Stream, StreamKind},
    spec::{SpecRules, parse_probe},
    uri::UriRules,
};
use nommer_encoder::{
    attempt::Stop,
    pipeline::{Pipeline, Request},
    tools::Tools,
    workspace::WorkRoot,
};
use nommer_http::HttpSource;
use nommer_local::FolderStorage;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    args::Common,
    client::Client,
    config::{Config, address},
    encode::EVERYWHERE,
    encoder,
    failure::Failure,
    output::{Output, table},
    submit::missing,
    watch::INTERVAL,
};

pub(crate) async fn run(
    source: &str,
    common: &Common,
    config: &Config,
    output: Output,
) -> Result<(), Failure> {
    let found = if common.stack.is_some() || common.api.is_some() {
        let client = Client::connect(common, config).await?;
        through_the_api(source, &client, output).await?
    } else {
        here(source, config).await?
    };
    if output.json {
        return Ok(output.json(&found)?);
    }
    output.data(describe(&found));
    Ok(())
}

/// Asks a system, and waits for one of its encoders.
async fn through_the_api(
    source: &str,
    client: &Client,
    output: Output,
) -> Result<SourceView, Failure> {
    let asked = client
        .probe(&json!({"source_path": address(source)?}))
        .await?;
    let mut told = None;
    loop {
        let probe = client.probe_state(asked.id.as_str()).await?;
        if told != Some(probe.state) && !probe.state.ended() {
            output.note(probe.state);
            told = Some(probe.state);
        }
        match (probe.state, probe.source, probe.error) {
            (StateName::Finished, source, _) => return Ok(source.unwrap_or_default()),
            (state, _, Some(error)) if state.ended() => return Err(error.into()),
            (state, _, None) if state.ended() => {
                return Err(Failure::job(format!("probe {} is {state}", probe.id), None));
            }
            _ => tokio::time::sleep(INTERVAL).await,
        }
    }
}

/// Looks at it on this machine, locked in as always.
async fn here(source: &str, config: &Config) -> Result<SourceView, Failure> {
    let source = address(source)?;
    if let Some(path) = source.strip_prefix("file://")
        && !PathBuf::from(path).is_file()
    {
        return Err(missing(path));
    }
    let network = NetworkRules::from(&config.settings);
    let everywhere = vec![PathBuf::from(EVERYWHERE)];
    let rules = SpecRules {
        uris: UriRules::local(network.clone(), everywhere.clone(), config.data_dir.clone()),
        network: network.clone(),
        ..SpecRules::default()
    };
    let checked = parse_probe(&json!({"source_path": source}), &rules)
        .map_err(|refused| Failure::from(refused.error).into_usage())?;
    let source = checked.spec.source_path.clone();
    let request = Request {
        source: match checked.source {
            Some(secret) => source.with_secret(secret),
            None => source,
        },
        spec: checked.spec,
        destination: None,
        source_etag: None,
        parts: String::new(),
    };
    let storage = encoder::Storage {
        file: FolderStorage::new(everywhere, config.data_dir.clone()),
        http: HttpSource::new(network).context("prepare the HTTP client")?,
        s3: S3Storage::on_demand(S3Options::from(&config.settings.storage)),
    };
    let tools = Tools::find(&config.settings.ffmpeg)?;
    let pipeline = Pipeline::new(&config.settings, storage, tools);
    let instance = format!("probe-{}", Uuid::now_v7().simple());
    let root =
        WorkRoot::open(&config.data_dir.join("work"), &instance).context("make a work folder")?;
    let work = root.attempt("probe").context("make a work folder")?;
    let cancel = CancellationToken::new();
    let looking = Box::pin(pipeline.probe(&request, &work, &cancel));
    let found = tokio::select! {
        found = looking => found,
        _ = tokio::signal::ctrl_c() => return Err(Failure::interrupted()),
    };
    match found {
        Ok(report) => Ok(SourceView::of(&report).unwrap_or_default()),
        Err(Stop::Failed(error)) => Err(error.into()),
        Err(Stop::Refused) => unreachable!("nobody refuses a look"),
    }
}

/// A line for the file, and a table of its streams.
fn describe(found: &SourceView) -> String {
    let mut words = Vec::new();
    words.extend(found.format.clone());
    words.extend(found.seconds.map(|seconds| format!("{seconds:.2} s")));
    words.extend(found.bytes.map(|bytes| HumanBytes(bytes).to_string()));
    words.extend(found.bitrate.map(kilobits));
    let heading = ["#", "KIND", "CODEC", "SIZE", "FPS", "CHANNELS", "REMARKS"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let streams = found.streams.iter().enumerate();
    rows.extend(streams.map(|(number, stream)| row(number, stream)));
    format!("{}\n{}", words.join("  "), table(&rows))
}

fn kilobits(bitrate: u64) -> String {
    format!("{} kbit/s", bitrate / 1_000)
}

fn row(number: usize, stream: &Stream) -> Vec<String> {
    let kind = match stream.kind {
        StreamKind::Video => "video",
        StreamKind::Cover => "cover",
        StreamKind::Audio => "audio",
        StreamKind::Other => "other",
    };
    let size = stream.width.zip(stream.height);
    let size = size.map(|(width, height)| format!("{width}x{height}"));
    let remarks = [
        (stream.is_hdr(), "HDR"),
        (stream.interlaced, "interlaced"),
        (stream.sideways, "turned"),
    ];
    let remarks = remarks
        .iter()
        .filter_map(|(is, word)| is.then_some((*word).to_owned()));
    let remarks: Vec<String> = stream.pix_fmt.clone().into_iter().chain(remarks).collect();
    vec![
        number.to_string(),
        kind.to_owned(),
        stream.codec.clone().unwrap_or_default(),
        size.unwrap_or_default(),
        stream
            .frame_rate
            .map(|rate| format!("{rate:.2}"))
            .unwrap_or_default(),
        stream
            .channels
            .map(|channels| channels.to_string())
            .unwrap_or_default(),
        remarks.join(", "),
    ]
}
