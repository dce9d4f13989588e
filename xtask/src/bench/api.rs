//! How fast the API of local mode is: submits, each on disk before its answer, and lists from a large table. Beside it a service with
//! `FastAPI` and `SQLite` that makes the same promise and writes the same rows, in two forms.
//!
//! No encoder runs. The clients run on the same machine, and cost little; what is compared is the CPU time of the servers.

mod client;
mod server;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{process, tools, workspace::Workspace};
use client::{Client, Load, load};
use server::Server;

/// Clients at once.
const CLIENTS: usize = 16;

/// Jobs that warm a server up, and jobs that are measured: of ours, of the other.
const WARM: usize = 500;
const OURS: usize = 20_000;
const THEIRS: usize = 5_000;

/// Each server is measured so often, in turn, each time anew.
const ROUNDS: usize = 5;

/// Lists that are measured.
const LISTS: usize = 400;

/// Jobs of the large table.
const MANY: usize = 1_000_000;

/// Measures all.
///
/// # Errors
/// A program does not build or start; a request fails.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let mut cargo = workspace.cargo(["build", "--release", "--package", "nommer"]);
    process::run(&mut cargo)?;
    let mut cargo = workspace.cargo(["build", "--release", "--package", "nommer-local"]);
    process::run(cargo.args(["--example", "fill"]))?;
    let python = tools::bench_python(workspace)?;
    let release = workspace.target().join("release");
    let bench = Bench {
        nommer: release.join("nommer"),
        fill: release.join("examples/fill"),
        python,
        service: workspace.file("xtask/src/bench/api/service.py"),
        folder: workspace.tools().join("bench-api"),
    };
    let text = bench.submits()? + &bench.lists()?;
    fs::remove_dir_all(&bench.folder)?;
    Ok(text)
}

struct Bench {
    nommer: PathBuf,
    fill: PathBuf,
    python: PathBuf,
    service: PathBuf,
    folder: PathBuf,
}

/// What one server did in one round, or the median of all.
#[derive(Clone, Copy)]
struct Figures {
    rate: f64,
    cpu: Duration,
    p50: Duration,
    p95: Duration,
    list_cpu: Duration,
}

impl Bench {
    /// An empty folder.
    fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    fn submits(&self) -> Result<String> {
        let (mut ours, mut threads, mut event_loop) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let server = Server::nommer(&self.nommer, &self.fresh("nommer")?)?;
            ours.push(measure(&server, OURS)?);
            drop(server);
            for (rounds, on_the_event_loop) in [(&mut threads, false), (&mut event_loop, true)] {
                let folder = self.fresh("rival")?;
                let server =
                    Server::rival(&self.python, &self.service, &folder, on_the_event_loop)?;
                rounds.push(measure(&server, THEIRS)?);
            }
        }
        let ours = median(&ours);
        let rivals = [
            ("FastAPI + SQLite", median(&threads)),
            ("… on the event loop", median(&event_loop)),
        ];
        let rivals = rivals.map(|(label, rival)| line(label, &rival) + &ratio(&ours, &rival));
        Ok(format!(
            "| `POST /v1/jobs`, {CLIENTS} clients | jobs a second | p50 | p95 | CPU for a job | jobs per CPU-second | CPU for a list of 50 |\n\
             |---|--:|--:|--:|--:|--:|--:|\n{}{}",
            line("nommer dev", &ours),
            rivals.concat(),
        ))
    }

    fn lists(&self) -> Result<String> {
        let folder = self.fresh("many")?;
        let data = folder.join("data");
        process::run(Command::new(&self.fill).arg(&data).arg(MANY.to_string()))?;
        let server = Server::nommer(&self.nommer, &folder)?;
        let mut text =
            format!("\n| list of 50 from {MANY} jobs | p50 | p95 | CPU |\n|---|--:|--:|--:|\n");
        // The jobs' ids begin with their times, of which there is one for each millisecond of these.
        let pages = [
            ("first page", "limit=50"),
            ("middle", "limit=50&created_before=2026-01-01T00:08:20Z"),
            (
                "last page",
                "limit=50&created_before=2026-01-01T00:00:00.050Z",
            ),
            ("`state=ERROR`, first page", "limit=50&state=ERROR"),
            (
                "`state=ERROR`, last page",
                "limit=50&state=ERROR&created_before=2026-01-01T00:00:02.500Z",
            ),
            ("`external_id`", "limit=50&external_id=order-5000"),
        ];
        for (label, query) in pages {
            let (load, cpu) = list(&server, query)?;
            let cells = [load.at(50), load.at(95), cpu].map(millis);
            writeln!(text, "| {label} | {} |", cells.join(" | "))?;
        }
        Ok(text)
    }
}

