//! Webhook endpoints from outside: made by the command line, told by the system, checked by the libraries that receivers use.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::{
    harness::{System, eventually, file_url, files, make_clip, output_of, repository},
    notifications::{Received, Receiver, is_genuine},
};

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Runs a command that must succeed; its standard output.
fn done(system: &System, words: &[&str]) -> String {
    let run = system.run(words);
    let (out, err) = text(&run);
    assert_eq!(run.status.code(), Some(0), "{words:?}: {err}");
    out.trim().to_owned()
}

/// Makes an endpoint; its id and its secret.
fn create(system: &System, url: &str, flags: &[&str]) -> (String, String) {
    let words = [&["--json", "webhooks", "create", url], flags].concat();
    let made: Value = serde_json::from_str(&done(system, &words)).unwrap();
    let part = |name: &str| made[name].as_str().unwrap().to_owned();
    (part("id"), part("secret"))
}

/// Submits a job that ends well, and waits for its end.
fn finished(system: &System, name: &str) -> String {
    make_clip(&system.path("in.mp4"), 1, "160x90");
    let id = system.submit(&json!({
        "source_path": file_url(&system.path("in.mp4")), "dest_path": file_url(&system.path(name)), "preset": "copy",
        "external_id": "customer-7",
    }));
    system.finished(&id);
    id
}

fn event(received: &Received) -> Value {
    serde_json::from_str(received.body()).unwrap()
}

/// The names of events of one job, in their order.
fn names(seen: &[Received], job: &str) -> Vec<String> {
    let mut own: Vec<_> = seen.iter().map(event).collect();
    own.retain(|one| one["data"]["job_id"] == job);
    own.sort_by_key(|one| one["data"]["sequence"].as_u64());
    let name = |one: &Value| one["type"].as_str().unwrap().to_owned();
    own.iter().map(name).collect()
}

const WHOLE: [&str; 3] = ["job.created", "job.started", "job.finished"];

#[test]
fn an_endpoint_hears_of_jobs_and_both_secrets_hold_after_a_rotation() {
    let (system, receiver) = (System::start(), Receiver::start(&[]));
    let url = format!("{}?token=hush", receiver.url);
    let (endpoint, first) = create(&system, &url, &["--description", "ours"]);
    let id = finished(&system, "a.mp4");
    let seen = receiver.wait_for(3);
    assert_eq!(names(&seen, &id), WHOLE);
    for one in &seen {
        assert!(one.line.starts_with("POST /done?token=hush "), "{one:?}");
        assert!(is_genuine(one, &first) && !is_genuine(one, &system_secret(&system)));
        let expected = format!("{id}_{}_{endpoint}", event(one)["data"]["sequence"]);
        assert_eq!(one.header("webhook-id"), expected);
        assert_eq!(event(one)["data"]["external_id"], "customer-7");
    }

    let second = done(&system, &["webhooks", "rotate", &endpoint]);
    assert_ne!(first, second);
    let id = finished(&system, "b.mp4");
    let seen = receiver.wait_for(6);
    assert_eq!(names(&seen, &id), WHOLE);
    for one in &seen[3..] {
        assert_eq!(one.header("webhook-signature").split(' ').count(), 2);
        assert!(is_genuine(one, &first) && is_genuine(one, &second));
    }

    // The log of its deliveries, and no secret in it or anywhere.
    let log = done(
        &system,
        &["webhooks", "deliveries", "--endpoint", &endpoint],
    );
    assert_eq!(log.matches("delivered").count(), 6, "{log}");
    assert!(
        log.contains("HTTP 200 in ") && log.contains("job.finished"),
        "{log}"
    );
    let list = done(&system, &["webhooks", "list"]);
    assert!(list.contains("enabled") && list.contains("ours"), "{list}");
    let bare = |secret: &str| secret.strip_prefix("whsec_").unwrap().to_owned();
    for secret in [bare(&first), bare(&second), "token=hush".to_owned()] {
        assert!(!log.contains(&secret) && !list.contains(&secret));
        for name in files(&system.data()) {
            let bytes = fs::read(system.data().join(&name)).unwrap_or_default();
            let mut parts = bytes.windows(secret.len());
            assert!(!parts.any(|part| part == secret.as_bytes()), "{name}");
        }
    }
    done(&system, &["webhooks", "delete", &endpoint]);
    finished(&system, "c.mp4");
    assert_eq!(done(&system, &["--json", "webhooks", "list"]), "");
    assert_eq!(receiver.wait_for(6).len(), 6, "nobody is told any more");
}

