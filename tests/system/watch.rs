//! Watched folders: what becomes whole in them becomes one job, whatever is killed on the way.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::harness::{System, decodes, eventually, make_clip, nommer};

/// A system that watches `in` for `out`, both in its folder.
fn watching(rules: &str) -> System {
    let rules = format!("[{rules}]");
    let prepare = |folder: &Path| {
        for name in ["in", "out"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        fs::write(folder.join("nommer.toml"), settings(&rules)).unwrap();
    };
    System::start_in(prepare, &[])
}

fn settings(rules: &str) -> String {
    format!("watch = {rules}\n")
}

const RULE: &str = r#"{ from = "in/", to = "out/{stem}.mp4", preset = "copy" }"#;

fn jobs(system: &System) -> Vec<Value> {
    let (_, page) = system.http("GET", "/v1/jobs?limit=100", None);
    page["data"].as_array().unwrap().clone()
}

/// Waits until there are so many jobs and all have ended; then their sources' names.
fn ended(system: &System, count: usize) -> Vec<String> {
    let jobs = eventually("the jobs of what is watched", || {
        let jobs = jobs(system);
        let done = jobs.iter().all(|job| job["finished_at"].is_string());
        (jobs.len() >= count && done).then_some(jobs)
    });
    assert_eq!(jobs.len(), count, "{jobs:#?}");
    let mut names: Vec<_> = jobs
        .iter()
        .map(|job| {
            let path = job["source_path"].as_str().unwrap();
            path.rsplit('/').next().unwrap().to_owned()
        })
        .collect();
    names.sort();
    names
}

/// Gives the watcher the time in which it would find more.
fn settle(system: &System, count: usize) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        assert_eq!(jobs(system).len(), count, "{:#?}", jobs(system));
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn files_become_jobs_when_they_are_whole_and_never_again() {
    let mut system = watching(RULE);
    let clip = system.path("clip.mov");
    make_clip(&clip, 2, "160x90");
    let bytes = fs::read(&clip).unwrap();

    // Written slowly, and for longer than a file has to stand still.
    let slow = system.path("in/slow.mov");
    let mut file = File::create(&slow).unwrap();
    for part in bytes.chunks(bytes.len().div_ceil(4)) {
        file.write_all(part).unwrap();
        thread::sleep(Duration::from_millis(1_500));
        assert!(jobs(&system).is_empty(), "it is not whole");
    }
    drop(file);
    // Written under another name, and renamed.
    fs::write(system.path("in/renamed.mov.part"), &bytes).unwrap();
    fs::create_dir(system.path("in/below")).unwrap();
    fs::rename(
        system.path("in/renamed.mov.part"),
        system.path("in/below/renamed.mov"),
    )
    .unwrap();
    // Not for us.
    fs::write(system.path("in/.hidden.mov"), &bytes).unwrap();
    fs::write(system.path("in/other.mov.crdownload"), &bytes).unwrap();
    assert_eq!(ended(&system, 2), ["renamed.mov", "slow.mov"]);
    for name in ["out/slow.mp4", "out/renamed.mp4"] {
        assert!(decodes(&system.path(name)), "{name}");
    }
    settle(&system, 2);

    // Killed, with something new since.
    system.kill_server();
    fs::write(system.path("in/meanwhile.mov"), &bytes).unwrap();
    system.restart();
    assert_eq!(ended(&system, 3).len(), 3);
    settle(&system, 3);

    // Written anew, it is another.
    let mut again = OpenOptions::new().append(true).open(&slow).unwrap();
    again.write_all(b"\0\0\0\x08free").unwrap();
    drop(again);
    assert_eq!(ended(&system, 4).len(), 4);
    system.assert_clean();
}

#[test]
fn a_server_that_is_killed_again_and_again_makes_one_job_of_each_file() {
    let mut system = watching(RULE);
    make_clip(&system.path("clip.mov"), 1, "160x90");
    for round in 0..4 {
        for number in 0..3 {
            let name = format!("in/{round}-{number}.mov");
            fs::copy(system.path("clip.mov"), system.path(&name)).unwrap();
        }
        // Right when the first is taken.
        let before = round * 3;
        eventually("a new job", || (jobs(&system).len() > before).then_some(()));
        system.restart();
    }
    // A message that was lost comes again after two minutes: not all of them end here.
    let sources = eventually("a job of each file", || {
        let all = jobs(&system);
        let source = |job: &Value| job["source_path"].as_str().unwrap().to_owned();
        (all.len() >= 12).then(|| all.iter().map(source).collect::<BTreeSet<_>>())
    });
    assert_eq!(sources.len(), 12);
    settle(&system, 12);
}

#[test]
fn results_below_a_watched_folder_start_no_jobs_and_a_failure_stops_nothing() {
    let rule = r#"{ from = "in/", to = "in/done/{stem}.mp4", preset = "copy" }"#;
    let system = watching(rule);
    make_clip(&system.path("clip.mov"), 1, "160x90");
    fs::write(system.path("in/text.mov"), "this is no film").unwrap();
    fs::write(
        system.path("in/b\u{1}d.mov"),
        "a name that no address can hold",
    )
    .unwrap();
    eventually("the failure", || {
        let jobs = jobs(&system);
        (jobs.len() == 1 && jobs[0]["state"] == "ERROR").then_some(())
    });
    fs::copy(system.path("clip.mov"), system.path("in/good.mov")).unwrap();
    assert_eq!(ended(&system, 2), ["good.mov", "text.mov"]);
    assert!(system.path("in/done/good.mp4").exists());
    settle(&system, 2);
    let log = fs::read_to_string(system.path("server.log")).unwrap();
    let told = log.matches("a watched file was not taken").count();
    assert_eq!(told, 1, "{log}");

    let body = serde_json::json!({
        "source_path": format!("file://{}", system.path("clip.mov").display()),
        "dest_path": format!("file://{}", system.path("in/mine.mp4").display()), "preset": "copy",
    });
    let (status, refused) = system.http("POST", "/v1/jobs", Some(&body));
    assert_eq!(status, 400, "{refused}");
    assert_eq!(refused["errors"][0]["pointer"], "/dest_path");
}

#[test]
fn a_rule_that_cannot_be_is_told_at_the_start_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    for (rule, words) in [
        (
            r#"{ from = "in/", to = "out/a.mp4" }"#,
            &["watch[1].to"][..],
        ),
        (
            r#"{ from = "in/", to = "in/{stem}.mp4" }"#,
            &["watch[1].to", "watched"],
        ),
        (
            r#"{ from = "in/", to = "out/{stem}.mp4", preset = "web-mp4-720" }"#,
            &["watch[1].preset", "web-mp4-720p"],
        ),
        (
            r#"{ from = "nowhere/", to = "out/{stem}.mp4" }"#,
            &["no folder", "nowhere"],
        ),
        (
            r#"{ from = "s3://in/a/", to = "out/{stem}.mp4" }"#,
            &["watch[1].from", "WatchPrefix"],
        ),
        (
            r#"{ form = "in/", to = "out/{stem}.mp4" }"#,
            &["form", "from"],
        ),
    ] {
        let good = r#"{ from = "in/", to = "out/{id}.mp4" }"#;
        let rules = settings(&format!("[{good}, {rule}]"));
        fs::write(folder.path().join("nommer.toml"), rules).unwrap();
        let run = Command::new(nommer())
            .args(["dev", "--listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .env("NOMMER_LOCAL__DATA_DIR", folder.path().join("data"))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{rule} {told}");
        for word in words {
            assert!(told.contains(word), "{rule} {told}");
        }
    }
}
