//! What becomes of jobs on the bus of a deployed stack: the rule of the documentation, deployed as it stands there, gets it.

use std::fs;

use aws_sdk_cloudformation::types::Parameter;
use aws_sdk_sqs::types::Message;
use serde_json::{Value, json};

use super::stack::{Deployment, created};
use crate::{
    emulator::ministack,
    harness::{eventually, make_clip, repository},
};

/// The template in docs/events.md.
fn rule() -> String {
    let page = fs::read_to_string(repository().join("docs/events.md")).unwrap();
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    rest.split("```").next().unwrap().to_owned()
}

/// Deploys the rule beside a stack; the URL of its queue.
async fn deploy_rule(stack: &Deployment) -> String {
    let cloudformation = aws_sdk_cloudformation::Client::new(&ministack().config().await);
    let name = format!("{}-ends", stack.name());
    let bus = Parameter::builder()
        .parameter_key("Bus")
        .parameter_value(stack.output("EventBus"));
    cloudformation
        .create_stack()
        .stack_name(&name)
        .template_body(rule())
        .parameters(bus.build())
        .send()
        .await
        .unwrap();
    created(&cloudformation, &name).await["QueueUrl"].clone()
}

/// The next events of a queue, until there is one of this type of this job.
fn wait_for(url: &str, kind: &str, job: &str) -> Value {
    let handle = tokio::runtime::Handle::current();
    eventually("the event", || {
        let found = tokio::task::block_in_place(|| {
            handle.block_on(async {
                let sqs = aws_sdk_sqs::Client::new(&ministack().config().await);
                let received = sqs.receive_message().queue_url(url).wait_time_seconds(1);
                received.send().await.unwrap().messages.unwrap_or_default()
            })
        });
        let events = found.iter().filter_map(Message::body);
        let mut events = events.map(|body| serde_json::from_str::<Value>(body).unwrap());
        events.find(|one| one["detail-type"] == kind && one["detail"]["data"]["job_id"] == job)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_of_the_documentation_gets_the_ends_of_jobs() {
    let stack = Deployment::new(&[]).await;
    let queue = deploy_rule(&stack).await;
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("in.mp4");
    make_clip(&clip, 1, "160x90");
    let source = stack.upload("in.mp4", &clip).await;
    let submit = |source: &str, name: &str| {
        let job = json!({"source_path": source, "dest_path": stack.media(name), "preset": "copy", "external_id": "upload-8812"});
        let (status, answer) = stack.http("POST", "/v1/jobs", Some(&job));
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    };
    let good = submit(&source, "out.mp4");
    let bad = submit(&stack.media("nothing.mp4"), "none.mp4");
    let instance = stack.launched(1).await.remove(0);
    let _encoder = stack.play(&instance).await;

    let told = wait_for(&queue, "Job Finished", &good);
    assert_eq!(told["source"], "nommer");
    let detail = &told["detail"];
    assert_eq!(detail["stack"], stack.name());
    assert_eq!(detail["type"], "job.finished");
    assert_eq!(detail["data"]["external_id"], "upload-8812");
    let sequence = &detail["data"]["sequence"];
    assert_eq!(detail["id"], format!("{good}_{sequence}_event_bus"));

    let told = wait_for(&queue, "Job Failed", &bad);
    assert_eq!(told["detail"]["data"]["error_code"], "source_not_found");
    // Each of them is on the bus, and nothing is left to be told.
    let path = format!("/v1/webhook-deliveries?job_id={good}");
    eventually("all to be on the bus", || {
        let (_, page) = stack.http("GET", &path, None);
        let rows = page["data"].as_array().unwrap().clone();
        let names: Vec<_> = rows.iter().map(|row| row["event"].clone()).collect();
        assert_eq!(names, ["job.created", "job.started", "job.finished"]);
        let delivered = |row: &Value| row["notification"]["status"] == "delivered";
        rows.iter().all(delivered).then_some(())
    });
}

/// An endpoint on a stack: submit may seal and not open, state-change opens and signs.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_of_a_stack_hears_of_jobs_and_of_samples() {
    use crate::notifications::{Receiver, is_genuine};
    let stack = Deployment::new(&[("JobEvents", "false")]).await;
    let receiver = Receiver::start(&[]);
    let body = json!({"url": format!("{}?token=hush", receiver.url)});
    let (status, made) = stack.http("POST", "/v1/webhook-endpoints", Some(&body));
    assert_eq!(status, 201, "{made}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (id, first) = (text(&made["id"]), text(&made["secret"]));
    let (status, rotated) = stack.http("POST", &format!("/v1/webhook-endpoints/{id}/rotate"), None);
    assert_eq!(status, 200, "{rotated}");
    let second = text(&rotated["secret"]);
    let test = json!({"event": "job.failed"});
    let (status, _) = stack.http(
        "POST",
        &format!("/v1/webhook-endpoints/{id}/test"),
        Some(&test),
    );
    assert_eq!(status, 202);
    let sample = receiver.wait_for(1).remove(0);
    assert!(sample.line.starts_with("POST /done?token=hush "));

    let job = json!({"source_path": stack.media("none.mp4"), "dest_path": stack.media("out.mp4"), "preset": "copy"});
    let (_, answer) = stack.http("POST", "/v1/jobs", Some(&job));
    let path = format!("/v1/jobs/{}/cancel", text(&answer["id"]));
    assert_eq!(stack.http("POST", &path, None).0, 202);
    let seen = receiver.wait_for(3);
    for one in &seen {
        assert!(
            is_genuine(one, &first) && is_genuine(one, &second),
            "{one:?}"
        );
    }
    let (_, page) = stack.http(
        "GET",
        &format!("/v1/webhook-deliveries?endpoint_id={id}"),
        None,
    );
    assert_eq!(page["data"].as_array().unwrap().len(), 3, "{page:#}");
}
