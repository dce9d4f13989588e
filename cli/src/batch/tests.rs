//! What becomes of entries, and how lists are read.

use serde_json::Value;

use super::*;

fn args(list: &std::path::Path, destination: Option<&str>) -> BatchArgs {
    BatchArgs {
        list: list.to_str().unwrap().to_owned(),
        preset: "copy".to_owned(),
        destination: destination.map(str::to_owned),
        target_queue: 3,
        retries: 2,
        journal: None,
        server: false,
    }
}

async fn entries(name: &str, text: &str, destination: Option<&str>) -> Result<Vec<Entry>, String> {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join(name);
    std::fs::write(&list, text).unwrap();
    let read = input::read(&args(&list, destination)).await;
    read.map_err(|failure| failure.to_string())
}

fn job(state: &str, code: Option<&str>) -> JobView {
    let error = code.map(|code| json!({"code": code, "message": "it broke"}));
    serde_json::from_value(json!({
        "object": "job", "id": "job_1", "state": state, "state_details": "", "attempts": 1, "sequence": 1,
        "external_id": null, "metadata": {}, "source_path": "", "dest_path": "", "preset": null, "progress": null,
        "outputs": [], "timings": {"queued": 0, "download": 0, "encode": 0, "upload": 0},
        "resolved": {"passes": [], "ffmpeg_version": null}, "warnings": [], "error": error, "encoder_id": null,
        "created_at": "2026-01-01T00:00:00Z", "started_at": null, "finished_at": null, "events": [],
    }))
    .unwrap()
}

#[tokio::test]
async fn a_csv_list_becomes_requests() {
    let text = "source_path, dest_path, preset, external_id, max_attempts, metadata.user\n\
        s3://in-bucket/a.mov, s3://out-bucket/a.mp4, web-mp4-480p, a-1, 2, 42\n\
        \"s3://in-bucket/b, c.mov\", s3://out-bucket/b.mp4, , , ,\n";
    let entries = entries("list.csv", text, None).await.unwrap();
    assert_eq!(
        entries[0].body,
        json!({"source_path": "s3://in-bucket/a.mov", "dest_path": "s3://out-bucket/a.mp4", "preset": "web-mp4-480p",
            "external_id": "a-1", "max_attempts": 2, "metadata": {"user": "42"}})
    );
    assert_eq!(
        entries[1].body,
        json!({"source_path": "s3://in-bucket/b, c.mov", "dest_path": "s3://out-bucket/b.mp4", "preset": "copy"})
    );
}

#[tokio::test]
async fn json_lines_are_taken_as_they_are_and_a_destination_is_made() {
    let text = "{\"source_path\": \"https://x.example/clips/a.b.mov?sig=s\", \"job_options\": {\"options\": []}}\n\n";
    let entries = entries(
        "list.jsonl",
        text,
        Some("s3://out-bucket/{stem}/{name}.{ext}"),
    )
    .await
    .unwrap();
    assert_eq!(
        entries[0].body["dest_path"],
        "s3://out-bucket/a.b/a.b.mov.mov"
    );
    assert_eq!(entries[0].body["preset"], Value::Null);
    assert_eq!(entries[0].source(), "https://x.example/clips/a.b.mov?***");
}

#[tokio::test]
async fn no_credentials_of_a_source_are_shown() {
    let sources = [
        "s3://AKIAIOSFODNN7EXAMPLE:hushhush@in-bucket/a.mov",
        "https://user:hushhush@x.example/a.mov",
        "https://x.example/a.mov?signature=hushhush",
    ];
    for source in sources {
        let line = json!({"source_path": source, "dest_path": "s3://out-bucket/a.mp4"}).to_string();
        let entries = entries("list.jsonl", &line, None).await.unwrap();
        assert!(
            !entries[0].source().contains("hush"),
            "{}",
            entries[0].source()
        );
    }
}

#[tokio::test]
async fn a_folder_is_a_list_of_its_media() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.MOV", "a.mp4", "notes.txt", "mp4"] {
        std::fs::write(folder.path().join(name), "x").unwrap();
    }
    let read = input::read(&args(folder.path(), Some("/out/{stem}.mp4")))
        .await
        .unwrap();
    let names: Vec<&str> = read
        .iter()
        .map(|entry| entry.body["dest_path"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["file:///out/a.mp4", "file:///out/b.mp4"]);
    let nowhere = input::read(&args(folder.path(), None)).await;
    assert!(
        nowhere
            .unwrap_err()
            .to_string()
            .contains("where results go")
    );
}

