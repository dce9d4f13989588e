//! The two services that are compared, each in a folder of its own on a free port.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::client::Client;
use crate::bench::measure::own_cpu;

/// Longest wait for a service to come up: a large table is checked first.
const PATIENCE: Duration = Duration::from_secs(120);

/// A service that runs until it is stopped or dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// `host:port`.
    pub(super) host: String,
    /// The media folder, which jobs may name.
    pub(super) media: PathBuf,
}

impl Server {
    /// `nommer dev`, which launches no encoder.
    pub(super) fn nommer(program: &Path, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let data = folder.join("data");
        let mut child = Command::new(program)
            .args(["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .env("NOMMER_FLEET__ENABLED", "false")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("log"))?)
            .spawn()
            .context("start nommer")?;
        let mut first = String::new();
        let stdout = child.stdout.take().context("nommer prints its address")?;
        BufReader::new(stdout).read_line(&mut first)?;
        let host = first
            .split('"')
            .find_map(|part| part.strip_prefix("http://"));
        let host = host.context("nommer prints its address")?.to_owned();
        let media = fs::canonicalize(&data)?.join("media");
        Ok(Self { child, host, media })
    }

    /// The other service, under uvicorn; its functions on threads of theirs, or on the event loop.
    pub(super) fn rival(
        python: &Path,
        script: &Path,
        folder: &Path,
        on_the_event_loop: bool,
    ) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut uvicorn = Command::new(python);
        if on_the_event_loop {
            uvicorn.env("ON_THE_EVENT_LOOP", "1");
        }
        let child = uvicorn
            .args(["-m", "uvicorn", "--no-access-log", "--port"])
            .arg(port.to_string())
            .arg("--app-dir")
            .arg(script.parent().context("the script lies in a folder")?)
            .arg("service:app")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("DATABASE", folder.join("jobs.db"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("log"))?)
            .spawn()
            .context("start uvicorn")?;
        let server = Self {
            child,
            host: format!("127.0.0.1:{port}"),
            media: folder.join("media"),
        };
        let begun = Instant::now();
        while Client::connect(&server.host).is_err() {
            ensure!(begun.elapsed() < PATIENCE, "uvicorn does not come up");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// CPU time so far, user and system, of all threads that there are and were.
    pub(super) fn cpu(&self) -> Result<Duration> {
        own_cpu(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is of no interest any more; what it wrote is removed with its folder.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
