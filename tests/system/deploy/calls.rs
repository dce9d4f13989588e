//! How many billable calls a job makes, counted at the endpoint of the deployed stack and held against the documentation.

use std::{collections::BTreeMap, fs};

use serde_json::json;

use super::stack::Deployment;
use crate::{
    counting::{Call, Counting, is_heartbeat, is_idle_poll},
    emulator::ministack,
    harness::{eventually, make_clip, repository},
};

/// Most billable calls of one small job on a warm encoder.
const MOST: usize = 20;

/// The name of a call in the documentation.
fn label(call: &Call) -> &str {
    if call.asked.contains("/_aws/execute-api/") {
        return "API Gateway request";
    }
    &call.name
}

/// Calls that AWS bills, without heartbeats and looks that find nothing.
fn billable(calls: &[Call]) -> BTreeMap<String, usize> {
    let counted = calls
        .iter()
        .filter(|call| !is_heartbeat(call) && !is_idle_poll(call));
    let mut names = BTreeMap::new();
    for call in counted {
        *names.entry(label(call).to_owned()).or_default() += 1;
    }
    names
}

/// A list in docs/aws-costs.md: rows of `| call | count | … |` under this heading.
fn documented(heading: &str) -> BTreeMap<String, usize> {
    let page = fs::read_to_string(repository().join("docs/aws-costs.md")).unwrap();
    let (_, section) = page.split_once(&format!("# {heading}\n")).unwrap();
    let rows = section
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let name = cells.next()?.to_owned();
            Some((name, cells.next()?.parse().ok()?))
        });
    rows.collect()
}

/// What was counted, call by call.
fn list(calls: &[Call]) -> Vec<String> {
    let counted = calls
        .iter()
        .filter(|call| !is_heartbeat(call) && !is_idle_poll(call));
    let line = |call: &Call| {
        let asked: String = call.asked.chars().take(160).collect();
        format!("{} {asked}", label(call))
    };
    counted.map(line).collect()
}

/// Waits until nothing is counted for as many looks as cover the work of an ending job.
fn quiet(counting: &Counting, what: &str) {
    let (mut before, mut same) = (usize::MAX, 0);
    eventually(what, || {
        let now = billable(&counting.calls()).values().sum();
        same = if now == before { same + 1 } else { 0 };
        before = now;
        (same > 40).then_some(())
    });
}

/// The calls of a small job on a warm encoder.
async fn of_a_small_job(job_events: &str) -> Vec<Call> {
    let counting = Counting::before(ministack().url()).await;
    let patient = [
        ("EndpointUrl", counting.url.as_str()),
        ("EncoderHeartbeat", "20s"),
        ("EncoderLease", "60s"),
        ("FleetIdleTimeout", "10m"),
        ("JobEvents", job_events),
    ];
    let stack = Deployment::new(&patient).await;
    stack.stop_schedules().await;
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("in.mp4");
    make_clip(&clip, 2, "320x180");
    let source = stack.upload("in.mp4", &clip).await;
    let submit = |name: &str| {
        let job = json!({"source_path": source, "dest_path": stack.media(name), "preset": "web-mp4-480p"});
        let (status, answer) = stack.http("POST", "/v1/jobs", Some(&job));
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    };
    // The first job warms all up: functions, encoder, clients.
    let first = submit("first.mp4");
    let instance = stack.launched(1).await.remove(0);
    let _encoder = stack.play(&instance).await;
    assert_eq!(stack.ended(&first)["state"], "FINISHED");
    quiet(&counting, "the first job's calls to end");
    counting.take();

    // It is not looked at before its end: a look is a call too.
    let second = submit("second.mp4");
    eventually("the encoder to be done with the message", || {
        let calls = counting.calls();
        let done = calls.iter().any(|call| call.name == "SQS DeleteMessage");
        done.then_some(())
    });
    quiet(&counting, "the second job's calls to end");
    let calls = counting.take();
    assert_eq!(stack.job(&second)["state"], "FINISHED");
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_job_on_a_warm_encoder_makes_the_calls_that_are_documented() {
    let calls = of_a_small_job("false").await;
    // Scale writes its decision down only if it is a new one, which depends on who is faster; all else is certain.
    let (found, most) = (billable(&calls), documented("The calls of one job"));
    assert!(most.values().sum::<usize>() <= MOST, "{most:#?}");
    let mut least = most.clone();
    *least.get_mut("DynamoDB PutItem").unwrap() -= 1;
    assert!(
        found == most || found == least,
        "{found:#?}: {:#?}",
        list(&calls)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_small_job_make_no_more_calls_than_are_documented() {
    let calls = of_a_small_job("true").await;
    let found = billable(&calls);
    let mut most = documented("The calls of one job");
    for (name, count) in documented("The calls of its events") {
        *most.entry(name).or_default() += count;
    }
    // Those of the beginning are told together where state-change is slower than the encoder.
    for (name, count) in &found {
        let allowed = most.get(name).copied().unwrap_or_default();
        assert!(*count <= allowed, "{name}: {found:#?}: {:#?}", list(&calls));
    }
    assert!(found["EventBridge PutEvents"] >= 2, "{found:#?}");
}