#[tokio::test]
async fn the_same_line_twice_is_two_entries_with_names_that_stay() {
    let line =
        "{\"source_path\": \"s3://in-bucket/a.mov\", \"dest_path\": \"s3://out-bucket/a.mp4\"}\n";
    let twice = entries("list.jsonl", &line.repeat(2), None).await.unwrap();
    assert_ne!(twice[0].key, twice[1].key);
    let other = format!("{{\"source_path\": \"s3://in-bucket/b.mov\"}}\n{line}");
    let later = entries("list.jsonl", &other, None).await.unwrap();
    assert_eq!(later[1].key, twice[0].key, "a line above changes nothing");
}

#[tokio::test]
async fn lists_that_cannot_be_read_say_where() {
    for (name, text, said) in [
        ("list.csv", "sourcepath\n", "did you mean \"source_path\""),
        (
            "list.csv",
            "source_path,max_attempts\na,two\n",
            "line 2: max_attempts must be a number",
        ),
        ("list.csv", "source_path,preset\na,b,c\n", "line: 2"),
        ("list.csv", "source_path\n", "holds no jobs"),
        ("list.jsonl", "{}\n{\n", "line 2"),
        ("list.jsonl", "[]\n", "JSON object"),
    ] {
        let refused = entries(name, text, None).await.unwrap_err();
        assert!(refused.contains(said), "{text:?}: {refused}");
    }
}

fn a_try(number: u32, left: u32) -> Try {
    Try { number, left }
}

fn submitted(now: Try, queued: bool) -> Place {
    Place::Submitted(now, "job_1".to_owned(), queued)
}

#[test]
fn what_may_pass_is_tried_again_and_what_cannot_be_is_not() {
    let (first, last) = (a_try(0, 2), a_try(2, 0));
    assert_eq!(next(&job("FINISHED", None), first), Place::Finished);
    for code in ["dest_unavailable", "attempts_exhausted"] {
        let again = next(&job("ERROR", Some(code)), first);
        assert_eq!(again, Place::Waiting(a_try(1, 1)), "{code}");
    }
    for (job, now) in [
        (job("ABANDONED", Some("abandoned")), last),
        (job("ERROR", Some("source_unreadable")), first),
        (job("CANCELED", None), first),
    ] {
        let given_up = next(&job, now);
        assert!(
            matches!(given_up, Place::Failed(Some(at), _) if at == now),
            "{:?}",
            job.state
        );
    }
    assert_eq!(next(&job("PENDING", None), first), submitted(first, true));
    assert_eq!(next(&job("ENCODING", None), first), submitted(first, false));
}

#[tokio::test]
async fn a_journal_knows_what_was_submitted_and_forgets_what_was_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let line = |name| format!("{{\"source_path\": \"{name}\", \"dest_path\": \"to-{name}\"}}\n");
    let text: String = ["a", "b", "c", "d"].map(line).concat();
    let entries = entries("list.jsonl", &text, None).await.unwrap();
    let mut journal = Journal::open(&path).unwrap();
    assert!(Journal::open(&path).is_err(), "one batch at a time");
    for (entry, now) in entries.iter().zip([a_try(0, 2), a_try(1, 1), a_try(2, 0)]) {
        journal
            .write(&Note::submitted(entry, now, "job_1"))
            .unwrap();
    }
    journal.end(&entries[0], &Place::Finished).unwrap();
    let failed = Place::Failed(Some(a_try(2, 0)), "it broke".to_owned());
    journal.end(&entries[2], &failed).unwrap();
    drop(journal);
    let whole = std::fs::read_to_string(&path).unwrap();
    assert_eq!(whole.lines().count(), 5);
    std::fs::write(
        &path,
        format!("{whole}{{\"entry\":\"{}\",\"jo", entries[3].key),
    )
    .unwrap();
    let expected = [
        Place::Finished,
        submitted(a_try(1, 1), true),
        Place::Waiting(a_try(3, 2)),
        Place::Waiting(a_try(0, 2)),
    ];
    for _ in 0..2 {
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.places(&entries, 2), expected);
    }
}
