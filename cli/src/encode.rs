//! `nommer encode`: the pipeline of the encoder in the foreground, without server, table or queue.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nommer_aws::{S3Options, S3Storage};
use nommer_core::{
    address::NetworkRules,
    error::Warning,
    job::{Report, StateName},
    options::OptionPolicy,
    presets::{self, Preset},
    progress::Progress,
    secret::Secret,
    spec::{JobSpec, SpecRules, parse_v1},
    uri::{MediaUri, UriRules},
};
use nommer_encoder::{
    attempt::{Observer, Stop},
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
    args::EncodeArgs,
    config::{Config, address},
    encoder,
    failure::Failure,
    output::Output,
    submit::{missing, read_json},
    watch::{JobBar, describe},
};

/// The user's own files: whatever the user may read and write, the command may.
pub(crate) const EVERYWHERE: &str = "/";

pub(crate) async fn run(args: &EncodeArgs, config: &Config, output: Output) -> Result<(), Failure> {
    if !is_address(&args.source) && !args.source.is_file() {
        return Err(missing(&args.source.display().to_string()));
    }
    let destination = args
        .destination
        .clone()
        .unwrap_or_else(|| beside(&args.source, &args.preset));
    let request = request(args, &destination, config)?;
    let storage = encoder::Storage {
        file: FolderStorage::new(vec![PathBuf::from(EVERYWHERE)], config.data_dir.clone()),
        http: HttpSource::new(NetworkRules::from(&config.settings))
            .context("prepare the HTTP client")?,
        s3: S3Storage::on_demand(S3Options::from(&config.settings.storage)),
    };
    let tools = Tools::find(&config.settings.ffmpeg)?;
    let pipeline = Pipeline::new(&config.settings, storage, tools);
    let instance = format!("encode-{}", Uuid::now_v7().simple());
    let root =
        WorkRoot::open(&config.data_dir.join("work"), &instance).context("make a work folder")?;
    let work = root.attempt("foreground").context("make a work folder")?;

    let cancel = CancellationToken::new();
    let mut foreground = Foreground {
        bar: JobBar::new(output),
        state: StateName::Downloading,
        output,
        report: Report::default(),
    };
    foreground.show(None);
    let outcome = {
        let run = pipeline.run(&request, &work, &cancel, &mut foreground);
        tokio::pin!(run);
        tokio::select! {
            outcome = &mut run => Some(outcome),
            _ = tokio::signal::ctrl_c() => {
                cancel.cancel();
                // FFmpeg is ended before this returns.
                run.await.ok();
                None
            }
        }
    };
    foreground.bar.clear();
    let outputs = match outcome {
        Some(Ok(outputs)) => outputs,
        Some(Err(Stop::Failed(error))) => return Err(error.into()),
        Some(Err(Stop::Refused)) => unreachable!("the foreground refuses no step"),
        None => return Err(Failure::interrupted()),
    };
    if output.json {
        return Ok(
            output.json(&json!({"outputs": outputs, "warnings": foreground.report.warnings}))?
        );
    }
    for published in &outputs {
        output.data(describe(published, foreground.report.source_bytes));
    }
    Ok(())
}

/// Whether it is an address rather than a path.
fn is_address(source: &Path) -> bool {
    source.to_string_lossy().contains("://")
}

/// `clip.mov` → `clip.web-mp4-720p.mp4`, or a folder for what is packaged.
fn beside(source: &Path, preset: &str) -> PathBuf {
    let text = source.to_string_lossy();
    // The query of an address may hold its key.
    let plain = if is_address(source) {
        Path::new(text.split('?').next().unwrap_or_default())
    } else {
        source
    };
    let stem = plain.file_stem().unwrap_or_default().to_string_lossy();
    let outputs = presets::find(preset).map(Preset::outputs);
    let container = outputs
        .iter()
        .flatten()
        .map(|output| output.container)
        .next();
    let ending = match container {
        Some(container) if container.packaged() => "/".to_owned(),
        Some(container) => format!(".{}", container.extension()),
        None => ".mp4".to_owned(),
    };
    let name = preset.replace(['/', '@'], "-");
    let file = format!("{stem}.{name}{ending}");
    if is_address(source) {
        return PathBuf::from(file);
    }
    source.with_file_name(file)
}

fn request(args: &EncodeArgs, destination: &Path, config: &Config) -> Result<Request, Failure> {
    let text = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .ok_or_else(|| Failure::usage("the path is not UTF-8 text"))
    };
    let mut body = match &args.file {
        Some(file) => read_json(file)?,
        None => json!({}),
    };
    if !body.is_object() {
        return Err(Failure::usage("the file must hold one JSON object"));
    }
    body["source_path"] = json!(address(&text(&args.source)?)?);
    body["dest_path"] = json!(address(&text(destination)?)?);
    match &args.job_options {
        _ if args.file.is_some() => {}
        Some(file) => body["job_options"] = read_json(file)?,
        None if presets::find(&args.preset).is_some() => body["preset"] = json!(args.preset),
        None => {
            return Err(
                Failure::not_found(format!("there is no preset {:?}", args.preset))
                    .hint("see `nommer presets`"),
            );
        }
    }
    let network = NetworkRules::from(&config.settings);
    let rules = SpecRules {
        uris: UriRules::local(
            network.clone(),
            vec![PathBuf::from(EVERYWHERE)],
            config.data_dir.clone(),
        ),
        network,
        options: OptionPolicy::from(&config.settings),
        ..SpecRules::default()
    };
    let checked =
        parse_v1(&body, &rules).map_err(|refused| Failure::from(refused.error).into_usage())?;
    let spec: JobSpec = checked.spec;
    let whole = |uri: &MediaUri, secret: Option<Secret>| match secret {
        Some(secret) => uri.clone().with_secret(secret),
        None => uri.clone(),
    };
    let source = whole(&spec.source_path, checked.source);
    let destination = spec.dest_path.as_ref();
    let destination = destination.map(|place| whole(place, checked.destination));
    Ok(Request {
        spec,
        source,
        destination,
        source_etag: None,
        parts: "segments".to_owned(),
    })
}

/// Shows the steps and refuses none.
struct Foreground {
    bar: JobBar,
    state: StateName,
    output: Output,
    report: Report,
}

impl Foreground {
    fn tell(&self, warnings: &[Warning]) {
        for warning in warnings {
            self.output
                .note(format!("warning: {} ({})", warning.detail, warning.code));
        }
    }

    fn show(&mut self, progress: Option<&Progress>) {
        self.bar.show(self.state, 1, progress);
    }
}

impl Observer for Foreground {
    async fn encoding(&mut self, report: Report) -> Result<(), Stop> {
        self.tell(&report.warnings);
        self.report = report;
        self.state = StateName::Encoding;
        self.show(None);
        Ok(())
    }

    fn progress(&mut self, progress: Progress) {
        self.show(Some(&progress));
    }

    fn said(&mut self, _pass: usize, _words: &str) {}

    async fn uploading(&mut self, warnings: Vec<Warning>) -> Result<(), Stop> {
        self.tell(&warnings);
        self.report.warnings.extend(warnings);
        self.state = StateName::Uploading;
        self.show(None);
        Ok(())
    }

    async fn publishing(&mut self) -> Result<(), Stop> {
        Ok(())
    }
}
