//! What the system tests share: the real `nommer` program, clips made by FFmpeg, and waiting for conditions with a limit.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest that any single condition is waited for. Generous: machines that run tests are slow at times.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// The `nommer` program.
pub(crate) fn nommer() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| bins().join("nommer"))
}

/// The folder of all programs, built once for a run of the tests.
pub(crate) fn bins() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .current_dir(repository())
            // With examples, so that dependencies have the features that tests need too: without, all would be built once more.
            .args(["build", "--quiet", "--workspace", "--bins", "--examples"])
            .status()
            .unwrap();
        assert!(built.success(), "the programs do not build");
        // The test program lies in `<target>/<profile>/deps`.
        let here = std::env::current_exe().unwrap();
        here.ancestors().nth(2).unwrap().to_owned()
    })
}

/// The checkout.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Waits until `look` finds what it looks for.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a program to its end; its stdout. Panics with its stderr if it fails.
pub(crate) fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A clip of moving bars with a tone, made by FFmpeg from its own sources.
pub(crate) fn make_clip(file: &Path, seconds: u32, size: &str) {
    let video = format!("testsrc2=size={size}:rate=25:duration={seconds}");
    let audio = format!("sine=frequency=440:duration={seconds}");
    output_of(
        Command::new("ffmpeg")
            .args([
                "-v", "error", "-y", "-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio,
            ])
            .args([
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-c:a",
                "aac",
                "-shortest",
            ])
            .arg(file),
    );
}

/// What `ffprobe` says about a file.
pub(crate) fn probe(file: &Path) -> Value {
    let text = output_of(
        Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-of",
                "json",
                "-show_format",
                "-show_streams",
            ])
            .arg(file),
    );
    serde_json::from_str(&text).unwrap()
}

/// The first stream of a kind in a probe.
pub(crate) fn stream<'a>(probe: &'a Value, kind: &str) -> &'a Value {
    let streams = probe["streams"].as_array().unwrap();
    streams
        .iter()
        .find(|stream| stream["codec_type"] == kind)
        .unwrap()
}

/// Whether every frame of a file decodes.
pub(crate) fn decodes(file: &Path) -> bool {
    let run = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i"])
        .arg(file)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    run.status.success() && run.stderr.is_empty()
}

/// Top-level boxes of an MP4, in order.
pub(crate) fn boxes(file: &Path) -> Vec<String> {
    let bytes = fs::read(file).unwrap();
    let (mut at, mut kinds) = (0_usize, Vec::new());
    while at + 8 <= bytes.len() {
        kinds.push(String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned());
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert!(size >= 8, "these clips have small boxes");
        at += size as usize;
    }
    kinds
}

/// `nommer dev` in a folder of its own, on a free port.
pub(crate) struct System {
    pub(crate) folder: TempDir,
    pub(crate) api: String,
    server: Mutex<Child>,
    flags: &'static [&'static str],
    variables: Vec<(String, String)>,
}

