//! The metadata service of an instance and a bucket with one package, both strict about what they are sent.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use sha2::{Digest as _, Sha256};

use crate::{
    harness::output_of,
    signature::{self, Scope, Sent},
};

/// The role's credentials, with the characters that real ones have.
const KEY_ID: &str = "ASIAIOSFODNN7EXAMPLE";
pub(super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(super) const TOKEN: &str = "IQoJb3JpZ2luX2VjEOr//wEaCXVzLWVhc3QtMSJHMEUCIQ+Dcanary==";
/// What the metadata service wants to see before it says anything.
const SESSION: &str = "AQAEAExampleSession==";

/// A tarball as `cargo xtask dist` makes it.
#[derive(Debug)]
pub(super) struct Package {
    bytes: Vec<u8>,
    pub(super) sha256: String,
}

impl Package {
    /// The unit, and a script in place of the encoder.
    pub(super) fn of(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("nommer-encoder");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let unit = include_str!("../../../infra/nommer-encoder.service");
        fs::write(folder.path().join("nommer-encoder.service"), unit).unwrap();
        let archive = folder.path().join("package");
        output_of(
            Command::new("tar")
                .args(["--create", "--gzip", "--file"])
                .arg(&archive)
                .arg("--directory")
                .arg(folder.path())
                .args(["nommer-encoder", "nommer-encoder.service"]),
        );
        Self::from_bytes(fs::read(archive).unwrap())
    }

    /// Bytes that are no tarball.
    pub(super) fn garbage() -> Self {
        Self::from_bytes(b"<html>not a tarball</html>".to_vec())
    }

    fn from_bytes(bytes: Vec<u8>) -> Self {
        let sha256 = signature::hex(&Sha256::digest(&bytes));
        Self { bytes, sha256 }
    }
}

/// Serves until the test process ends.
#[derive(Debug)]
pub(super) struct Aws {
    url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    package: Vec<u8>,
    has_role: bool,
    /// Statuses that come before the package.
    answers: VecDeque<u16>,
    downloads: usize,
    processes: Vec<String>,
}

impl Aws {
    pub(super) fn start(package: &Package) -> Self {
        Self::serve(package, true)
    }

    /// The metadata service of an instance without a role.
    pub(super) fn without_role(package: &Package) -> Self {
        Self::serve(package, false)
    }

    fn serve(package: &Package, has_role: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            package: package.bytes.clone(),
            has_role,
            answers: VecDeque::new(),
            downloads: 0,
            processes: Vec::new(),
        }));
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &served);
            }
        });
        Self { url, state }
    }

    /// Where both answer.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Lets the bucket fail with these statuses, one for each request, before it serves again.
    pub(super) fn answer_bucket_with(&self, statuses: &[u16]) {
        self.state.lock().unwrap().answers = statuses.iter().copied().collect();
    }

    /// How often the package was asked for.
    pub(super) fn downloads(&self) -> usize {
        self.state.lock().unwrap().downloads
    }

    /// The command lines of all processes of this machine while the package was asked for.
    pub(super) fn processes(&self) -> Vec<String> {
        self.state.lock().unwrap().processes.clone()
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = reader.lines().map_while(Result::ok);
    let line = lines.next().unwrap_or_default();
    let headers: BTreeMap<_, _> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let mut words = line.split(' ');
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut state = state.lock().unwrap();
    let (status, body) = match path.strip_prefix("/latest/") {
        Some(path) => metadata(&state, method, path, &headers),
        None => bucket(&mut state, path, &headers),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    // A client that went away needs no answer.
    stream.write_all(&[head.as_bytes(), &body].concat()).ok();
}

/// Version 2 of the metadata service.
fn metadata(
    state: &State,
    method: &str,
    path: &str,
    headers: &BTreeMap<String, String>,
) -> (u16, Vec<u8>) {
    let header = |name: &str| headers.get(name).map(String::as_str);
    let text = match (method, path) {
        ("PUT", "api/token") if header("x-aws-ec2-metadata-token-ttl-seconds").is_some() => {
            SESSION.to_owned()
        }
        _ if header("x-aws-ec2-metadata-token") != Some(SESSION) => return (401, Vec::new()),
        ("GET", "meta-data/iam/security-credentials/") if state.has_role => "media-role".to_owned(),
        ("GET", "meta-data/iam/security-credentials/media-role") => format!(
            "{{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"2026-01-01T00:00:00Z\",\n  \"Type\" : \"AWS-HMAC\",\n  \
             \"AccessKeyId\" : \"{KEY_ID}\",\n  \"SecretAccessKey\" : \"{SECRET}\",\n  \"Token\" : \"{TOKEN}\",\n  \
             \"Expiration\" : \"2026-01-01T06:00:00Z\"\n}}"
        ),
        _ => return (404, Vec::new()),
    };
    (200, text.into_bytes())
}

fn bucket(state: &mut State, path: &str, headers: &BTreeMap<String, String>) -> (u16, Vec<u8>) {
    state.downloads += 1;
    state.processes.extend(command_lines());
    let sent = Sent {
        method: "GET",
        path,
        query: "",
        headers,
        body: b"",
    };
    let right = Scope {
        key_id: KEY_ID,
        secret: SECRET,
        region: "eu-central-1",
        service: "s3",
    };
    if !headers.contains_key("x-amz-content-sha256") {
        return (403, b"S3 asks for the body's checksum".to_vec());
    }
    if let Err(why) = signature::check(&sent, &right) {
        return (403, why.into_bytes());
    }
    if headers.get("x-amz-security-token").map(String::as_str) != Some(TOKEN) {
        return (403, b"not the role's token".to_vec());
    }
    match state.answers.pop_front() {
        Some(status) => (status, Vec::new()),
        None if path == "/encoder/package.tar.gz" => (200, state.package.clone()),
        None => (404, Vec::new()),
    }
}

/// What a list of processes shows right now.
fn command_lines() -> Vec<String> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| !line.is_empty())
        .collect()
}
