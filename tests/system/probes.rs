//! Looks at sources: by an encoder through the API, and here and now by `nommer probe`.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{System, eventually, file_url, make_clip};

/// Waits for the end of a probe.
fn ended(system: &System, id: &str) -> Value {
    eventually("the end of a probe", || {
        let (status, probe) = system.http("GET", &format!("/v1/probes/{id}"), None);
        assert_eq!(status, 200, "{probe}");
        probe["finished_at"].is_string().then_some(probe)
    })
}

fn asked(system: &System, source: &str) -> String {
    let body = json!({"source_path": source});
    let (status, probe) = system.http("POST", "/v1/probes", Some(&body));
    assert_eq!(status, 202, "{probe}");
    probe["id"].as_str().unwrap().to_owned()
}

/// Whether it is the clip of two seconds.
fn is_the_clip(source: &Value) {
    assert!(
        (source["seconds"].as_f64().unwrap() - 2.0).abs() < 0.2,
        "{source}"
    );
    assert!(source["bytes"].as_u64().unwrap() > 1_000, "{source}");
    assert!(source["bitrate"].as_u64().unwrap() > 1_000, "{source}");
    assert!(
        source["format"].as_str().unwrap().contains("mov"),
        "{source}"
    );
    let streams = source["streams"].as_array().unwrap();
    let video = streams.iter().find(|one| one["kind"] == "video").unwrap();
    assert_eq!(
        (&video["codec"], &video["width"], &video["height"]),
        (&json!("h264"), &json!(320), &json!(180))
    );
    assert!(streams.iter().any(|one| one["codec"] == "aac"), "{source}");
}

#[test]
fn an_encoder_looks_at_a_source_and_makes_nothing() {
    let system = System::start();
    let source = system.path("in.mov");
    make_clip(&source, 2, "320x180");
    let before = fs::metadata(&source).unwrap().modified().unwrap();
    let id = asked(&system, &file_url(&source));
    let probe = ended(&system, &id);
    assert_eq!(probe["state"], "FINISHED", "{probe:#}");
    is_the_clip(&probe["source"]);
    assert_eq!(fs::metadata(&source).unwrap().modified().unwrap(), before);
    let (_, jobs) = system.http("GET", "/v1/jobs", None);
    assert_eq!(jobs["data"], json!([]), "a probe is in no list");

    fs::write(system.path("text.mov"), "this is no film").unwrap();
    let id = asked(&system, &file_url(&system.path("text.mov")));
    let probe = ended(&system, &id);
    assert_eq!(
        (&probe["state"], &probe["error"]["code"]),
        (&json!("ERROR"), &json!("source_unreadable")),
        "{probe:#}"
    );

    let job = json!({"source_path": file_url(&source), "dest_path": file_url(&system.path("out.mp4")), "preset": "copy"});
    let job = system.submit(&job);
    system.finished(&job);
    let (status, found) = system.http("GET", &format!("/v1/jobs/{job}/probe"), None);
    assert_eq!(status, 200, "{found}");
    is_the_clip(&found);
    system.assert_clean();
}

#[test]
fn the_command_looks_here_or_through_a_system_and_finds_the_same() {
    let system = System::start();
    make_clip(&system.path("in.mov"), 2, "320x180");
    let json = |words: &[&str], through: bool| -> Value {
        let mut command = system.command(words);
        if !through {
            command.env_remove("NOMMER_API");
        }
        let run = command.output().unwrap();
        assert!(run.status.success(), "{run:?}");
        serde_json::from_slice(&run.stdout).unwrap()
    };
    let words = ["--json", "probe", "in.mov"];
    let (here, there) = (json(&words, false), json(&words, true));
    is_the_clip(&here);
    assert_eq!(here, there);

    let table = system.command(&["probe", "in.mov"]).output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    for word in ["h264", "aac", "320x180", "25.00"] {
        assert!(table.contains(word), "{table}");
    }
    for through in [true, false] {
        fs::write(system.path("text.mov"), "this is no film").unwrap();
        let mut command = system.command(&["probe", "text.mov"]);
        if !through {
            command.env_remove("NOMMER_API");
        }
        assert_eq!(command.output().unwrap().status.code(), Some(5));
    }
    let mut command = system.command(&["probe", "nothing.mov"]);
    let missing = command.env_remove("NOMMER_API").output().unwrap();
    assert_eq!(missing.status.code(), Some(3));
    system.assert_clean();
}
