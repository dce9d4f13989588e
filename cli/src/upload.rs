//! `nommer upload`: brings a file of this machine to a system, so that jobs can name it there.

mod parts;

use std::path::Path;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use nommer_core::api::UploadView;
use reqwest::Body;
use serde_json::json;
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use crate::{client::Client, failure::Failure, output::Output, submit::missing};

/// Content types by the ending of a name. What is not here is sent as plain bytes.
const TYPES: [(&str, &str); 10] = [
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("mov", "video/quicktime"),
    ("mkv", "video/x-matroska"),
    ("webm", "video/webm"),
    ("ts", "video/mp2t"),
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("wav", "audio/wav"),
    ("png", "image/png"),
];

/// Bytes that are read at a time.
const CHUNK: usize = 256 * 1_024;

pub(crate) async fn run(file: &Path, client: &Client, output: Output) -> Result<(), Failure> {
    let upload = bring(file, client, output).await?;
    if output.json {
        return Ok(output.json(&json!({"id": upload.id, "source_path": upload.source_path}))?);
    }
    output.data(&upload.source_path);
    output.note(format!(
        "encode it with: nommer submit '{}' DESTINATION",
        upload.source_path
    ));
    Ok(())
}

/// Announces a file and sends it.
pub(crate) async fn bring(
    file: &Path,
    client: &Client,
    output: Output,
) -> Result<UploadView, Failure> {
    let named = file.display().to_string();
    if !file.is_file() {
        return Err(missing(&named));
    }
    let opened = File::open(file)
        .await
        .with_context(|| format!("read {named}"))?;
    let facts = opened.metadata().await;
    let bytes = facts.with_context(|| format!("read {named}"))?.len();
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::usage(format!("{named} is not UTF-8 text")))?;
    let announced = json!({"filename": name, "bytes": bytes, "content_type": content_type(file)});
    let upload = client.announce(&announced).await?;
    let bar = bar(bytes, output);
    let sent = match &upload.url {
        Some(url) => {
            let body = whole(opened, &bar);
            client.send_upload(&upload, url, body).await
        }
        None => parts::send(file, upload.clone(), client, &bar).await,
    };
    bar.finish_and_clear();
    sent?;
    output.note(format!("{name}: {} sent", HumanBytes(bytes)));
    Ok(upload)
}

/// All of a file, counted as it is read.
fn whole(opened: File, bar: &ProgressBar) -> Body {
    let moving = bar.clone();
    let chunks = ReaderStream::with_capacity(opened, CHUNK).inspect(move |chunk| {
        if let Ok(read) = chunk {
            moving.inc(read.len() as u64);
        }
    });
    Body::wrap_stream(chunks)
}

fn content_type(file: &Path) -> &'static str {
    let ending = file.extension().unwrap_or_default().to_ascii_lowercase();
    let known = TYPES.iter().find(|(one, _)| ending == *one);
    known.map_or("application/octet-stream", |(_, kind)| kind)
}

fn bar(bytes: u64, output: Output) -> ProgressBar {
    if !output.bars() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes);
    let template = "{bar:32} {bytes}/{total_bytes}  {bytes_per_sec}  eta {eta}";
    bar.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
    bar
}
