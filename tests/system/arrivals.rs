//! Many submits at once, and a server that dies among them: what was answered is there, once, and a repeated request makes nothing twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};

use crate::harness::{System, file_url};

/// Clients at once.
const CLIENTS: usize = 16;

/// Answers after which the server is killed: a few transactions of new jobs, and more than are settled at once.
const ENOUGH: [usize; 3] = [20, 150, 700];

/// Asks for a job of this number; its id and whether the answer was given before, or nothing if the server died.
async fn submit(client: &Client, system: &System, number: usize) -> Option<(String, bool)> {
    let job = json!({
        "source_path": file_url(Path::new(&system.data().join("media/in.mp4"))),
        "dest_path": file_url(&system.data().join(format!("media/{number}.mp4"))),
        "preset": "copy",
        "external_id": format!("order-{number}"),
    });
    let request = client
        .post(system.url("/v1/jobs"))
        .header("idempotency-key", format!("key-{number}"))
        .json(&job);
    let answer = request.send().await.ok()?;
    let replayed = answer.headers().contains_key("idempotency-replayed");
    let status = answer.status().as_u16();
    let text = answer.text().await.ok()?;
    assert_eq!(status, 201, "{text}");
    let job: Value = serde_json::from_str(&text).unwrap();
    Some((job["id"].as_str().unwrap().to_owned(), replayed))
}

/// Submits with all clients until so many jobs were answered, and kills the server then. The ids by the jobs' numbers.
async fn submit_until_killed(system: &System, enough: usize) -> BTreeMap<usize, String> {
    let client = Client::builder().no_proxy().build().unwrap();
    let answered = AtomicUsize::new(0);
    let one = async |first: usize| {
        let mut ids = Vec::new();
        for number in (first..).step_by(CLIENTS) {
            let Some((id, _)) = submit(&client, system, number).await else {
                break;
            };
            ids.push((number, id));
            if answered.fetch_add(1, Ordering::Relaxed) + 1 == enough {
                system.kill_server();
            }
        }
        ids
    };
    let all = join_all((0..CLIENTS).map(one)).await;
    all.into_iter().flatten().collect()
}

/// The ids of all jobs by the callers' names for them; no name may come twice.
fn listed(system: &System) -> BTreeMap<String, String> {
    let (mut all, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let (status, page) = system.http("GET", &format!("/v1/jobs?limit=100{cursor}"), None);
        assert_eq!(status, 200, "{page}");
        for job in page["data"].as_array().unwrap() {
            let text = |field: &str| job[field].as_str().unwrap().to_owned();
            let before = all.insert(text("external_id"), text("id"));
            assert_eq!(before, None, "{job} is there twice");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_were_answered_outlive_a_server_that_is_killed_among_many_submits() {
    for enough in ENOUGH {
        let mut system = System::start_with(&[("NOMMER_FLEET__ENABLED", "false")]);
        let answered = submit_until_killed(&system, enough).await;
        assert!(answered.len() >= enough, "{} of {enough}", answered.len());
        system.restart();
        let jobs = listed(&system);
        for (number, id) in &answered {
            assert_eq!(jobs.get(&format!("order-{number}")), Some(id));
        }
        // What was under way may have been written or not. Asked for again, it is there once.
        assert!(jobs.len() <= answered.len() + CLIENTS, "{}", jobs.len());
        let client = Client::builder().no_proxy().build().unwrap();
        let numbers: BTreeSet<usize> = (0..answered.len() + CLIENTS)
            .chain(answered.keys().copied())
            .collect();
        for number in numbers {
            let (id, replayed) = submit(&client, &system, number).await.unwrap();
            let before = jobs.get(&format!("order-{number}"));
            assert_eq!(replayed, before.is_some(), "number {number}");
            assert!(before.is_none_or(|before| *before == id), "number {number}");
        }
        listed(&system);
    }
}
