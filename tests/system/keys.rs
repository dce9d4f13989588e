//! API keys from outside: made by the command line, asked for by the server, and nowhere in the clear.

use std::process::Output;

use serde_json::Value;

use crate::harness::{System, files, make_clip};

const CLOSED: (&str, &str) = ("NOMMER_SERVER__REQUIRE_KEY", "true");

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Makes a key with these flags; its id and the key itself.
fn make(system: &System, flags: &[&str]) -> (String, String) {
    let words = [&["--json", "keys", "create", "test"], flags].concat();
    let made = system.run(&words);
    let (out, err) = text(&made);
    assert_eq!(made.status.code(), Some(0), "{err}");
    let made: Value = serde_json::from_str(&out).unwrap();
    let part = |name: &str| made[name].as_str().unwrap().to_owned();
    (part("id"), part("key"))
}

fn run(system: &System, key: &str, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = system.command(words);
    let run = command.env("NOMMER_API_KEY", key).output().unwrap();
    let (out, err) = text(&run);
    (run.status.code(), out, err)
}

#[test]
fn a_server_that_asks_for_keys_encodes_for_those_who_have_one() {
    let system = System::start_with(&[CLOSED]);
    make_clip(&system.path("in.mov"), 1, "160x90");
    let (id, key) = make(&system, &["--scope", "submit", "--scope", "read"]);
    let submit = ["submit", "in.mov", "out.mp4", "--preset", "copy", "--wait"];

    let (code, _, err) = run(&system, "", &submit);
    assert_eq!(code, Some(4), "{err}");
    assert!(
        err.contains("hint:") && err.contains("nommer keys create"),
        "{err}"
    );

    let (code, _, err) = run(&system, &key, &submit);
    assert_eq!(code, Some(0), "{err}");
    assert!(system.path("out.mp4").exists());

    let (code, _, err) = run(&system, &key, &["fleet", "pause"]);
    assert_eq!(code, Some(4), "{err}");

    let listed = text(&system.run(&["keys", "list"])).0;
    assert!(
        listed.contains(&id) && listed.contains("in force"),
        "{listed}"
    );
    assert_eq!(system.run(&["keys", "revoke", &id]).status.code(), Some(0));
    let listed = text(&system.run(&["keys", "list"])).0;
    assert!(listed.contains("revoked"), "{listed}");
    let (code, _, err) = run(&system, &key, &["jobs", "list"]);
    assert_eq!(code, Some(4), "{err}");
    let gone = system.run(&["keys", "revoke", "key_0000000000000000"]);
    assert_eq!(gone.status.code(), Some(3));
}

#[test]
fn a_tenant_sees_and_reaches_nothing_of_another() {
    let system = System::start_with(&[CLOSED]);
    let place = |name: &str| {
        std::fs::create_dir(system.path(name)).unwrap();
        make_clip(&system.path(&format!("{name}/in.mov")), 1, "160x90");
        format!(
            "file://{}/",
            system.path(name).canonicalize().unwrap().display()
        )
    };
    let tenant = |name: &str| {
        let place = place(name);
        let scopes = ["--scope", "submit", "--scope", "read"];
        make(
            &system,
            &[&scopes[..], &["--source", &place, "--destination", &place]].concat(),
        )
        .1
    };
    let (one, other) = (tenant("one"), tenant("other"));
    let submit = [
        "--quiet",
        "submit",
        "one/in.mov",
        "one/out.mp4",
        "--preset",
        "copy",
    ];
    let (code, id, err) = run(&system, &one, &submit);
    assert_eq!(code, Some(0), "{err}");
    let id = id.trim();
    for words in [
        &["jobs", "get", id][..],
        &["jobs", "watch", id],
        &["jobs", "cancel", id],
        &["jobs", "retry", id],
        &["jobs", "delete", id],
        &["webhooks", "deliveries", id],
    ] {
        let (code, out, err) = run(&system, &other, words);
        assert_eq!((code, out.as_str()), (Some(3), ""), "{words:?} {err}");
    }
    let (_, listed, _) = run(&system, &other, &["--json", "jobs", "list"]);
    assert_eq!(listed, "");
    for (source, destination, expected) in [
        ("one/in.mov", "other/out.mp4", 4),
        ("other/in.mov", "one/stolen.mp4", 4),
        ("other/../one/in.mov", "other/out.mp4", 2),
    ] {
        let words = ["submit", source, destination, "--preset", "copy"];
        let (code, _, err) = run(&system, &other, &words);
        assert_eq!(code, Some(expected), "{words:?} {err}");
    }
    let (code, _, err) = run(&system, &one, &["jobs", "watch", id]);
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn no_key_is_anywhere_in_the_clear() {
    let system = System::start_with(&[CLOSED]);
    make_clip(&system.path("in.mov"), 1, "160x90");
    let (_, key) = make(&system, &["--scope", "admin"]);
    let secret = key.rsplit_once('_').unwrap().1;
    let submit = ["submit", "in.mov", "out.mp4", "--preset", "copy", "--wait"];
    let (code, out, err) = run(&system, &key, &submit);
    assert_eq!(code, Some(0), "{err}");
    assert!(!out.contains(secret) && !err.contains(secret));
    let kept = files(&system.data());
    assert!(!kept.is_empty());
    for name in kept {
        let bytes = std::fs::read(system.data().join(&name)).unwrap_or_default();
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{name} holds the key");
    }
}

#[test]
fn a_key_that_could_do_nothing_is_not_made() {
    let system = System::start();
    for flags in [
        &["--scope", "all"][..],
        &[],
        &["--scope", "read", "--source", "uploads/"],
        &["--scope", "read", "--queued-jobs", "-1"],
    ] {
        let words = [&["keys", "create", "test"], flags].concat();
        let made = system.run(&words);
        assert_eq!(made.status.code(), Some(2), "{flags:?}");
    }
    assert_eq!(text(&system.run(&["--json", "keys", "list"])).0, "");
}