#[test]
fn what_is_published_and_what_the_fleet_does_are_told_to_those_who_ask() {
    let (system, receiver) = (System::start(), Receiver::start(&[]));
    let events = ["--events", "job.output.ready,job.finished,fleet.scaled"];
    create(&system, &receiver.url, &events);
    let id = finished(&system, "a.mp4");
    let told = eventually("three events", || {
        let seen: Vec<_> = receiver.wait_for(3).iter().map(event).collect();
        let of = |name: &str| seen.iter().find(|one| one["type"] == name).cloned();
        Some([
            of("job.output.ready")?,
            of("job.finished")?,
            of("fleet.scaled")?,
        ])
    });
    let [ready, end, fleet] = told;
    assert_eq!(fleet["data"]["from"], 0, "{fleet}");
    assert!(fleet["data"]["to"].as_u64() > Some(0) && fleet["data"]["reason"].is_string());
    assert_eq!(
        (&ready["data"]["job_id"], &end["data"]["job_id"]),
        (&json!(id), &json!(id))
    );
    assert!(ready["data"]["sequence"].as_u64() < end["data"]["sequence"].as_u64());
    let outputs = end["data"]["outputs"].as_array().unwrap();
    assert_eq!(outputs, &[ready["data"]["output"].clone()]);
    let bytes = fs::metadata(system.path("a.mp4")).unwrap().len();
    assert_eq!(outputs[0]["bytes"], bytes);
    assert_eq!(outputs[0]["url"], file_url(&system.path("a.mp4")));
}

fn system_secret(system: &System) -> String {
    done(system, &["webhooks", "secret"])
}

#[test]
fn an_endpoint_that_is_gone_is_disabled_and_said_so_until_it_is_enabled() {
    let (system, receiver) = (System::start(), Receiver::start(&[410]));
    let (endpoint, _) = create(&system, &receiver.url, &["--events", "job.finished"]);
    finished(&system, "a.mp4");
    let shown = eventually("the endpoint to be disabled", || {
        let listed = done(&system, &["--json", "webhooks", "list"]);
        let shown: Value = serde_json::from_str(&listed).unwrap();
        (shown["enabled"] == false).then_some(shown)
    });
    let reason = shown["disabled_reason"].as_str().unwrap();
    assert!(
        reason.contains("410") && shown["disabled_at"].is_string(),
        "{shown}"
    );
    assert!(done(&system, &["webhooks", "list"]).contains("disabled 2"));

    finished(&system, "b.mp4");
    let failed = [
        "--json",
        "webhooks",
        "deliveries",
        "--endpoint",
        &endpoint,
        "--status",
        "failed",
    ];
    let failed: Value = serde_json::from_str(&done(&system, &failed)).unwrap();
    let delivery = failed["id"].as_str().unwrap();
    assert_eq!(failed["notification"]["last_answer"]["status"], 410);
    assert!(failed["notification"]["last_answer"]["latency_ms"].is_u64());
    let again = system.run(&["webhooks", "redeliver", delivery]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again).1.contains("hint: enable it first"));

    done(&system, &["webhooks", "update", &endpoint, "--enable"]);
    done(&system, &["webhooks", "redeliver", delivery]);
    let seen = receiver.wait_for(2);
    assert_eq!(seen[1].header("webhook-id"), delivery);
    let id = finished(&system, "c.mp4");
    assert_eq!(names(&receiver.wait_for(3), &id), ["job.finished"]);
}

/// `nommer listen`, running. Killed when dropped.
struct Listener {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    secret: String,
}

