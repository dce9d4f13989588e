//! The command line as a person or a script uses it.

use std::{fs, process::Output};

use serde_json::Value;

use crate::harness::{System, boxes, decodes, eventually, make_clip, probe, stream};

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&out(output))
        .unwrap_or_else(|_| panic!("{}\n{}", out(output), err(output)))
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn encode_needs_no_server_and_prints_data_on_stdout_only() {
    let system = System::start();
    system.kill_server();
    make_clip(&system.path("in.mov"), 1, "1280x720");
    let run = system.run(&[
        "--json",
        "encode",
        "in.mov",
        "out.mp4",
        "--preset",
        "web-mp4-480p",
    ]);
    assert_eq!(code(&run), Some(0), "{}", err(&run));
    let result = system.path("out.mp4");
    assert_eq!(json(&run)["outputs"][0]["height"], 480);
    assert_eq!(stream(&probe(&result), "video")["width"], 854);
    assert!(decodes(&result));
    let kinds = boxes(&result);
    assert!(
        kinds.iter().position(|kind| kind == "moov") < kinds.iter().position(|kind| kind == "mdat")
    );
    system.assert_clean();

    let named = system.run(&["encode", "in.mov"]);
    assert_eq!(code(&named), Some(0), "{}", err(&named));
    assert!(system.path("in.web-mp4-720p.mp4").exists());
    assert!(
        !err(&named).contains('\u{1b}'),
        "no bars when not a terminal"
    );
}

#[test]
fn encode_says_what_is_wrong_and_leaves_nothing() {
    let system = System::start();
    fs::write(system.path("text.mov"), b"no video").unwrap();
    let missing = system.run(&["encode", "nope.mov"]);
    assert_eq!(code(&missing), Some(3));
    assert!(
        err(&missing).contains("source not found: nope.mov") && err(&missing).contains("hint:"),
        "{}",
        err(&missing)
    );
    let text = system.run(&["encode", "text.mov", "out.mp4"]);
    assert_eq!(code(&text), Some(5));
    assert!(err(&text).contains("source_unreadable"), "{}", err(&text));
    assert!(!system.path("out.mp4").exists());
    assert_eq!(
        code(&system.run(&["encode", "text.mov", "--preset", "nope"])),
        Some(3)
    );
    assert_eq!(code(&system.run(&["encode"])), Some(2));
    system.assert_clean();
}

#[test]
fn submit_waits_and_its_exit_status_tells_how_the_job_ended() {
    let system = System::start();
    make_clip(&system.path("in.mov"), 1, "320x180");
    fs::write(system.path("text.mov"), b"no video").unwrap();
    let good = system.run(&[
        "--json",
        "submit",
        "in.mov",
        "out.mp4",
        "--wait",
        "--external-id",
        "mine",
    ]);
    assert_eq!(code(&good), Some(0), "{}", err(&good));
    assert_eq!(json(&good)["state"], "FINISHED");
    let bad = system.run(&["submit", "text.mov", "bad.mp4", "--wait"]);
    assert_eq!(code(&bad), Some(5));
    assert!(err(&bad).contains("source_unreadable"));
    assert_eq!(code(&system.run(&["submit", "nope.mov", "x.mp4"])), Some(3));
    assert_eq!(
        code(&system.run(&["submit", "in.mov", "x.mp4", "--preset", "nope"])),
        Some(2)
    );

    let found = system.run(&["--json", "jobs", "list", "--external-id", "mine"]);
    assert_eq!(json(&found)["id"], json(&good)["id"]);
    let errors = system.run(&["jobs", "list", "--state", "error"]);
    assert!(
        out(&errors).contains("source_unreadable"),
        "{}",
        out(&errors)
    );
}

