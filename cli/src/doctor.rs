//! `nommer doctor`: what this machine has, and what it lacks; with `--stack`, the same of a deployed stack. Changes nothing but makes
//! the data folder.

mod stack;

use std::path::Path;

use nommer_core::error::JobError;
use nommer_encoder::{tools::Tools, workspace::WorkRoot};
use serde_json::json;
use uuid::Uuid;

use crate::{config::Config, failure::Failure, output::Output};

/// Encoders that presets and most jobs need, by FFmpeg's names.
const ENCODERS: [&str; 2] = ["libx264", "aac"];

/// Encoders that some jobs need.
const MORE_ENCODERS: [&str; 5] = [
    "libx265",
    "libvpx-vp9",
    "libsvtav1",
    "libopus",
    "libmp3lame",
];

/// Less free space than this is worth a word: one job with a source of 4 GiB would not fit.
const SPACE_BYTES: u64 = 8 << 30;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Good,
    /// Works, with less.
    Fair,
    /// Jobs cannot run.
    Bad,
}

struct Finding {
    name: &'static str,
    mark: Mark,
    words: String,
}

/// Looks at a deployed stack if one is named, else at this machine.
pub(crate) async fn run(
    stack: Option<&str>,
    config: &Config,
    output: Output,
) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let mut add = |name, mark, words: String| findings.push(Finding { name, mark, words });
    let verdict = if let Some(stack) = stack {
        stack::look(stack, &mut add).await;
        "this stack cannot encode yet"
    } else {
        this_machine(config, &mut add).await;
        "this machine cannot encode yet"
    };
    report(&findings, verdict, output)
}

async fn this_machine(config: &Config, add: &mut impl FnMut(&'static str, Mark, String)) {
    match folder(&config.data_dir) {
        Ok((root, free)) => {
            let mark = if free < SPACE_BYTES {
                Mark::Fair
            } else {
                Mark::Good
            };
            add(
                "data folder",
                mark,
                format!("{}, {} GiB free", config.data_dir.display(), free >> 30),
            );
            ffmpeg(config, &root, add).await;
        }
        Err(error) => add(
            "data folder",
            Mark::Bad,
            format!("{}: {error}", config.data_dir.display()),
        ),
    }
}

fn folder(data_dir: &Path) -> std::io::Result<(WorkRoot, u64)> {
    let root = WorkRoot::open(
        &data_dir.join("work"),
        &format!("doctor-{}", Uuid::now_v7().simple()),
    )?;
    let free = root.attempt("look")?.free_bytes()?;
    Ok((root, free))
}

async fn ffmpeg(
    config: &Config,
    root: &WorkRoot,
    add: &mut impl FnMut(&'static str, Mark, String),
) {
    let settings = &config.settings.ffmpeg;
    let tools = match Tools::find(settings) {
        Ok(tools) => tools,
        Err(error) => return add("ffmpeg", Mark::Bad, advise(&error)),
    };
    match tools.sandbox().probe() {
        Ok(report) => {
            let network = format!("{:?}", report.network).to_lowercase();
            let mark = if report.landlock_abi > 0 && report.seccomp {
                Mark::Good
            } else {
                Mark::Fair
            };
            let words = format!(
                "landlock {}, seccomp {}, network {network}",
                report.landlock_abi, report.seccomp
            );
            add("sandbox", mark, words);
        }
        Err(error) => add("sandbox", Mark::Bad, error.to_string()),
    }
    let Ok(work) = root.attempt("look") else {
        return;
    };
    match tools.version(work.folder()).await {
        Ok(version) => add(
            "ffmpeg",
            Mark::Good,
            format!("{version} at {}", tools.ffmpeg().display()),
        ),
        Err(error) => return add("ffmpeg", Mark::Bad, advise(&error)),
    }
    let listed = tools
        .print(work.folder(), &["-hide_banner", "-encoders"])
        .await
        .unwrap_or_default();
    let has = |name: &&str| listed.split_whitespace().any(|word| word == *name);
    let lacking: Vec<&str> = ENCODERS.into_iter().filter(|name| !has(name)).collect();
    let mark = if lacking.is_empty() {
        Mark::Good
    } else {
        Mark::Bad
    };
    let present: Vec<&str> = ENCODERS
        .into_iter()
        .chain(MORE_ENCODERS)
        .filter(has)
        .collect();
    let missing = if lacking.is_empty() {
        String::new()
    } else {
        format!("; missing: {}", lacking.join(" "))
    };
    add("encoders", mark, format!("{}{missing}", present.join(" ")));
}

fn advise(error: &JobError) -> String {
    match &error.hint {
        Some(hint) => format!("{}: {hint}", error.message),
        None => error.message.clone(),
    }
}

fn report(findings: &[Finding], verdict: &'static str, output: Output) -> Result<(), Failure> {
    for finding in findings {
        let (sign, word) = match finding.mark {
            Mark::Good => ("ok  ", "ok"),
            Mark::Fair => ("fair", "fair"),
            Mark::Bad => ("BAD ", "bad"),
        };
        if output.json {
            output
                .json(&json!({"check": finding.name, "result": word, "detail": finding.words}))?;
        } else {
            output.data(format!("{sign}  {:12} {}", finding.name, finding.words));
        }
    }
    if findings.iter().any(|finding| finding.mark == Mark::Bad) {
        return Err(Failure::from(anyhow::anyhow!(verdict)));
    }
    Ok(())
}