impl Listener {
    fn start(system: &System, flags: &[&str]) -> Self {
        let words = [&["--json", "listen"], flags].concat();
        let mut child = system
            .command(&words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let secret = ready["secret"].as_str().unwrap().to_owned();
        Self {
            child,
            lines,
            secret,
        }
    }

    fn line(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    fn interrupt(&mut self) -> Option<i32> {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), Signal::SIGINT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn what_becomes_of_jobs_is_forwarded_without_a_tunnel_and_its_signature_holds() {
    let (system, receiver) = (System::start(), Receiver::start(&[200, 500]));
    let before = finished(&system, "before.mp4");
    let mut listener = Listener::start(&system, &["--forward-to", &receiver.url]);
    let id = finished(&system, "a.mp4");
    let seen = receiver.wait_for(3);
    assert_eq!(names(&seen, &id), WHOLE);
    assert_eq!(
        names(&seen, &before),
        [""; 0],
        "what was before is not told"
    );
    assert!(seen.iter().all(|one| is_genuine(one, &listener.secret)));
    for (name, status) in WHOLE.iter().zip([200, 500, 200]) {
        let line = listener.line();
        assert_eq!(
            (&line["event"], &line["status"]),
            (&json!(name), &json!(status))
        );
        assert_eq!(
            (&line["answer"], &line["job_id"]),
            (&json!("ok"), &json!(id))
        );
    }
    assert_eq!(listener.interrupt(), Some(0));
    assert_eq!(
        done(&system, &["--json", "webhooks", "list"]),
        "",
        "nothing stays"
    );

    let some = Receiver::start(&[]);
    let address = some.url.strip_prefix("http://").unwrap();
    let _listener = Listener::start(
        &system,
        &[
            "--forward-to",
            address,
            "--events",
            "job.encoding,job.finished",
        ],
    );
    let id = finished(&system, "b.mp4");
    assert_eq!(
        names(&some.wait_for(2), &id),
        ["job.encoding", "job.finished"]
    );
}

#[test]
fn a_sample_is_sent_signed_and_marked_as_a_test() {
    let (system, receiver) = (System::start(), Receiver::start(&[]));
    let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut forward = system.command(&["trigger", "job.failed", "--forward-to", &receiver.url]);
    let sent = forward.env("NOMMER_LISTEN_SECRET", own).output().unwrap();
    let (out, err) = text(&sent);
    assert_eq!(sent.status.code(), Some(0), "{err}");
    assert!(
        out.contains("job.failed") && out.contains("HTTP 200"),
        "{out}"
    );
    let seen = receiver.wait_for(1);
    assert!(is_genuine(&seen[0], own));
    assert_eq!(event(&seen[0])["data"]["test"], true);

    let (endpoint, secret) = create(&system, &receiver.url, &["--events", "job.finished"]);
    let out = done(&system, &["trigger", "job.canceled", "--to", &endpoint]);
    assert!(
        out.contains("job.canceled") && out.contains("HTTP 200"),
        "{out}"
    );
    let seen = receiver.wait_for(2);
    assert!(is_genuine(&seen[1], &secret));
    let told = event(&seen[1]);
    assert_eq!(
        (&told["type"], &told["data"]["test"]),
        (&json!("job.canceled"), &json!(true))
    );

    for (words, code) in [
        (
            &["trigger", "job.finish", "--forward-to", "localhost:1"][..],
            2,
        ),
        (&["trigger", "job.finished"], 2),
        (
            &["trigger", "job.finished", "--forward-to", "localhost:1"],
            1,
        ),
        (&["trigger", "job.finished", "--to", "we_none"], 3),
        (&["webhooks", "create", "http://169.254.169.254/latest"], 2),
        (&["webhooks", "delete", "we_none"], 3),
    ] {
        let run = system.run(words);
        assert_eq!(run.status.code(), Some(code), "{words:?}: {}", text(&run).1);
    }
}

/// The blocks of a language in docs/webhooks.md.
fn documented(language: &str) -> Vec<String> {
    let page = fs::read_to_string(repository().join("docs/webhooks.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_receivers_of_the_documentation_take_what_is_genuine() {
    let system = System::start();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (_, secret) = create(&system, &format!("http://127.0.0.1:{port}/"), &[]);
    let program = documented("python")
        .remove(0)
        .replace("3000", &port.to_string());
    let python = std::env::var_os("NOMMER_TEST_API_PYTHON").expect("run `cargo xtask test`");
    let mut receiver = Command::new(python)
        .args(["-u", "-c", &program])
        .env("WEBHOOK_SECRET", secret)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the receiver", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let id = finished(&system, "a.mp4");
    let lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    let mut told: Vec<_> = lines.take(3).map(Result::unwrap).collect();
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    told.sort();
    let mut expected = WHOLE.map(|name| format!("{name} {id}"));
    expected.sort();
    assert_eq!(told, expected);

    let file = system.path("receiver.mjs");
    fs::write(&file, documented("js").remove(0)).unwrap();
    output_of(Command::new("node").arg("--check").arg(&file));
}