#[test]
fn jobs_are_shown_watched_canceled_and_wiped() {
    let system = System::start();
    make_clip(&system.path("in.mov"), 20, "1280x720");
    let submitted = system.run(&["submit", "in.mov", "out.mp4", "--preset", "legacy/cb_high"]);
    let id = out(&submitted).trim().to_owned();
    eventually("the job to run", || {
        (system.job(&id)["state"] == "ENCODING").then_some(())
    });
    let shown = system.run(&["jobs", "get", &id]);
    assert!(
        out(&shown).contains("ran          ffmpeg -y"),
        "{}",
        out(&shown)
    );
    assert_eq!(code(&system.run(&["jobs", "cancel", &id])), Some(0));
    let watched = system.run(&["jobs", "watch", &id]);
    assert_eq!(code(&watched), Some(5));
    assert!(err(&watched).contains("CANCELED"));

    let refused = system.run(&["jobs", "delete", "--all"]);
    assert_eq!(
        code(&refused),
        Some(2),
        "it asks, and nobody is there to answer"
    );
    assert_eq!(
        code(&system.run(&["jobs", "delete", "--all", "--yes"])),
        Some(0)
    );
    assert_eq!(code(&system.run(&["jobs", "get", &id])), Some(3));
    assert_eq!(out(&system.run(&["--json", "jobs", "list"])), "");
}

#[test]
fn doctor_knows_what_this_machine_has_and_what_it_lacks() {
    let system = System::start();
    let good = system.run(&["doctor"]);
    assert_eq!(code(&good), Some(0), "{}{}", out(&good), err(&good));
    assert!(out(&good).contains("libx264"));
    let bad = system
        .command(&["doctor"])
        .env("NOMMER_FFMPEG__PATH", "/nowhere/ffmpeg")
        .output()
        .unwrap();
    assert_eq!(code(&bad), Some(1));
    assert!(out(&bad).contains("install ffmpeg"), "{}", out(&bad));
}

#[test]
fn settings_come_in_layers_and_a_slip_is_told() {
    let system = System::start();
    fs::write(
        system.path("nommer.toml"),
        "[fleet]\nmax = 7\n[encoder]\nstall_limit = \"30s\"\n",
    )
    .unwrap();
    let shown = system
        .command(&["config"])
        .env("NOMMER_FLEET__MAX", "9")
        .output()
        .unwrap();
    let settings = json(&shown);
    assert_eq!(
        (
            &settings["fleet"]["max"],
            &settings["encoder"]["stall_limit"]
        ),
        (&Value::from(9), &Value::from("30s"))
    );
    let slip = system
        .command(&["config"])
        .env("NOMMER_ENCODER__HAERTBEAT", "1s")
        .output()
        .unwrap();
    assert_eq!(code(&slip), Some(2));
    assert!(err(&slip).contains("heartbeat"), "{}", err(&slip));
    let wrong = system
        .command(&["config"])
        .env("NOMMER_ENCODER__LEASE", "1s")
        .output()
        .unwrap();
    assert!(err(&wrong).contains("encoder.lease"), "{}", err(&wrong));
}

#[test]
fn settings_of_the_original_become_settings_of_today() {
    let system = System::start();
    let nomconf = "AWS_SECRET_ACCESS_KEY = 'hushhush'\nMAX_NUM_EC2_INSTANCES = 5\nFEEDERD_ABANDON_INACTIVE_JOBS_THRESH = 3600 * 24\n";
    fs::write(system.path("nomconf.py"), nomconf).unwrap();
    let migrated = system.run(&["migrate", "nomconf.py"]);
    assert_eq!(code(&migrated), Some(0));
    fs::write(system.path("nommer.toml"), out(&migrated)).unwrap();
    let settings = json(&system.run(&["config"]));
    assert_eq!(
        (
            &settings["fleet"]["max"],
            &settings["jobs"]["abandon_after"]
        ),
        (&Value::from(5), &Value::from("24h"))
    );
    assert!(!out(&migrated).contains("hushhush") && !err(&migrated).contains("hushhush"));
    assert_eq!(code(&system.run(&["migrate", "nope.py"])), Some(3));
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let system = System::start();
    let second = system.run(&["dev", "--listen", "127.0.0.1:0"]);
    assert_eq!(code(&second), Some(1));
    assert!(
        err(&second).contains("another nommer uses"),
        "{}",
        err(&second)
    );
}

