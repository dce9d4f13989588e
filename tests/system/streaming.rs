//! Sources that are encoded while they arrive: the same output, sooner, and without a copy on the disk.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{System, boxes, decodes, eventually, file_url, output_of};

/// Ten seconds of noise with a tone, some 15 MB, with the index at the end.
fn make_source(file: &Path, more: &str) {
    let words = "-v error -y -f lavfi -i testsrc2=size=640x360:rate=25:duration=10 -f lavfi -i sine=duration=10 -vf noise=alls=60:allf=t \
        -c:v libx264 -preset ultrafast -g 25 -b:v 12M -c:a aac";
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(words.split_whitespace());
    output_of(ffmpeg.args(more.split_whitespace()).arg(file));
    assert!(fs::metadata(file).unwrap().len() > 9 << 20);
}

/// What the streams of a file hold, whatever is around them.
fn content(file: &Path) -> String {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(file);
    output_of(ffmpeg.args(["-c", "copy", "-f", "streamhash", "-hash", "md5", "-"]))
}

/// A job that copies the streams.
fn copy(source: &str, dest: &Path) -> Value {
    json!({"source_path": source, "dest_path": file_url(dest), "max_attempts": 1,
        "job_options": {"nommer": "ffmpeg", "options": [{"outfile_options": [["c", "copy"], ["f", "mp4"]]}]}})
}

/// How a server behaves.
#[derive(Default)]
struct Manners {
    /// Does not serve ranges.
    whole_only: bool,
    /// How many bytes of the whole it sends before it waits for `go`.
    first: u64,
    /// Closes every connection after so many bytes.
    breaks_after: Option<u64>,
}

struct Server {
    address: String,
    go: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    etag: Arc<Mutex<String>>,
}

impl Server {
    fn start(media: Vec<u8>, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/in.mp4", listener.local_addr().unwrap());
        let server = Self {
            address,
            go: Arc::default(),
            sent: Arc::default(),
            etag: Arc::new(Mutex::new("\"1\"".to_owned())),
        };
        let (go, sent, etag) = (
            Arc::clone(&server.go),
            Arc::clone(&server.sent),
            Arc::clone(&server.etag),
        );
        let (media, manners) = (Arc::new(media), Arc::new(manners));
        // It ends with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let (go, sent) = (Arc::clone(&go), Arc::clone(&sent));
                let (media, manners) = (Arc::clone(&media), Arc::clone(&manners));
                let etag = etag.lock().unwrap().clone();
                // Whoever reads no more has what it wants.
                std::thread::spawn(move || {
                    answer(stream, &media, &manners, &etag, (&go, &sent)).ok()
                });
            }
        });
        server
    }
}

/// The range that a request asks for, up to but without its end.
fn asked(stream: &TcpStream, size: u64) -> std::io::Result<Option<(u64, u64)>> {
    let mut range = None;
    for line in BufReader::new(stream).lines() {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some((from, last)) = line
            .strip_prefix("range: bytes=")
            .and_then(|text| text.split_once('-'))
        {
            let last = last.parse().unwrap_or(u64::MAX).min(size - 1);
            range = Some((from.parse().unwrap(), last + 1));
        }
    }
    Ok(range)
}

