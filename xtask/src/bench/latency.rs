//! How long a job waits when an encoder is there: from the moment it is recorded to its claim, and to the start of its first pass.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nommer_core::{api::JobView, job::StateName, lease::elapsed};

use super::lavfi;
use crate::{process, workspace::Workspace};

/// Jobs that are measured, after one that warms the encoder up.
const JOBS: usize = 40;

/// Measures a system of its own on a free port.
///
/// # Errors
/// The program does not build or start; a job fails.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    process::run(&mut workspace.cargo(["build", "--release", "--package", "nommer"]))?;
    let nommer = workspace.target().join("release/nommer");
    let folder = workspace.tools().join("bench-latency");
    fs::create_dir_all(&folder)?;
    let mut ffmpeg = lavfi(&["testsrc2=size=320x180:rate=25:duration=1"]);
    ffmpeg.args(["-c:v", "libx264"]);
    process::run(ffmpeg.arg(folder.join("in.mp4")))?;

    let mut server = Command::new(&nommer)
        .args([
            "dev",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            "data",
        ])
        .env("NOMMER_FLEET__IDLE_TIMEOUT", "60s")
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(folder.join("log"))?)
        .spawn()
        .context("start the system")?;
    let measured = measure(&nommer, &folder, &mut server);
    process::run(Command::new("kill").args(["-TERM", &server.id().to_string()]))?;
    server.wait()?;
    let (claimed, encoding) = measured?;
    let probe = probe_alone(&folder)?;
    fs::remove_dir_all(&folder)?;
    Ok(format!(
        "| from submit to | p50 | p95 |\n|---|--:|--:|\n{}{}{}",
        line("claimed by the encoder", claimed),
        line(
            "first pass of FFmpeg (source fetched, sniffed, probed, planned)",
            encoding
        ),
        line("of that, `ffprobe` alone, measured apart", probe),
    ))
}

fn line(label: &str, mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| {
        times
            .get((times.len() * percent).div_ceil(100).saturating_sub(1))
            .copied()
            .unwrap_or_default()
    };
    format!(
        "| {label} | {} ms | {} ms |\n",
        at(50).as_millis(),
        at(95).as_millis()
    )
}

/// What starting ffprobe and reading the source with it takes on this machine.
fn probe_alone(folder: &Path) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..JOBS {
        let begun = Instant::now();
        process::read(
            Command::new("ffprobe")
                .args(["-v", "error", "-show_streams", "in.mp4"])
                .current_dir(folder),
        )?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// Times from the submit to the claim, and to the first pass.
fn measure(
    nommer: &Path,
    folder: &Path,
    server: &mut std::process::Child,
) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let mut first = String::new();
    BufReader::new(
        server
            .stdout
            .take()
            .context("the system prints its address")?,
    )
    .read_line(&mut first)?;
    let api = first
        .split('"')
        .find(|part| part.starts_with("http://"))
        .context("the system prints its address")?;
    let (mut claimed, mut encoding) = (Vec::new(), Vec::new());
    for number in 0..=JOBS {
        let mut submit = Command::new(nommer);
        submit.args([
            "--json", "--quiet", "--api", api, "submit", "in.mp4", "out.mp4", "--preset", "copy",
            "--wait",
        ]);
        let job: JobView = serde_json::from_str(&process::read(submit.current_dir(folder))?)?;
        let since_submit = |state| {
            let event = job.events.iter().find(|event| event.state == state);
            event
                .map(|event| elapsed(event.at, job.created_at))
                .with_context(|| format!("the job was never {state}"))
        };
        if number > 0 {
            claimed.push(since_submit(StateName::Downloading)?);
            encoding.push(since_submit(StateName::Encoding)?);
        }
    }
    Ok((claimed, encoding))
}
