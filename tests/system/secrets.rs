//! Secrets planted in addresses are looked for wherever they could come to light: processes, answers, notifications, files.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;

use crate::harness::{System, eventually, file_url, files, make_clip};

/// Stands in every secret of the test below.
const MARK: &str = "cAnArYsEcReT0123456789";

#[test]
fn no_process_of_ours_leaves_an_image_of_its_memory() {
    let system = System::start();
    make_clip(&system.path("in.mp4"), 20, "640x360");
    let id = system.submit(&json!({
        "source_path": file_url(&system.path("in.mp4")), "dest_path": file_url(&system.path("out.mp4")),
        "job_options": {"options": [{"outfile_options": [["c:v", "libx264"], ["preset", "veryslow"]]}]},
    }));
    system.in_pass(&id, 1);
    let mut ours = system.encoders();
    ours.push(system.server_id());
    for pid in ours {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let dumps = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = dumps.unwrap().split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{pid}: {words:?}");
    }
}

#[test]
fn secrets_of_addresses_are_nowhere_in_the_clear() {
    let system = System::start();
    make_clip(&system.path("in.mp4"), 3, "320x180");
    let clip = fs::read(system.path("in.mp4")).unwrap();
    let server = Receiver::serving(clip);
    let secret = format!("{MARK}/abcdefghij+klmnop");
    let body = json!({
        "source_path": format!("{}/in.mp4?signature={secret}", server.url()),
        "dest_path": file_url(&system.path("out.mp4")),
        "job_options": {"nommer": "ffmpeg", "options": [{"outfile_options": [["vcodec", "libx264"], ["preset", "veryslow"]]}]},
        "notify_url": format!("{}/hook?token={secret}", server.url()),
    });
    let id = system.submit(&body);
    let mut looked = 0;
    let job = eventually("the end of the job", || {
        let (processes, job) = (processes_under(system.folder.path()), system.job(&id));
        for (pid, file, bytes) in processes {
            looked += 1;
            assert!(
                !holds(&bytes),
                "the secret stands in {file} of process {pid}"
            );
        }
        assert!(!job.to_string().contains(MARK), "{job}");
        (!job["finished_at"].is_null()).then_some(job)
    });
    assert_eq!(
        job["state"], "FINISHED",
        "the source was read with its secret: {job:#}"
    );
    assert!(looked > 10, "only {looked} files of processes were read");
    let told = eventually("the last notification", || {
        let told = server.requests();
        told.iter()
            .any(|request| request.contains("FINISHED"))
            .then_some(told)
    });
    for request in told {
        let (line, rest) = request.split_once("\r\n").unwrap();
        assert!(line.contains(MARK), "the receiver's own address: {line}");
        assert!(
            !holds(rest.as_bytes()),
            "the secret stands in a request: {rest}"
        );
    }
    for (status, answer) in [
        system.http("GET", "/v1/jobs", None),
        system.http("GET", &format!("/v1/webhook-deliveries?job_id={id}"), None),
    ] {
        assert!(
            status == 200 && !answer.to_string().contains(MARK),
            "{answer}"
        );
    }
    nothing_on_disk(&system);
}

#[test]
fn credentials_of_s3_are_nowhere_in_the_clear() {
    let system = System::start();
    let body = json!({
        "source_path": format!("s3://AKIAIOSFODNN7EXAMPLE:{MARK}/abcdefghij+klmnop@in-bucket/a.mov"),
        "dest_path": file_url(&system.path("out.mp4")),
        "preset": "copy",
    });
    let job = system.ended(&system.submit(&body));
    assert_eq!(job["state"], "ERROR", "no S3 in local mode yet");
    assert!(!job.to_string().contains(MARK));
    for bad in ["nope/in.mp4", "in-bucket"] {
        let body = json!({"source_path": format!("s3://AKIA:{MARK}@{bad}"), "dest_path": "x", "preset": "copy"});
        let (_, answer) = system.http("POST", "/v1/jobs", Some(&body));
        assert!(!answer.to_string().contains(MARK), "{answer}");
    }
    nothing_on_disk(&system);
}

fn holds(bytes: &[u8]) -> bool {
    bytes
        .windows(MARK.len())
        .any(|window| window == MARK.as_bytes())
}

/// The database, its queue, the logs and whatever else the system has written.
fn nothing_on_disk(system: &System) {
    for file in files(system.folder.path()) {
        assert!(
            !holds(&fs::read(&file).unwrap_or_default()),
            "the secret stands in {file}"
        );
    }
}

/// Arguments and environment of every process that works below this folder: server, encoders, sandbox helpers, FFmpeg.
fn processes_under(folder: &Path) -> Vec<(u32, &'static str, Vec<u8>)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let ours = |pid: &u32| {
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        cwd.starts_with(folder)
    };
    let read = |pid: u32| {
        let file = move |name| {
            (
                pid,
                name,
                fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default(),
            )
        };
        ["cmdline", "environ"].map(file)
    };
    pids.filter(ours).flat_map(read).collect()
}

/// A server of one film, which also takes notifications and keeps them.
struct Receiver {
    address: String,
    told: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn serving(film: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&told);
        // It ends with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                if let Some(request) = answer(stream, &film) {
                    keep.lock().unwrap().push(request);
                }
            }
        });
        Self { address, told }
    }

    fn url(&self) -> &str {
        &self.address
    }

    fn requests(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

/// Answers one request; gives it if it is a notification.
fn answer(mut stream: TcpStream, film: &[u8]) -> Option<String> {
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut bytes = Vec::new();
    let mut chunk = [0; 4_096];
    while !complete(&bytes) {
        match stream.read(&mut chunk) {
            Ok(read @ 1..) => bytes.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
    let request = String::from_utf8_lossy(&bytes).into_owned();
    let asked_for_film = request.starts_with("GET /in.mp4");
    let body = if asked_for_film { film } else { &[] };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // Whoever asks only whether the film is there hangs up before its end.
    stream.write_all(&[head.as_bytes(), body].concat()).ok();
    (!asked_for_film).then_some(request)
}

/// Whether head and body of a request have come.
fn complete(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