fn answer(
    mut stream: TcpStream,
    media: &[u8],
    manners: &Manners,
    etag: &str,
    (go, sent): (&AtomicBool, &AtomicU64),
) -> std::io::Result<()> {
    let size = media.len() as u64;
    let range = asked(&stream, size)?.filter(|_| !manners.whole_only);
    let (from, to) = range.unwrap_or((0, size));
    let status = match range {
        Some(_) => format!(
            "206 Partial Content\r\nContent-Range: bytes {from}-{}/{size}",
            to - 1
        ),
        None => "200 OK".to_owned(),
    };
    let length = to - from;
    let head = format!(
        "HTTP/1.1 {status}\r\nETag: {etag}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let (mut at, mut here) = (from, 0);
    while at < to {
        while range.is_none() && at >= manners.first && !go.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
        if manners.breaks_after.is_some_and(|most| here >= most) {
            return Ok(());
        }
        let next = to.min(at + 65_536);
        stream.write_all(&media[usize::try_from(at).unwrap()..usize::try_from(next).unwrap()])?;
        sent.fetch_add(next - at, Ordering::SeqCst);
        here += next - at;
        at = next;
    }
    Ok(())
}

#[test]
fn a_source_of_this_machine_is_read_in_order_wherever_its_index_is() {
    let system = System::start();
    for (name, more) in [("late.mp4", ""), ("first.mp4", "-movflags +faststart")] {
        let (source, out) = (system.path(name), system.path(&format!("out-{name}")));
        make_source(&source, more);
        system.finished(&system.submit(&copy(&file_url(&source), &out)));
        assert!(content(&out) == content(&source), "{name}");
    }
    assert_eq!(boxes(&system.path("late.mp4")).last().unwrap(), "moov");
    system.assert_clean();
}

#[test]
fn encoding_begins_before_the_source_is_there() {
    let system = System::start();
    let (source, out) = (system.path("in.mp4"), system.path("out.mp4"));
    make_source(&source, "");
    let media = fs::read(&source).unwrap();
    let half = media.len() as u64 / 2;
    let server = Server::start(
        media,
        Manners {
            first: half,
            ..Manners::default()
        },
    );
    let job = json!({"source_path": server.address, "dest_path": file_url(&out), "max_attempts": 1,
        "outputs": [{"video": {"height": 180, "speed": "ultrafast"}}]});
    let id = system.submit(&job);
    // The server sends no more than half before FFmpeg runs.
    eventually("FFmpeg to run on what is there", || {
        let job = system.job(&id);
        assert_ne!(job["state"], "ERROR", "{job:#}");
        (job["state"] == "ENCODING").then_some(())
    });
    server.go.store(true, Ordering::SeqCst);
    let job = system.finished(&id);
    assert!(
        (9.9..10.1).contains(&job["outputs"][0]["duration"].as_f64().unwrap()),
        "{job:#}"
    );
    assert!(decodes(&out));
    system.assert_clean();
}

#[test]
fn connections_that_break_cost_nothing_of_the_source() {
    let system = System::start();
    let source = system.path("in.mp4");
    make_source(&source, "");
    for (name, manners) in [
        (
            "broken.mp4",
            Manners {
                first: u64::MAX,
                breaks_after: Some(5 << 20),
                ..Manners::default()
            },
        ),
        (
            "whole.mp4",
            Manners {
                first: u64::MAX,
                whole_only: true,
                ..Manners::default()
            },
        ),
    ] {
        let server = Server::start(fs::read(&source).unwrap(), manners);
        let out = system.path(name);
        system.finished(&system.submit(&copy(&server.address, &out)));
        assert!(content(&out) == content(&source), "{name}");
        assert!(server.sent.load(Ordering::SeqCst) > 0);
    }
}

#[test]
fn a_source_that_changes_on_the_way_is_no_output() {
    let system = System::start();
    let (source, out) = (system.path("in.mp4"), system.path("out.mp4"));
    make_source(&source, "");
    let manners = Manners {
        first: u64::MAX,
        breaks_after: Some(2 << 20),
        ..Manners::default()
    };
    let server = Server::start(fs::read(&source).unwrap(), manners);
    // Every connection meets another version.
    let etag = Arc::clone(&server.etag);
    std::thread::spawn(move || {
        for version in 2.. {
            *etag.lock().unwrap() = format!("\"{version}\"");
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let job = system.ended(&system.submit(&copy(&server.address, &out)));
    assert_eq!(job["error"]["code"], "source_changed", "{job:#}");
    assert!(!out.exists());
    system.assert_clean();
}

#[test]
fn what_needs_its_source_in_another_order_gets_a_file() {
    let system = System::start();
    let source = system.path("timecode.mov");
    make_source(&source, "-timecode 10:00:00:00");
    let out = system.path("out.mov");
    let mut job = copy(&file_url(&source), &out);
    job["job_options"]["options"][0]["outfile_options"] = json!([["c", "copy"], ["f", "mov"]]);
    system.finished(&system.submit(&job));
    assert!(content(&out) == content(&source));
    let found = crate::harness::probe(&out);
    assert_eq!(
        found["streams"][0]["tags"]["timecode"], "10:00:00:00",
        "{found:#}"
    );
}
