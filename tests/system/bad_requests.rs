//! Requests that no client would send, byte by byte: each is refused or closed, changes nothing, and costs no more memory than a body may
//! hold. Bodies that are JSON and no job are in `tests/hostile/api.json`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use crate::harness::{LIMIT, System};

/// A server that starts no encoder, so that nothing changes by itself.
fn quiet() -> System {
    System::start_with(&[("NOMMER_FLEET__ENABLED", "false")])
}

fn connect(system: &System) -> TcpStream {
    let stream = TcpStream::connect(system.api.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Sends bytes and reads until the server hangs up. The status, if one was answered, and all that was.
fn send(system: &System, bytes: &[u8]) -> (Option<u16>, String) {
    let mut stream = connect(system);
    // A server may answer and hang up before it has read all.
    stream.write_all(bytes).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    (status, text)
}

/// A request with these lines after its first two.
fn request(first: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{first} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
    [head.as_bytes(), body].concat()
}

/// A job in a body of its length.
fn posted(body: &[u8], lines: &str) -> Vec<u8> {
    let lines = format!("{lines}Content-Length: {}\r\n", body.len());
    request("POST /v1/jobs", &lines, body)
}

const JOB: &str =
    r#"{"source_path":"s3://in-bucket/a.mp4","dest_path":"s3://out-bucket/a.mp4","preset":"copy"}"#;

/// What the table of jobs, the presets and the fleet hold.
fn state(system: &System) -> Vec<Value> {
    let ask = |path| system.http("GET", path, None).1;
    ["/v1/jobs?limit=100", "/v1/presets", "/v1/fleet"]
        .map(ask)
        .to_vec()
}

/// Sends each; whatever was not refused.
fn let_through(system: &System, requests: &[(&str, Vec<u8>)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, bytes) in requests {
        let (status, text) = send(system, bytes);
        // What is no HTTP at all may be closed without a word.
        let refused = status.is_none_or(|status| (400..500).contains(&status));
        let told: Option<Value> = text
            .split_once("\r\n\r\n")
            .and_then(|(_, body)| serde_json::from_str(body).ok());
        let clear = told.is_none_or(|problem| problem["code"].is_string());
        if !refused || !clear {
            let text: String = text.chars().take(300).collect();
            wrong.push(format!("{name}: {status:?} {text}"));
        }
    }
    wrong
}

/// Heads of a request for a job, and its body. LENGTH stands for the right length of JOB, LONG for 200 kB.
const HEADS: [(&str, &str, &str); 25] = [
    ("two lengths", "LENGTHContent-Length: 3\r\n", "JOB"),
    ("two in one line", "Content-Length: 3, 4\r\n", "JOB"),
    ("length below nothing", "Content-Length: -1\r\n", "JOB"),
    ("length with a sign", "Content-Length: +92\r\n", "JOB"),
    ("length in words", "Content-Length: many\r\n", "JOB"),
    (
        "length beyond all",
        "Content-Length: 99999999999999999999\r\n",
        "JOB",
    ),
    ("length too long", "Content-Length: 9999999999\r\n", "JOB"),
    (
        "both",
        "LENGTHTransfer-Encoding: chunked\r\n",
        "3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "chunks in gzip",
        "Transfer-Encoding: chunked, gzip\r\n",
        "0\r\n\r\n",
    ),
    (
        "chunks by another name",
        "Transfer-Encoding: xchunked\r\n",
        "0\r\n\r\n",
    ),
    (
        "chunks of no size",
        "Transfer-Encoding: chunked\r\n",
        "zz\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "chunks beyond all",
        "Transfer-Encoding: chunked\r\n",
        "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "chunks without a body",
        "Transfer-Encoding: chunked\r\n",
        "0\r\n\r\n",
    ),
    ("space before the colon", "Content-Length : 92\r\n", "JOB"),
    ("a line that goes on", "X-A: 1\r\n LENGTH", "JOB"),
    ("a header with a zero", "X-A: a\0b\r\nLENGTH", "JOB"),
    ("a header without a name", ": 1\r\nLENGTH", "JOB"),
    ("a header of 200 kB", "LENGTHX-A: LONG\r\n", "JOB"),
    ("two hosts", "LENGTHHost: evil.example\r\n", "JOB"),
    (
        "two idempotency keys",
        "LENGTHIdempotency-Key: a\r\nIdempotency-Key: b\r\n",
        "JOB",
    ),
    (
        "an empty idempotency key",
        "LENGTHIdempotency-Key: \r\n",
        "JOB",
    ),
    (
        "a long idempotency key",
        "LENGTHIdempotency-Key: 300\r\n",
        "JOB",
    ),
    (
        "an idempotency key beyond ASCII",
        "LENGTHIdempotency-Key: caf\u{e9}\r\n",
        "JOB",
    ),
    (
        "a key that is none",
        "LENGTHAuthorization: Bearer nk_\r\n",
        "JOB",
    ),
    ("5,000 headers", "LENGTHMANY", "JOB"),
];

/// Requests that are odd from their first line on.
const FIRST: [(&str, &str); 9] = [
    ("an address of 200 kB", "GET /v1/jobs/LONG HTTP/1.1\r\n\r\n"),
    (
        "a method that is none",
        "J\u{f6}B /v1/jobs HTTP/1.1\r\nLENGTH\r\nJOB",
    ),
    (
        "a method in small letters",
        "post /v1/jobs HTTP/1.1\r\nLENGTHConnection: close\r\n\r\nJOB",
    ),
    (
        "a method that nobody has",
        "TRACE /v1/jobs HTTP/1.1\r\nConnection: close\r\n\r\n",
    ),
    (
        "CONNECT",
        "CONNECT example.com:443 HTTP/1.1\r\nConnection: close\r\n\r\n",
    ),
    (
        "another version of HTTP",
        "POST /v1/jobs HTTP/3.0\r\nLENGTH\r\nJOB",
    ),
    ("HTTP/0.9", "POST /v1/jobs\r\nJOB"),
    ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n"),
];

/// A text of the tables with what its words stand for.
fn filled(text: &str) -> String {
    let length = format!("Content-Length: {}\r\n", JOB.len());
    text.replace("LENGTH", &length)
        .replace("LONG", &"a".repeat(200_000))
        .replace("MANY", &"X-A: 1\r\n".repeat(5_000))
        .replace(": 300\r\n", &format!(": {}\r\n", "a".repeat(256)))
        .replace("JOB", JOB)
}

#[test]
fn heads_that_can_be_read_in_two_ways_are_refused() {
    let system = quiet();
    let before = state(&system);
    let mut requests: Vec<(&str, Vec<u8>)> = HEADS
        .iter()
        .map(|(name, lines, body)| {
            let (lines, body) = (filled(lines), filled(body));
            (*name, request("POST /v1/jobs", &lines, body.as_bytes()))
        })
        .collect();
    requests.extend(FIRST.map(|(name, text)| (name, filled(text).into_bytes())));
    requests.push(("noise", (0..=255).chain(*b"\r\n\r\n").collect()));
    assert_eq!(let_through(&system, &requests), Vec::<String>::new());
    assert_eq!(state(&system), before);
}

/// Fields of a job that have no such value.
const FIELDS: &str = r#"
"max_attempts":1.5
"max_attempts":"3"
"max_attempts":true
"max_attempts":4294967298
"max_attempts":1e2
"max_attempts":-0.0
"max_attempts":03
"max_attempts":0x3
"max_cost_usd":-1
"max_cost_usd":1e400
"max_cost_usd":-Infinity
"max_cost_usd":"1"
"duration_seconds":-0.1
"duration_seconds":[1]
"metadata":[]
"metadata":{"a":1}
"metadata":{"a":null}
"external_id":1
"external_id":""
"tags":"a"
"tags":[1]
"timeout_seconds":0.5
"timeout_seconds":-3
"notify_url":{}
"notify_url":"javascript:alert(1)"
"outputs":{}
"clip":{"start":-1}
"clip":[]
"Source_path":"s3://in-bucket/a.mp4"
"#;

/// Addresses that lead nowhere, and queries that ask for nothing.
const PATHS: &str = "
/v1/jobs/%ff%fe
/v1/jobs/job_%00
/v1/jobs/..%2f..%2fetc%2fpasswd
/v1/jobs/../../etc/passwd
//v1//jobs
/v1/presets/%ff
/v1/jobs?limit=0
/v1/jobs?limit=-1
/v1/jobs?limit=101
/v1/jobs?limit=1e1
/v1/jobs?limit=0x10
/v1/jobs?limit=
/v1/jobs?limit=99999999999999999999
/v1/jobs?limit=5&limit=6
/v1/jobs?cursor=
/v1/jobs?cursor=..%2f
/v1/jobs?cursor=%00
/v1/jobs?cursor=%ff
/v1/jobs?cursor=job%20x
/v1/jobs?cursor=%27%20OR%201%3D1--
/v1/jobs?state=pending
/v1/jobs?state=
/v1/jobs?state=FINISHED%00
/v1/jobs?created_after=yesterday
/v1/jobs?created_after=99999-01-01T00:00:00Z
/v1/jobs?created_before=0
/v1/jobs?order=asc
/v1/jobs?limit%5B%5D=5
/v1/jobs?state=FINISHED&state=ERROR
";

/// Bodies that are no text, or more than one value.
fn no_texts() -> Vec<(&'static str, Vec<u8>)> {
    let wide = |bytes: &[u8]| posted(&JOB.as_bytes().replace_a(bytes), "");
    let utf16: Vec<u8> = JOB.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mark = [b"\xef\xbb\xbf", JOB.as_bytes()].concat();
    vec![
        ("bytes that are no UTF-8", wide(b"\xff\xfe")),
        ("UTF-8 that is too long", wide(b"\xc0\xaf")),
        ("half a surrogate in UTF-8", wide(b"\xed\xa0\x80")),
        ("UTF-16", posted(&utf16, "")),
        ("a byte order mark", posted(&mark, "")),
        ("two values", posted(&[JOB, JOB].concat().into_bytes(), "")),
        ("a comment", posted(&[JOB, "//"].concat().into_bytes(), "")),
        (
            "zipped",
            posted(b"\x1f\x8b\x08\0\0", "Content-Encoding: gzip\r\n"),
        ),
    ]
}

#[test]
fn what_is_no_text_and_what_is_no_value_is_refused() {
    let system = quiet();
    let before = state(&system);
    let mut requests = no_texts();
    for field in FIELDS.lines().filter(|line| !line.is_empty()) {
        let job = JOB.replace("\"preset\"", &format!("{field},\"preset\""));
        requests.push((field, posted(job.as_bytes(), "")));
    }
    for path in PATHS.lines().filter(|line| !line.is_empty()) {
        requests.push((path, request(&format!("GET {path}"), "", b"")));
    }
    let length = filled("LENGTH");
    let maybe = request("POST /v1/jobs?dry_run=maybe", &length, JOB.as_bytes());
    requests.push(("dry_run=maybe", maybe));
    let climbs = "POST /v1/webhook-deliveries/..%2f1/redeliver";
    requests.push((climbs, request(climbs, "Content-Length: 0\r\n", b"")));
    assert_eq!(let_through(&system, &requests), Vec::<String>::new());
    assert_eq!(state(&system), before);
}

trait Spoil {
    /// The same with other bytes in place of the letter `a` of its source.
    fn replace_a(&self, bytes: &[u8]) -> Vec<u8>;
}

impl Spoil for [u8] {
    fn replace_a(&self, bytes: &[u8]) -> Vec<u8> {
        let at = self.windows(5).position(|part| part == b"/a.mp").unwrap() + 1;
        [&self[..at], bytes, &self[at + 1..]].concat()
    }
}

#[test]
fn words_about_how_to_answer_change_nothing() {
    let system = quiet();
    let long = "text/html;q=0.1,".repeat(500);
    let dry = |lines: &str| {
        let lines = format!("{lines}Content-Length: {}\r\n", JOB.len());
        request("POST /v1/jobs?dry_run=true", &lines, JOB.as_bytes())
    };
    for lines in [
        format!("Accept: {long}\r\n"),
        "Accept: */*;q=NaN\r\n".to_owned(),
        "Accept: image/png\r\nAccept-Encoding: br;q=1000, identity;q=0\r\n".to_owned(),
        "Content-Type: text/html; charset=utf-7\r\n".to_owned(),
        "Content-Type: multipart/form-data; boundary=\r\n".to_owned(),
        "Expect: 100-continue\r\n".to_owned(),
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n".to_owned(),
        "X-Forwarded-For: 10.0.0.1\r\nX-HTTP-Method-Override: DELETE\r\nX-Original-URL: /v1/fleet/pause\r\n".to_owned(),
    ] {
        let (status, text) = send(&system, &dry(&lines));
        let status = if text.starts_with("HTTP/1.1 100") {
            text.split("HTTP/1.1 ").nth(2).and_then(|rest| rest[..3].parse().ok())
        } else {
            status
        };
        assert_eq!(status, Some(200), "{lines}: {text}");
        assert!(text.contains("application/json"), "{lines}: {text}");
    }
}

/// The most memory that the server has used, in MiB.
fn peak(system: &System) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", system.server_id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    kib >> 10
}

#[test]
fn a_thousand_bodies_at_the_limit_at_once_cost_a_bounded_amount_of_memory() {
    let system = quiet();
    // A preset of nobody's is looked up, so that every request waits for the table with its body in hand.
    let head = r#"{"source_path":"s3://in-bucket/a.mp4","dest_path":"s3://out-bucket/a.mp4","preset":"none","metadata":["#;
    let room = (250 << 10) - head.len();
    let body = format!("{head}{}{{}}]}}", "{\"a\":0},".repeat(room / 8));
    let half = body.len() / 2;
    let bytes = posted(body.as_bytes(), "");
    let mut clients: Vec<TcpStream> = (0..1_000).map(|_| connect(&system)).collect();
    for client in &mut clients {
        client.write_all(&bytes[..bytes.len() - half]).unwrap();
    }
    for client in &mut clients {
        client.write_all(&bytes[bytes.len() - half..]).ok();
    }
    for client in &mut clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let peak = peak(&system);
    assert!(peak < 1_024, "{peak} MiB");
    assert_eq!(
        system.http("GET", "/v1/jobs", None).1["data"],
        serde_json::json!([])
    );
}

#[test]
fn who_sends_nothing_for_long_is_closed_and_keeps_nobody_waiting() {
    let system = quiet();
    let half_a_body = posted(JOB.as_bytes(), "");
    let beginnings: [&[u8]; 4] = [
        b"",
        b"POST /v1/jo",
        b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        &half_a_body[..half_a_body.len() - 10],
    ];
    let mut slow: Vec<TcpStream> = beginnings
        .iter()
        .map(|bytes| {
            let mut stream = connect(&system);
            stream.write_all(bytes).unwrap();
            stream
        })
        .collect();
    let mut endless = connect(&system);
    endless
        .set_write_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let head = request("POST /v1/jobs", "Transfer-Encoding: chunked\r\n", b"");
    endless.write_all(&head).unwrap();
    // A body that never ends is answered once it is too long.
    while endless
        .write_all(b"400\r\n")
        .and_then(|()| endless.write_all(&[b' '; 0x400]))
        .and_then(|()| endless.write_all(b"\r\n"))
        .is_ok()
    {}
    assert_eq!(system.http("GET", "/v1/health", None).0, 200);
    for stream in &mut slow {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1);
        assert!(
            status.is_none_or(|status| status.starts_with('4')),
            "{answer}"
        );
    }
    assert_eq!(
        system.http("GET", "/v1/jobs", None).1["data"],
        serde_json::json!([])
    );
}