impl System {
    /// Starts it with short leases, so that recovery can be tested.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with these settings besides.
    pub(crate) fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_as(&[], variables)
    }

    /// Starts it with these flags of `nommer dev` and these settings besides.
    pub(crate) fn start_as(flags: &'static [&'static str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variables = with_defaults(variables);
        let (server, api) = serve(program(), folder.path(), flags, &variables);
        Self {
            folder,
            api,
            server: Mutex::new(server),
            flags,
            variables,
        }
    }

    /// Starts it in a folder that was prepared, with these settings besides.
    pub(crate) fn start_in(prepare: impl FnOnce(&Path), variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let variables = with_defaults(variables);
        let (server, api) = serve(program(), folder.path(), &[], &variables);
        Self {
            folder,
            api,
            server: Mutex::new(server),
            flags: &[],
            variables,
        }
    }

    /// Starts it with work folders on a disk of this many MiB, seen by it alone. Needs root.
    pub(crate) fn start_on_small_disk(mebibytes: u32, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variables = with_defaults(variables);
        let mount = format!(
            "mkdir -p data/work && mount -t tmpfs -o size={mebibytes}m none data/work && exec \"$0\" \"$@\""
        );
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "sh", "-c", &mount]).arg(nommer());
        let (server, api) = serve(unshare, folder.path(), &[], &variables);
        Self {
            folder,
            api,
            server: Mutex::new(server),
            flags: &[],
            variables,
        }
    }

    /// Kills the server as a power cut would, and starts another on the same data.
    pub(crate) fn restart(&mut self) {
        self.kill_server();
        let (server, api) = serve(program(), self.folder.path(), self.flags, &self.variables);
        self.server = Mutex::new(server);
        self.api = api;
    }

    pub(crate) fn kill_server(&self) {
        let mut server = self.server.lock().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// The server's process.
    pub(crate) fn server_id(&self) -> u32 {
        self.server.lock().unwrap().id()
    }

    /// An address of the API.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.api)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The `nommer` command, talking to this system.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(nommer());
        command
            .args(words)
            .current_dir(self.folder.path())
            .env("NOMMER_API", &self.api)
            .env("NOMMER_LOCAL__DATA_DIR", self.data());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// One HTTP request, by curl as in the documentation. Gives status and body.
    pub(crate) fn http(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut curl = Command::new("curl");
        curl.args([
            "-sS",
            "--noproxy",
            "*",
            "-X",
            method,
            "-w",
            "\n%{http_code}",
        ]);
        if let Some(body) = body {
            curl.args(["-d", &body.to_string()]);
        }
        let text = output_of(curl.arg(format!("{}{path}", self.api)));
        let (body, status) = text.rsplit_once('\n').unwrap();
        (
            status.parse().unwrap(),
            serde_json::from_str(body).unwrap_or(Value::Null),
        )
    }

    /// Submits to `/v1/jobs`; the job's id.
    pub(crate) fn submit(&self, body: &Value) -> String {
        let (status, job) = self.http("POST", "/v1/jobs", Some(body));
        assert_eq!(status, 201, "{job}");
        job["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn job(&self, id: &str) -> Value {
        let (status, job) = self.http("GET", &format!("/v1/jobs/{id}"), None);
        assert_eq!(status, 200, "{job}");
        job
    }

    /// Waits until the job has ended.
    pub(crate) fn ended(&self, id: &str) -> Value {
        eventually("the end of a job", || {
            let job = self.job(id);
            let ended = ["FINISHED", "ERROR", "ABANDONED", "CANCELED"]
                .iter()
                .any(|state| job["state"] == *state);
            ended.then_some(job)
        })
    }

    /// Waits until the job is finished.
    pub(crate) fn finished(&self, id: &str) -> Value {
        let job = self.ended(id);
        assert_eq!(job["state"], "FINISHED", "{job:#}");
        job
    }

    /// Waits until the job runs pass `pass` and has got somewhere in it.
    pub(crate) fn in_pass(&self, id: &str, pass: u64) -> Value {
        eventually("a pass", || {
            let job = self.job(id);
            assert!(
                job["finished_at"].is_null(),
                "the job ended too early: {job:#}"
            );
            (job["progress"]["pass"].as_u64() == Some(pass)).then_some(job)
        })
    }

    /// Process ids of this system's encoders.
    pub(crate) fn encoders(&self) -> Vec<u32> {
        processes_with(&self.data().display().to_string(), "encoder")
    }

    /// Nothing of any attempt is left behind.
    pub(crate) fn assert_clean(&self) {
        eventually("empty work folders", || {
            (files(&self.data().join("work")).is_empty()).then_some(())
        });
        let parts: Vec<_> = files(self.folder.path())
            .into_iter()
            .filter(|file| file.contains(".part"))
            .collect();
        assert!(parts.is_empty(), "left behind: {parts:?}");
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let mut server = self.server.lock().unwrap();
        if server.try_wait().unwrap().is_none() {
            // As Ctrl-C does, so that it ends its encoders.
            Command::new("kill")
                .args(["-TERM", &server.id().to_string()])
                .status()
                .unwrap();
            let begun = Instant::now();
            while server.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(20)
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            server.kill().ok();
            server.wait().unwrap();
        }
        for encoder in self.encoders() {
            Command::new("kill")
                .args(["-KILL", &encoder.to_string()])
                .status()
                .unwrap();
        }
    }
}

/// Settings that make tests short, and others over them.
fn with_defaults(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let defaults = [
        ("NOMMER_ENCODER__HEARTBEAT", "200ms"),
        ("NOMMER_ENCODER__LEASE", "2s"),
        ("NOMMER_FLEET__IDLE_TIMEOUT", "2s"),
        ("NOMMER_NETWORK__ALLOW_PRIVATE_NETWORK", "true"),
    ];
    let all = defaults.iter().chain(variables);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn program() -> Command {
    Command::new(nommer())
}

fn serve(
    mut program: Command,
    folder: &Path,
    flags: &[&str],
    variables: &[(String, String)],
) -> (Child, String) {
    let mut server = program
        .args(["dev", "--listen", "127.0.0.1:0", "--json"])
        .args(flags)
        .current_dir(folder)
        .env("NOMMER_LOCAL__DATA_DIR", folder.join("data"))
        .envs(variables.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(
            fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(folder.join("server.log"))
                .unwrap(),
        )
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let log = || fs::read_to_string(folder.join("server.log")).unwrap_or_default();
    let line: Value = serde_json::from_str(&first)
        .unwrap_or_else(|_| panic!("the server did not start: {}", log()));
    (server, line["api"].as_str().unwrap().to_owned())
}

/// Processes whose environment names `folder` and whose command line has `word`.
fn processes_with(folder: &str, word: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let matches = |pid: &u32| {
        let read = |what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        let words = read("cmdline");
        let has_word = words.split(|byte| *byte == 0).nth(1) == Some(word.as_bytes());
        has_word
            && read("environ")
                .windows(folder.len())
                .any(|window| window == folder.as_bytes())
    };
    pids.filter(matches).collect()
}

/// Every file under a folder.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                files(&path)
            } else {
                vec![path.display().to_string()]
            }
        })
        .collect()
}

