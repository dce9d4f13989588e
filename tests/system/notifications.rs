//! The three formats of notifications, received by a real server.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use crate::harness::{System, eventually, file_url, make_clip};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Received {
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }
}

/// A web server that answers with these statuses, one after the other, then with 200.
pub(crate) struct Receiver {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/done", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            let statuses = statuses.iter().copied().chain(std::iter::repeat(200));
            for (stream, status) in listener.incoming().zip(statuses) {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut lines = reader.by_ref().lines().map(Result::unwrap);
                let line = lines.next().unwrap_or_default();
                let headers: Vec<_> = lines
                    .take_while(|line| !line.is_empty())
                    .filter_map(|line| {
                        line.split_once(": ")
                            .map(|(key, value)| (key.to_lowercase(), value.to_owned()))
                    })
                    .collect();
                let mut received = Received {
                    line,
                    headers,
                    body: String::new(),
                };
                let length = received.header("content-length").parse().unwrap_or(0);
                reader
                    .take(length)
                    .read_to_string(&mut received.body)
                    .unwrap();
                log.lock().unwrap().push(received);
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
                )
                .unwrap();
            }
        });
        Self { url, seen }
    }

    pub(crate) fn wait_for(&self, count: usize) -> Vec<Received> {
        eventually("notifications", || {
            let seen = self.seen.lock().unwrap().clone();
            (seen.len() >= count).then_some(seen)
        })
    }
}

fn job(system: &System, receiver: &Receiver, format: &str) -> Value {
    make_clip(&system.path("in.mp4"), 1, "320x180");
    json!({
        "source_path": file_url(&system.path("in.mp4")), "dest_path": file_url(&system.path("out.mp4")), "preset": "copy",
        "notify_url": receiver.url, "notify_format": format,
    })
}

#[test]
fn the_original_route_tells_of_the_end_with_one_get() {
    let (system, receiver) = (System::start(), Receiver::start(&[]));
    let mut body = crate::harness::documented_job(&system.path("in.mp4"), &system.path("out.mp4"));
    make_clip(&system.path("in.mp4"), 1, "320x180");
    body["notify_url"] = json!(receiver.url);
    let (_, answer) = system.http("POST", "/job/submit/", Some(&body));
    let id = answer["job_id"].as_str().unwrap();
    system.finished(id);
    let seen = receiver.wait_for(1);
    assert_eq!(
        seen[0].line,
        format!("GET /done?unique_id={id}&job_state=FINISHED&job_state_details= HTTP/1.1")
    );
}

#[test]
fn form_tells_of_every_change_as_the_released_code_did() {
    let (system, receiver) = (System::start(), Receiver::start(&[]));
    let id = system.submit(&job(&system, &receiver, "form"));
    system.finished(&id);
    let seen = receiver.wait_for(4);
    let mut states: Vec<_> = seen
        .iter()
        .map(|one| {
            assert!(one.line.starts_with("POST /done "));
            assert_eq!(one.header("user-agent"), "media-nommer feederd");
            assert_eq!(
                one.header("content-type"),
                "application/x-www-form-urlencoded"
            );
            let state = one
                .body
                .strip_prefix(&format!("unique_id={id}&job_state="))
                .unwrap();
            state.split('&').next().unwrap().to_owned()
        })
        .collect();
    states.sort();
    assert_eq!(states, ["DOWNLOADING", "ENCODING", "FINISHED", "UPLOADING"]);
}

#[test]
fn json_is_signed_retried_under_one_id_and_recorded() {
    let (system, receiver) = (System::start(), Receiver::start(&[500]));
    let id = system.submit(&job(&system, &receiver, "json"));
    system.finished(&id);
    let seen = receiver.wait_for(3);
    for one in &seen {
        assert!(
            one.header("webhook-signature").starts_with("v1,"),
            "{one:?}"
        );
        let body: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!(
            one.header("webhook-id"),
            format!("{id}_{}", body["data"]["sequence"])
        );
    }
    let failed = seen[0].header("webhook-id");
    assert!(
        seen[1..]
            .iter()
            .any(|one| one.header("webhook-id") == failed),
        "the one that failed comes again"
    );
    let deliveries = eventually("recorded deliveries", || {
        let (_, page) = system.http("GET", &format!("/v1/webhook-deliveries?job_id={id}"), None);
        let rows = page["data"].as_array().unwrap().clone();
        rows.iter()
            .all(|row| row["notification"]["status"] == "delivered")
            .then_some(rows)
    });
    let attempts: Vec<_> = deliveries
        .iter()
        .map(|row| row["notification"]["attempts"].as_u64().unwrap())
        .collect();
    assert_eq!(attempts.iter().sum::<u64>(), 3, "{deliveries:?}");
    assert_eq!(
        deliveries[0]["notification"]["last_answer"]["excerpt"],
        "ok"
    );
}

/// Receivers check with the libraries of the standard itself, and with the secret that the command line prints.
#[test]
fn the_official_checks_in_two_languages_take_our_signatures() {
    let (system, receiver) = (System::start(), Receiver::start(&[]));
    let id = system.submit(&job(&system, &receiver, "json"));
    system.finished(&id);
    let told = system.run(&["webhooks", "secret"]);
    let secret = String::from_utf8(told.stdout).unwrap().trim().to_owned();
    for one in receiver.wait_for(2) {
        assert!(is_genuine(&one, &secret));
    }
}

/// Whether the libraries of the standard in two languages take it; they must agree, and take no forgery of it.
pub(crate) fn is_genuine(one: &Received, secret: &str) -> bool {
    let python = std::env::var_os("NOMMER_TEST_API_PYTHON").expect("run `cargo xtask test`");
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = names.map(|name| (name, one.header(name).to_owned()));
    let forged = one.body.replace("\"sequence\":", "\"sequence\":1");
    assert_ne!(forged, one.body);
    let [genuine, forged] = [&one.body, &forged].map(|body| {
        let taken = rust_takes(secret, &headers, body);
        assert_eq!(python_takes(&python, secret, &headers, body), taken);
        taken
    });
    assert!(!forged, "a forgery is taken");
    genuine
}

fn rust_takes(secret: &str, headers: &[(&'static str, String); 3], body: &str) -> bool {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let check = standardwebhooks::Webhook::new(secret).unwrap();
    check.verify(body.as_bytes(), &headers).is_ok()
}

fn python_takes(
    python: &OsStr,
    secret: &str,
    headers: &[(&'static str, String); 3],
    body: &str,
) -> bool {
    let program = "import json,sys\nfrom standardwebhooks import Webhook, WebhookVerificationError\n\
        secret, headers, body = json.load(sys.stdin)\n\
        try: Webhook(secret).verify(body, headers)\n\
        except WebhookVerificationError: sys.exit(9)";
    let headers: BTreeMap<_, _> = headers.iter().cloned().collect();
    let mut child = Command::new(python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let input = json!([secret, headers, body]).to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let code = child.wait().unwrap().code();
    assert!(
        matches!(code, Some(0 | 9)),
        "the check itself failed: {code:?}"
    );
    code == Some(0)
}
