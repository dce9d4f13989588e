//! `nommer batch` against a real system: killed in the middle, run again, and nothing is encoded twice.

use std::{fs, process::Output};

use serde_json::Value;

use crate::harness::{System, boxes, decodes, eventually, make_clip, probe, repository, stream};

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

/// Three pictures of one film and its sound, each as fragmented MP4: a list that stands in the documentation.
#[test]
fn the_documented_ladder_is_a_list_that_is_taken() {
    let list = repository().join("docs/examples/ladder.jsonl");
    let system = System::start();
    let lines = fs::read_to_string(list).unwrap();
    let bodies: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(bodies.len(), 4);
    for body in &bodies {
        let (status, answer) = system.http("POST", "/v1/jobs?dry_run=true", Some(body));
        assert_eq!(status, 200, "{answer:#}");
    }
    make_clip(&system.path("film.mp4"), 5, "640x360");
    let local = lines
        .replace("https://media.example.com/", "")
        .replace("s3://my-results/", "");
    fs::write(system.path("ladder.jsonl"), local).unwrap();
    for folder in ["video/480", "video/720", "video/1080", "audio/128"] {
        fs::create_dir_all(system.path(&format!("film/{folder}"))).unwrap();
    }
    let done = system.run(&["batch", "ladder.jsonl"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done).1);
    for (height, name) in [(480, "video/480/film.mp4"), (1080, "video/1080/film.mp4")] {
        let made = system.path(&format!("film/{name}"));
        assert!(decodes(&made));
        assert_eq!(stream(&probe(&made), "video")["height"], height);
        let fragments = boxes(&made).iter().filter(|kind| *kind == "moof").count();
        assert!(fragments >= 2, "{:?}", boxes(&made));
    }
    assert!(decodes(&system.path("film/audio/128/film.m4a")));
}