/// A row of the first table.
fn line(label: &str, figures: &Figures) -> String {
    let Figures {
        rate,
        cpu,
        p50,
        p95,
        list_cpu,
    } = figures;
    format!(
        "| {label} | {rate:.0} | {} | {} | {} | {:.0} | {} |\n",
        millis(*p50),
        millis(*p95),
        millis(*cpu),
        1.0 / cpu.as_secs_f64(),
        millis(*list_cpu),
    )
}

/// A row that says how much more ours does.
fn ratio(ours: &Figures, rival: &Figures) -> String {
    let cpu = |ours: Duration, rival: Duration| rival.as_secs_f64() / ours.as_secs_f64();
    format!(
        "| … nommer to it | {:.1} | | | | {:.1} | {:.1} |\n",
        ours.rate / rival.rate,
        cpu(ours.cpu, rival.cpu),
        cpu(ours.list_cpu, rival.list_cpu),
    )
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}

/// Submits so many jobs, then lists some of them.
fn measure(server: &Server, jobs: usize) -> Result<Figures> {
    let submit = |client: &mut Client, number: usize| {
        let body = job(&server.media, number);
        let key = format!("order-{number}");
        client.post("/v1/jobs", &key, &body).map(drop)
    };
    load(&server.host, CLIENTS, WARM, |client, number| {
        submit(client, jobs + number)
    })?;
    let before = server.cpu()?;
    let submitted = load(&server.host, CLIENTS, jobs, submit)?;
    let cpu = server.cpu()?.saturating_sub(before);
    let (_, list_cpu) = list(server, "limit=50")?;
    Ok(Figures {
        rate: submitted.rate(),
        cpu: cpu / u32::try_from(jobs)?,
        p50: submitted.at(50),
        p95: submitted.at(95),
        list_cpu,
    })
}

/// Asks for one page again and again, by one client; what one list cost.
fn list(server: &Server, query: &str) -> Result<(Load, Duration)> {
    let path = format!("/v1/jobs?{query}");
    let ask = |client: &mut Client, _: usize| {
        let answer = client.get(&path)?;
        let page: Value = serde_json::from_str(&answer)?;
        let jobs = page["data"].as_array().map_or(0, Vec::len);
        ensure!(jobs == 50, "{path} shows {jobs} jobs");
        Ok(())
    };
    load(&server.host, 1, LISTS / 10, ask)?;
    let before = server.cpu()?;
    let lists = load(&server.host, 1, LISTS, ask)?;
    let cpu = server.cpu()?.saturating_sub(before);
    Ok((lists, cpu / u32::try_from(LISTS)?))
}

/// A request as programs make them.
fn job(media: &Path, number: usize) -> String {
    let media = media.display();
    format!(
        r#"{{"source_path":"file://{media}/in/talk-{number}.mov","dest_path":"file://{media}/out/talk-{number}.mp4","preset":"web-mp4-720p","external_id":"order-{number}","metadata":{{"customer":"c-{}","title":"A talk that was given on a Tuesday"}},"max_attempts":2}}"#,
        number % 97
    )
}

/// The median of each quantity on its own.
fn median(rounds: &[Figures]) -> Figures {
    fn of<T: Copy + PartialOrd>(rounds: &[Figures], quantity: fn(&Figures) -> T) -> Option<T> {
        let mut values: Vec<T> = rounds.iter().map(quantity).collect();
        values.sort_by(|one, other| one.partial_cmp(other).expect("no figure is unordered"));
        values.get(values.len() / 2).copied()
    }
    Figures {
        rate: of(rounds, |one| one.rate).unwrap_or_default(),
        cpu: of(rounds, |one| one.cpu).unwrap_or_default(),
        p50: of(rounds, |one| one.p50).unwrap_or_default(),
        p95: of(rounds, |one| one.p95).unwrap_or_default(),
        list_cpu: of(rounds, |one| one.list_cpu).unwrap_or_default(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "some millions")]
fn float(count: usize) -> f64 {
    count as f64
}
