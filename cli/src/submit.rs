//! `nommer submit`: one job to a running system.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    args::SubmitArgs,
    client::Client,
    config::address,
    failure::Failure,
    fleet::usd,
    output::Output,
    upload::bring,
    watch::{conclude, until_ended},
};

pub(crate) async fn run(args: &SubmitArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let mut body = body(args, client)?;
    if args.upload
        && let Some(source) = &args.source
        && !source.contains("://")
    {
        let upload = bring(Path::new(source), client, output).await?;
        body["source_path"] = json!(upload.source_path);
    }
    if args.dry_run {
        let checked = client.dry_run(&body).await?;
        if output.json {
            return Ok(output.json(&checked)?);
        }
        let (usd, passes) = (usd(checked.estimate.usd), checked.passes.len());
        output.data(format!("{} -> {}", checked.source_path, checked.dest_path));
        output.note(format!(
            "it would be taken: {passes} passes, {usd}; nothing was submitted"
        ));
        return Ok(());
    }
    let job = client.submit(&body).await?;
    if args.wait {
        output.note(&job.id);
        let job = until_ended(client, job.id.as_str(), output).await?;
        return conclude(&job, output);
    }
    if output.json {
        return Ok(output.json(&job)?);
    }
    output.data(&job.id);
    output.note(format!("follow it with: nommer jobs watch {}", job.id));
    Ok(())
}

/// JSON in a file.
pub(crate) fn read_json(file: &Path) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let json = serde_json::from_str(&text);
    Ok(json.with_context(|| format!("{} is not JSON", file.display()))?)
}

fn body(args: &SubmitArgs, client: &Client) -> Result<Value, Failure> {
    if let Some(file) = &args.file {
        return read_json(file);
    }
    let (Some(source), Some(destination)) = (&args.source, &args.destination) else {
        return Err(Failure::usage("give a source and a destination, or --file"));
    };
    if client.is_elsewhere() {
        let local = |place: &str| !place.contains("://");
        if local(source) && !args.upload {
            return Err(Failure::usage(format!(
                "a stack cannot read {source}: it is a file of this machine"
            ))
            .hint("bring it along with --upload, or put it into a bucket and name it by s3://bucket/key"));
        }
        if local(destination) {
            return Err(Failure::usage(format!(
                "a stack cannot write {destination}: it is a file of this machine"
            ))
            .hint("name a place in a bucket: s3://bucket/key"));
        }
    }
    let source_path = address(source)?;
    if let Some(path) = source_path.strip_prefix("file://")
        && !Path::new(path).exists()
    {
        return Err(missing(source));
    }
    let mut body = json!({
        "source_path": source_path,
        "dest_path": address(destination)?,
        "preset": args.preset,
    });
    if let Some(url) = &args.notify {
        body["notify_url"] = json!(url);
    }
    if let Some(usd) = args.max_cost {
        body["max_cost_usd"] = json!(usd);
    }
    if let Some(priority) = args.priority {
        body["priority"] = json!(priority);
    }
    if let Some(id) = &args.external_id {
        body["external_id"] = json!(id);
    }
    Ok(body)
}

/// The source is not where the user says.
pub(crate) fn missing(source: &str) -> Failure {
    let folder = std::env::current_dir()
        .map(|folder| folder.display().to_string())
        .unwrap_or_default();
    Failure::not_found(format!("source not found: {source}\n  looked in {folder}"))
        .hint("paths are relative to the current folder; for S3 use s3://bucket/key")
}