#[test]
fn completions_presets_and_options_are_listed() {
    let system = System::start();
    for shell in ["bash", "zsh", "fish"] {
        assert!(out(&system.run(&["completions", shell])).contains("nommer"));
    }
    assert!(out(&system.run(&["presets"])).contains("legacy/web_medium"));
    assert!(out(&system.run(&["options"])).contains("yadif"));
    let simulated = system.run(&["--json", "simulate", "--workload", "sparse", "--seeds", "1"]);
    assert!(out(&simulated).lines().count() >= 2, "{}", err(&simulated));
    let unreachable = system
        .command(&["jobs", "list"])
        .env("NOMMER_API", "http://127.0.0.1:1")
        .output()
        .unwrap();
    assert_eq!(code(&unreachable), Some(1));
    assert!(
        err(&unreachable).contains("nommer dev"),
        "{}",
        err(&unreachable)
    );
}

#[test]
fn each_setting_tells_where_it_comes_from() {
    let system = System::start();
    fs::write(system.path("nommer.toml"), "[fleet]\nmax = 3\n").unwrap();
    let mut command = system.command(&["config", "--origin"]);
    let told = command.env("NOMMER_FLEET__MIN", "1").output().unwrap();
    assert_eq!(code(&told), Some(0), "{}", err(&told));
    let row = |name: &str| {
        let line = out(&told)
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned();
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let file = system.path("nommer.toml").canonicalize().unwrap();
    assert_eq!(
        row("fleet.max ")[1..],
        ["3".to_owned(), file.display().to_string()]
    );
    assert_eq!(row("fleet.min ")[1..], ["1", "environment"]);
    assert_eq!(row("server.require_key ")[1..], ["false", "default"]);
}

#[test]
fn manuals_completions_and_the_description_of_the_api_are_made() {
    let system = System::start();
    assert_eq!(code(&system.run(&["man", "pages"])), Some(0));
    let page = fs::read_to_string(system.path("pages/nommer-batch.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("target"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let script = system.run(&["completions", shell]);
        assert!(out(&script).contains("batch"), "{shell}");
    }
    assert_eq!(json(&system.run(&["openapi"]))["openapi"], "3.1.0");
}

#[test]
fn many_jobs_are_canceled_retried_and_deleted_by_a_filter() {
    let system = System::start_with(&[("NOMMER_FLEET__ENABLED", "false")]);
    make_clip(&system.path("in.mov"), 1, "160x90");
    for number in 0..3 {
        let name = format!("{number}.mp4");
        let run = system.run(&["submit", "in.mov", &name, "--external-id", "lot-1"]);
        assert_eq!(code(&run), Some(0), "{}", err(&run));
    }
    let unasked = system.run(&["jobs", "bulk", "cancel", "--external-id", "lot-1"]);
    assert_eq!(code(&unasked), Some(2), "nobody is there to ask");
    let bulk =
        |words: &[&str]| json(&system.run(&[&["--json", "jobs", "bulk", "--yes"], words].concat()));
    let canceled = bulk(&["cancel", "--external-id", "lot-1"]);
    assert_eq!(
        (&canceled["matched"], &canceled["done"]),
        (&3.into(), &3.into())
    );
    assert_eq!(bulk(&["retry", "--state", "canceled"])["done"], 3);
    let deleted = bulk(&["delete", "--created-before", "2999-01-01T00:00:00Z"]);
    assert_eq!(
        (&deleted["matched"], &deleted["done"]),
        (&6.into(), &3.into())
    );
    assert_eq!(
        deleted["refused"].as_array().unwrap().len(),
        3,
        "those that wait stay"
    );
}
