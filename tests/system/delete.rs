//! Jobs that are forgotten with what they published: real outputs in real folders, and files of others beside them.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{System, file_url, files, make_clip};

const SRT: &str = "1\n00:00:01,000 --> 00:00:02,000\nHello\n";

/// A ladder for HLS and DASH with captions and pictures, to this folder.
fn ladder(system: &System, place: &Path) -> Value {
    let source = system.path("in.mov");
    if !source.exists() {
        make_clip(&source, 4, "320x180");
        fs::write(system.path("a.srt"), SRT).unwrap();
    }
    let captions = file_url(&system.path("a.srt"));
    let video = json!({"speed": "ultrafast"});
    let body = json!({"source_path": file_url(&source), "dest_path": file_url(place),
        "outputs": [{"name": "film", "container": "cmaf", "ladder": ["180p"], "video": video}],
        "thumbnails": {"poster_at": 1, "interval": 1},
        "captions": [{"source_path": captions, "language": "en", "label": "English"}]});
    system.finished(&system.submit(&body))
}

#[test]
fn a_job_takes_all_of_its_files_along_and_nothing_else() {
    let system = System::start();
    let place = system.path("out/");
    let job = ladder(&system, &place);
    let id = job["id"].as_str().unwrap();
    let made = files(&place).len();
    assert!(made > 10, "{:?}", files(&place));
    let theirs = place.join(id).join("note.txt");
    fs::write(&theirs, "theirs").unwrap();

    let deleted = system.run(&["jobs", "delete", id, "--outputs"]);
    assert!(deleted.status.success(), "{deleted:?}");
    assert_eq!(files(&place), [theirs.display().to_string()]);
    let (status, _) = system.http("GET", &format!("/v1/jobs/{id}"), None);
    assert_eq!(status, 404);
}

#[test]
fn a_job_whose_manifest_was_replaced_keeps_its_files_and_its_record() {
    let system = System::start();
    let place = system.path("out/");
    let job = ladder(&system, &place);
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    let playlist = place.join("media_0.m3u8");
    fs::write(&playlist, "theirs").unwrap();
    let before = files(&place);

    let (status, refused) = system.http("DELETE", &format!("{path}?delete_outputs=true"), None);
    assert_eq!((status, &refused["code"]), (409, &json!("dest_conflict")));
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("media_0.m3u8"), "{refused}");
    assert_eq!(files(&place), before);

    let (status, _) = system.http("DELETE", &path, None);
    assert_eq!(status, 204);
    assert_eq!(files(&place), before, "without being asked, outputs stay");
}
