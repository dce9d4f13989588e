//! What submit costs as a Lambda: its zip, its cold start beside that of a Lambda that does nothing, the CPU of one request to a warm one.
//!
//! Lambda's runtime interface and the services are played by this process, so what AWS itself adds is not in it.

mod runtime;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{process, workspace::Workspace};
use runtime::Runtime;

/// Cold starts of each program, in turn.
const STARTS: usize = 40;

/// Requests to a warm submit that are measured, after as many that warm it up.
const REQUESTS: u32 = 2_000;

/// Builds and measures.
///
/// # Errors
/// A program does not build, or does not ask for work.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let mut cargo = workspace.cargo(["build", "--locked", "--profile", "lambda"]);
    cargo.args(["--package", "nommer-submit", "--bins", "--examples"]);
    process::run(&mut cargo)?;
    let folder = workspace.target().join("lambda");
    let (empty, submit) = (folder.join("examples/empty_lambda"), folder.join("submit"));
    let runtime = Runtime::start(&workspace.file("functions/submit/events/http-signed.json"))?;
    let (mut empty_starts, mut submit_starts, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=STARTS {
        for (program, starts) in [(&empty, &mut empty_starts), (&submit, &mut submit_starts)] {
            let took = cold_start(program, &runtime, 0)?;
            // The first round fills the page cache.
            if round > 0 {
                starts.push(took);
            }
        }
        answers.push(cold_start(&submit, &runtime, 1)?);
    }
    let (empty_start, submit_start) = (median(empty_starts), median(submit_starts));
    let cpu = warm_cpu(&submit, &runtime)?;
    let zip = zip_bytes(&submit)?;
    let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
    Ok(format!(
        "| | |\n|---|--:|\n\
         | cold start to the first poll of the runtime API, a Lambda that does nothing | {:.1} ms |\n\
         | the same of submit | {:.1} ms |\n\
         | … as a ratio | {:.2} |\n\
         | cold start of submit to the answer to its first request, and the next poll | {:.1} ms |\n\
         | CPU of one `POST /v1/jobs` to a warm submit, all calls of services with it | {:.2} ms |\n\
         | zip of submit | {:.2} MB |\n",
        millis(empty_start),
        millis(submit_start),
        submit_start.as_secs_f64() / empty_start.as_secs_f64(),
        millis(median(answers)),
        millis(cpu),
        zip,
    ))
}

/// A program as Lambda starts it.
fn start(program: &Path, runtime: &Runtime) -> Result<Child> {
    let services = format!("http://{}", runtime.address());
    Command::new(program)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", runtime.address())
        .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "bench")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .env("AWS_ENDPOINT_URL", &services)
        .env("NOMMER_STACK", "bench")
        .env("NOMMER_TABLE", "bench")
        .env("NOMMER_JOB_QUEUE_URL", format!("{services}/jobs"))
        .env("NOMMER_BULK_QUEUE_URL", format!("{services}/bulk"))
        .env("NOMMER_STATE_QUEUE_URL", format!("{services}/states"))
        .env("NOMMER_KEY_ID", "bench")
        .env("NOMMER_EVENT_BUS", "bench")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("start {}", program.display()))
}

/// From the start of the program to its first question for work, or to the one after so many requests.
fn cold_start(program: &Path, runtime: &Runtime, requests: u32) -> Result<Duration> {
    runtime.hold(requests);
    let begun = Instant::now();
    let mut child = start(program, runtime)?;
    let asked = runtime.wait_for_poll();
    child.kill()?;
    child.wait()?;
    Ok(asked?.duration_since(begun))
}

/// CPU time of one request, user and system, of all threads.
fn warm_cpu(program: &Path, runtime: &Runtime) -> Result<Duration> {
    runtime.hold(0);
    let mut child = start(program, runtime)?;
    let measured = (|| {
        runtime.wait_for_poll()?;
        runtime.give(REQUESTS)?;
        let before = cpu(child.id())?;
        runtime.give(REQUESTS)?;
        Ok((cpu(child.id())?.saturating_sub(before)) / REQUESTS)
    })();
    child.kill()?;
    child.wait()?;
    measured
}

/// CPU time of the threads of a process so far: the first field of their `schedstat`, in nanoseconds.
fn cpu(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = text.split_whitespace().next();
        nanos += first.context("a thread has no times")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Size of the zip of one program, in MB.
fn zip_bytes(program: &Path) -> Result<f64> {
    let file: PathBuf = program.with_extension("zip");
    crate::dist::zip(program, &file, false)?;
    let bytes = fs::metadata(&file)?.len();
    ensure!(bytes > 0, "the zip is empty");
    #[expect(clippy::cast_precision_loss, reason = "some millions")]
    let bytes = bytes as f64;
    Ok(bytes / 1_000_000.0)
}
