//! Batches, the client's and the system's own, against a real system: killed in the middle, run again, and nothing is encoded twice.

use std::{fs, path::Path, process::Output};

use serde_json::{Value, json};

use crate::harness::{System, decodes, eventually, file_url, make_clip, probe, repository, stream};

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// How many jobs there are.
fn jobs(system: &System) -> usize {
    let (_, page) = system.http("GET", "/v1/jobs?limit=100", None);
    page["data"].as_array().unwrap().len()
}

fn list(system: &System, count: usize) {
    let lines = (0..count).map(|number| format!("in.mov,out-{number}.mp4,copy\n"));
    let lines = "source_path,dest_path,preset\n".to_owned() + &lines.collect::<String>();
    fs::write(system.path("films.csv"), lines).unwrap();
}

#[test]
fn a_batch_that_is_killed_goes_on_and_encodes_nothing_twice() {
    let system = System::start();
    make_clip(&system.path("in.mov"), 1, "160x90");
    list(&system, 12);
    let words = ["--json", "batch", "films.csv", "--target-queue", "2"];
    for enough in [2, 6] {
        let mut batch = system.command(&words).spawn().unwrap();
        eventually("some jobs", || (jobs(&system) >= enough).then_some(()));
        batch.kill().unwrap();
        batch.wait().unwrap();
    }
    let done = system.run(&words);
    let (out, err) = text(&done);
    assert_eq!(done.status.code(), Some(0), "{err}");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&summary["finished"], &summary["failed"]),
        (&12.into(), &0.into())
    );
    assert_eq!(jobs(&system), 12);
    for number in 0..12 {
        assert!(decodes(&system.path(&format!("out-{number}.mp4"))));
    }
    // Once more: all is done, and nothing is submitted.
    assert_eq!(system.run(&words).status.code(), Some(0));
    assert_eq!(jobs(&system), 12);
}

#[test]
fn what_cannot_be_encoded_is_listed_at_the_end_and_done_when_it_is_mended() {
    let system = System::start();
    fs::create_dir(system.path("films")).unwrap();
    make_clip(&system.path("films/good.mov"), 1, "160x90");
    fs::write(system.path("films/bad.mov"), "no film").unwrap();
    let words = [
        "batch",
        "films",
        "--destination",
        "{stem}.mp4",
        "--preset",
        "copy",
    ];
    let first = system.run(&words);
    let (out, err) = text(&first);
    assert_eq!(first.status.code(), Some(5), "{err}");
    assert!(out.contains("1 finished, 1 failed"), "{out}");
    assert!(
        out.contains("bad.mov") && out.contains("source_unreadable"),
        "{out}"
    );
    assert_eq!(jobs(&system), 2, "what cannot be is not tried again");
    fs::copy(system.path("films/good.mov"), system.path("films/bad.mov")).unwrap();
    let second = system.run(&words);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second).1);
    assert!(decodes(&system.path("bad.mp4")));
    assert_eq!(jobs(&system), 3, "what was done is not done again");
}

#[test]
fn a_full_queue_is_waited_out_and_not_counted() {
    let system = System::start();
    make_clip(&system.path("in.mov"), 1, "160x90");
    list(&system, 3);
    let scopes = ["--scope", "submit", "--scope", "read"];
    let made = system.run(
        &[
            &["keys", "create", "one", "--queued-jobs", "1"],
            &scopes[..],
        ]
        .concat(),
    );
    let key = text(&made).0;
    let mut batch = system.command(&["batch", "films.csv", "--retries", "0"]);
    let done = batch.env("NOMMER_API_KEY", key.trim()).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", text(&done).1);
    assert_eq!(jobs(&system), 3);
}

/// What became of each job of a batch: its state, and how many attempts it took.
fn jobs_of(system: &System, batch: &str) -> Vec<(String, u64)> {
    let path = format!("/v1/jobs?limit=100&batch_id={batch}");
    let (_, page) = system.http("GET", &path, None);
    let jobs = page["data"].as_array().unwrap().iter();
    jobs.map(|job| {
        let state = job["state"].as_str().unwrap().to_owned();
        (state, job["attempts"].as_u64().unwrap())
    })
    .collect()
}

#[test]
fn a_batch_of_the_systems_own_survives_its_death_and_encodes_nothing_twice() {
    let mut system = System::start();
    make_clip(&system.path("in.mov"), 1, "160x90");
    list(&system, 12);
    let handed = system.run(&["batch", "films.csv", "--server", "--target-queue", "2"]);
    let (out, err) = text(&handed);
    assert_eq!(handed.status.code(), Some(0), "{err}");
    let batch = out.trim().to_owned();
    for enough in [2, 6] {
        eventually("some jobs", || (jobs(&system) >= enough).then_some(()));
        system.restart();
    }
    let watched = system.run(&["--json", "batches", "watch", &batch]);
    let (out, err) = text(&watched);
    assert_eq!(watched.status.code(), Some(0), "{out}{err}");
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&shown["state"], &shown["counts"]["finished"]),
        (&"FINISHED".into(), &12.into())
    );
    let made = jobs_of(&system, &batch);
    assert_eq!(made.len(), 12);
    assert_eq!(jobs(&system), 12);
    for number in 0..12 {
        assert!(decodes(&system.path(&format!("out-{number}.mp4"))));
    }
    for (state, attempts) in made {
        // An attempt that the kill ended is made again; what was finished is not.
        assert!(state == "FINISHED" && attempts <= 3, "{state} {attempts}");
    }
    let listed = text(&system.run(&["batches", "list"])).0;
    assert!(
        listed.contains(&batch) && listed.contains("12/12"),
        "{listed}"
    );
}

