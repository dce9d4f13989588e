//! Presets of one's own: stored, used, changed and forgotten, by commands and by requests.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{System, file_url, make_clip, probe, stream};

fn run(system: &System, words: &[&str]) -> String {
    let output = system.run(words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Stores a preset of this height by the command.
fn add(system: &System, height: u32) {
    let file = system.path("house.json");
    fs::write(&file, house(height).to_string()).unwrap();
    let file = file.display().to_string();
    let words = "presets add house --description What-we-publish --file";
    let words: Vec<&str> = words.split(' ').chain([file.as_str()]).collect();
    run(system, &words);
}

fn house(height: u32) -> Value {
    json!({"outputs": [{"video": {"height": height, "speed": "ultrafast"}}], "file_metadata": {"artist": "Us"}})
}

fn body(system: &System, preset: &str, dest: &str) -> Value {
    json!({"preset": preset, "source_path": file_url(&system.path("in.mov")), "dest_path": file_url(&system.path(dest))})
}

fn height_of(system: &System, name: &str) -> u64 {
    let found = probe(&system.path(name));
    stream(&found, "video")["height"].as_u64().unwrap()
}

#[test]
fn a_preset_of_ones_own_is_used_like_the_systems() {
    let system = System::start();
    make_clip(&system.path("in.mov"), 1, "640x360");
    add(&system, 180);
    assert!(run(&system, &["presets", "list"]).contains("What-we-publish"));
    let shown = run(&system, &["presets", "show", "house"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["version"], &shown["job"]), (&json!(1), &house(180)));

    let job = body(&system, "house@1", "a.mp4");
    let (_, dry) = system.http("POST", "/v1/jobs?dry_run=true", Some(&job));
    assert!(dry.to_string().contains("180"), "{dry}");
    let job = system.finished(&system.submit(&job));
    assert_eq!(job["preset"], json!("house@1"));
    assert_eq!(height_of(&system, "a.mp4"), 180);

    add(&system, 90);
    let stale = body(&system, "house@1", "b.mp4");
    let (status, refused) = system.http("POST", "/v1/jobs", Some(&stale));
    assert_eq!((status, &refused["code"]), (422, &json!("unknown_preset")));
    system.finished(&system.submit(&body(&system, "house", "b.mp4")));
    assert_eq!(height_of(&system, "b.mp4"), 90);

    run(&system, &["presets", "delete", "house"]);
    let gone = body(&system, "house", "c.mp4");
    assert_eq!(system.http("POST", "/v1/jobs", Some(&gone)).0, 422);
    system.assert_clean();
}

#[test]
fn a_preset_that_makes_no_job_is_refused_and_those_of_the_system_stay() {
    let system = System::start();
    assert_eq!(system.http("GET", "/v1/presets/house", None).0, 404);
    assert_eq!(system.http("DELETE", "/v1/presets/house", None).0, 404);
    assert_eq!(system.http("DELETE", "/v1/presets/copy", None).0, 409);
    let avi = json!({"job": {"outputs": [{"container": "avi"}]}});
    let (status, refused) = system.http("PUT", "/v1/presets/bad", Some(&avi));
    let pointer = &refused["errors"][0]["pointer"];
    assert_eq!((status, pointer), (400, &json!("/job/outputs/0/container")));
    let house = json!({"job": {"outputs": [{}]}});
    assert_eq!(system.http("PUT", "/v1/presets/copy", Some(&house)).0, 400);
    assert_eq!(system.http("PUT", "/v1/presets/house", Some(&house)).0, 201);
    assert_eq!(system.http("PUT", "/v1/presets/house", Some(&house)).0, 200);
    let mut both = body(&system, "house", "b.mp4");
    both["outputs"] = json!([{}]);
    let (status, refused) = system.http("POST", "/v1/jobs", Some(&both));
    let pointer = &refused["errors"][0]["pointer"];
    assert_eq!((status, pointer), (400, &json!("/preset")));
}
