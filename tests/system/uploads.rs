//! Uploads to a server of this machine: whole or not at all, no more than was announced, and nowhere but in their place.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
};

use serde_json::{Value, json};

use crate::harness::{System, eventually, files, make_clip};

fn announce(system: &System, name: &str, bytes: usize) -> Value {
    let body = json!({"filename": name, "bytes": bytes});
    let (status, upload) = system.http("POST", "/v1/uploads", Some(&body));
    assert_eq!(status, 201, "{upload}");
    upload
}

/// Everything that lies among the uploads.
fn uploaded(system: &System) -> Vec<String> {
    files(&system.data().join("media/uploads"))
}

/// Begins to send `part` of an upload that says that it has so many bytes.
fn begin(upload: &Value, says: usize, part: &[u8]) -> TcpStream {
    let url = upload["url"].as_str().unwrap();
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!("PUT /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {says}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(part).unwrap();
    stream
}

fn status(mut stream: TcpStream) -> String {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

#[test]
fn a_file_is_brought_and_encoded_by_the_commands_of_the_documentation() {
    let system = System::start();
    make_clip(&system.path("a film (1).mov"), 2, "160x90");
    let run = system.run(&["--json", "upload", "a film (1).mov"]);
    assert!(run.status.success(), "{run:?}");
    let upload: Value = serde_json::from_slice(&run.stdout).unwrap();
    let source = upload["source_path"].as_str().unwrap();
    let place = PathBuf::from(source.strip_prefix("file://").unwrap());
    assert_eq!(
        fs::read(&place).unwrap(),
        fs::read(system.path("a film (1).mov")).unwrap()
    );
    let run = system.run(&["submit", source, "out.mp4", "--preset", "copy", "--wait"]);
    assert!(run.status.success(), "{run:?}");
    assert!(system.path("out.mp4").exists());

    let words = ["submit", "a film (1).mov", "again.mp4", "--preset", "copy"];
    let run = system.run(&[&words[..], &["--upload", "--wait"]].concat());
    assert!(run.status.success(), "{run:?}");
    assert!(system.path("again.mp4").exists());
    assert_eq!(uploaded(&system).len(), 2);
    system.assert_clean();
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing_and_can_be_sent_again() {
    let mut system = System::start();
    let upload = announce(&system, "a.mov", 1_000_000);
    let part = vec![7; 300_000];
    let stream = begin(&upload, 1_000_000, &part);
    eventually("the beginning of the upload", || {
        (!uploaded(&system).is_empty()).then_some(())
    });
    drop(stream);
    eventually("the end of what broke off", || {
        uploaded(&system).is_empty().then_some(())
    });

    let stream = begin(&upload, 1_000_000, &part);
    eventually("the beginning of the upload", || {
        (!uploaded(&system).is_empty()).then_some(())
    });
    system.restart();
    drop(stream);
    assert!(uploaded(&system).is_empty(), "a killed server's is removed");

    let mut moved = upload.clone();
    let path = upload["url"]
        .as_str()
        .unwrap()
        .splitn(4, '/')
        .nth(3)
        .unwrap();
    moved["url"] = json!(system.url(&format!("/{path}")));
    let whole = vec![7; 1_000_000];
    assert_eq!(status(begin(&moved, whole.len(), &whole)), "200");
    let kept = uploaded(&system);
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read(&kept[0]).unwrap(), whole);
    system.assert_clean();
}

#[test]
fn more_or_less_than_was_announced_is_refused() {
    let system = System::start();
    let upload = announce(&system, "a.mov", 10);
    for bytes in [9, 11] {
        let sent = begin(&upload, bytes, &vec![7; bytes]);
        assert_eq!(status(sent), "400", "{bytes}");
    }
    // Without a length, what comes is counted.
    let url = upload["url"].as_str().unwrap();
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let chunked = format!(
        "PUT /{path} HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n"
    );
    stream.write_all(chunked.as_bytes()).unwrap();
    assert_eq!(status(stream), "400");
    assert!(uploaded(&system).is_empty());

    let mut unknown = upload.clone();
    unknown["url"] = json!(system.url("/v1/uploads/upload_00000000000000000000000000000000"));
    assert_eq!(status(begin(&unknown, 10, &[7; 10])), "404");
    for name in ["../a.mov", "/etc/passwd", "..", ".a", "a/b"] {
        let body = json!({"filename": name, "bytes": 10});
        let (status, refused) = system.http("POST", "/v1/uploads", Some(&body));
        assert_eq!(status, 400, "{name} {refused}");
    }
    assert!(uploaded(&system).is_empty());
}

#[test]
fn the_operators_limit_holds_for_uploads() {
    let system = System::start_with(&[("NOMMER_LIMITS__SOURCE_BYTES", "1000")]);
    let body = json!({"filename": "a.mov", "bytes": 1_001});
    let (status, refused) = system.http("POST", "/v1/uploads", Some(&body));
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("source_too_large"))
    );
}

#[test]
fn there_are_no_parts_here_and_whoever_completes_them_is_told() {
    let system = System::start();
    // More than one request takes in S3.
    let upload = announce(&system, "a.mov", 6 << 30);
    assert!(upload["url"].is_string(), "{upload}");
    let path = format!("/v1/uploads/{}", upload["id"].as_str().unwrap());
    let complete = format!("{path}/complete?ticket=x");
    let body = json!({"parts": [{"number": 1, "etag": "x"}]});
    let asked = [
        system.http("POST", &complete, Some(&body)),
        system.http("GET", &format!("{path}/parts?ticket=x"), None),
    ];
    for (status, problem) in asked {
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("one request"), "{problem}");
    }
}