#[test]
fn a_batch_of_the_systems_own_lists_what_failed_and_can_be_canceled() {
    let system = System::start();
    fs::create_dir(system.path("films")).unwrap();
    make_clip(&system.path("films/good.mov"), 1, "160x90");
    fs::write(system.path("films/bad.mov"), "no film").unwrap();
    let words = [
        "batch",
        "films",
        "--destination",
        "{stem}.mp4",
        "--preset",
        "copy",
        "--server",
    ];
    let (batch, _) = text(&system.run(&words));
    let watched = system.run(&["batches", "watch", batch.trim()]);
    let (out, err) = text(&watched);
    assert_eq!(watched.status.code(), Some(5), "{err}");
    assert!(out.contains("1 finished, 1 failed"), "{out}");
    assert!(
        out.contains("bad.mov") && out.contains("source_unreadable"),
        "{out}"
    );
    assert!(err.contains("nommer jobs list --batch"), "{err}");
    let failed = system.run(&["jobs", "list", "--batch", batch.trim(), "--state", "error"]);
    assert!(text(&failed).0.contains("bad.mov"));

    make_clip(&system.path("in.mov"), 20, "640x360");
    let to = |name: &str| json!({"dest_path": file_url(&system.path(name))});
    let source = file_url(&system.path("in.mov"));
    let slow = json!({"job": {"preset": "web-mp4-1080p", "source_path": source},
        "entries": [to("a.mp4"), to("b.mp4"), to("c.mp4")], "target_queue": 1});
    let (status, begun) = system.http("POST", "/v1/batches", Some(&slow));
    assert_eq!(status, 201, "{begun:#}");
    let id = begun["id"].as_str().unwrap();
    let canceled = system.run(&["--json", "batches", "cancel", id]);
    let shown: Value = serde_json::from_str(&text(&canceled).0).unwrap();
    assert_eq!(
        (&shown["state"], &shown["counts"]["canceled"]),
        (&"CANCELED".into(), &3.into())
    );
    assert_eq!(jobs_of(&system, id).len(), 1);
}

/// What is in the first segment of a rendition.
fn first_segment(system: &System, folder: &Path) -> Value {
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let file = system.path("first.mp4");
    fs::write(&file, [read("init.m4s"), read("00001.m4s")].concat()).unwrap();
    assert!(decodes(&file), "{}", folder.display());
    probe(&file)
}

/// A film of three sizes and its sound as one small file, as it stands in the documentation.
#[test]
fn the_documented_ladder_is_one_job_from_one_decode() {
    let system = System::start();
    let text = fs::read_to_string(repository().join("docs/examples/ladder.json")).unwrap();
    let body: Value = serde_json::from_str(&text).unwrap();
    let (status, answer) = system.http("POST", "/v1/jobs?dry_run=true", Some(&body));
    assert_eq!(status, 200, "{answer:#}");

    make_clip(&system.path("film.mp4"), 9, "1920x1080");
    fs::create_dir(system.path("film")).unwrap();
    let here = format!("{}/", file_url(system.folder.path()));
    let local = text
        .replace("https://media.example.com/", &here)
        .replace("s3://my-results/", &here)
        .replace(",\n  \"storage\": {\"acl\": \"public-read\"}", "");
    fs::write(system.path("ladder.json"), local).unwrap();
    let done = system.run(&["--json", "submit", "--file", "ladder.json", "--wait"]);
    assert_eq!(
        done.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let job: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(job["resolved"]["passes"].as_array().unwrap().len(), 1);
    let parts = system.path("film").join(job["id"].as_str().unwrap());
    for (folder, kind, rate) in [
        ("video/480", "video", 800_000),
        ("video/720", "video", 1_200_000),
        ("video/1080", "video", 2_000_000),
        ("audio/128", "audio", 128_000),
    ] {
        let found = first_segment(&system, &parts.join(folder));
        let seconds: f64 = found["format"]["duration"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((seconds - 4.0).abs() < 0.1, "{folder}: {seconds}");
        let media = stream(&found, kind);
        if kind == "video" {
            assert_eq!(folder, format!("video/{}", media["height"]));
            assert_eq!(media["codec_name"], "h264");
        } else {
            assert_eq!(media["codec_name"], "aac");
        }
        let files = fs::read_dir(parts.join(folder)).unwrap();
        let sizes: Vec<u64> = files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .collect();
        assert_eq!(sizes.len(), 4, "{folder}");
        let bits = sizes.iter().sum::<u64>() * 8 / 9;
        assert!(bits < rate * 3 / 2, "{folder}: {bits} bits a second");
    }
    check_manifests(&system.path("film"));
}

/// Both manifests name all three pictures.
fn check_manifests(folder: &Path) {
    for manifest in ["master.m3u8", "manifest.mpd"] {
        let found = probe(&folder.join(manifest));
        let heights = found["streams"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["height"].as_u64());
        let mut heights: Vec<u64> = heights.collect();
        heights.sort_unstable();
        assert_eq!(heights, [480, 720, 1080], "{manifest}");
    }
}