/// A `file://` address.
pub(crate) fn file_url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// The two-pass job of the original's documentation.
pub(crate) fn documented_job(source: &Path, destination: &Path) -> Value {
    let video = [
        json!(["vcodec", "libx264"]),
        json!(["preset", "medium"]),
        json!(["vprofile", "baseline"]),
        json!(["b", "400k"]),
        json!(["vf", "yadif,scale='640:trunc(ow/a/2)*2'"]),
    ];
    let pass = |more: Vec<Value>| -> Vec<Value> { video.iter().cloned().chain(more).collect() };
    json!({
        "source_path": file_url(source),
        "dest_path": file_url(destination),
        "notify_url": null,
        "job_options": {
            "nommer": "media_nommer.ec2nommerd.nommers.ffmpeg.FFmpegNommer",
            "options": [
                {"outfile_options": pass(vec![json!(["pass", "1"]), json!(["f", "mp4"]), json!(["an", null])])},
                {
                    "outfile_options": pass(vec![
                        json!(["pass", "2"]), json!(["acodec", "libfaac"]), json!(["ab", "128k"]), json!(["ar", "48000"]),
                        json!(["async", "480"]), json!(["ac", "2"]), json!(["f", "mp4"]),
                    ]),
                    "move_atom_to_front": true,
                },
            ],
        },
    })
}

/// Processes of this name that work in this folder.
pub(crate) fn children_named(name: &str, folder: &Path) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let matches = |pid: &u32| {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        comm.trim() == name && cwd.starts_with(folder)
    };
    pids.filter(matches).collect()
}
