//! Watched places: what appears becomes one job, and what jobs write does not appear.

use nommer_core::{
    error::Code,
    job::{Event, StateName},
    ports::JobFilter,
    watch::WatchRule,
};

use super::*;
use crate::watch::{on_event, try_rules};

const EVENT: &str = include_str!("../../events/s3-object-created.json");

fn watching(from: &str, to: &str, preset: &str) -> Submit<Memory, NoSignal> {
    Submit {
        backend: Arc::new(Memory::new(Timestamp::UNIX_EPOCH)),
        signal: NoSignal,
        rules: SpecRules {
            watch: vec![WatchRule {
                from: from.to_owned(),
                to: to.to_owned(),
                preset: preset.to_owned(),
            }],
            ..SpecRules::default()
        },
        settings: settings(),
        access: Access::default(),
        job_events: false,
        allowances: Allowances::default(),
    }
}

fn prefix() -> Submit<Memory, NoSignal> {
    watching(
        "s3://media-bucket/in/",
        "s3://media-bucket/out/{stem}.mp4",
        "copy",
    )
}

async fn jobs(submit: &Submit<Memory, NoSignal>) -> Vec<nommer_core::job::Job> {
    let all = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    submit.backend.store.list(&all).await.unwrap()
}

#[tokio::test]
async fn an_event_that_comes_again_and_again_makes_one_job() {
    let submit = prefix();
    let first = on_event(&submit, EVENT, Timestamp::now()).await.unwrap();
    let first = first.unwrap();
    for state in [StateName::Pending, StateName::Canceled] {
        let again = on_event(&submit, EVENT, Timestamp::now()).await.unwrap();
        assert_eq!(again.as_ref(), Some(&first));
        let made = jobs(&submit).await;
        assert_eq!(made.len(), 1, "{state}");
        let (mut job, version) = submit.backend.store.get(&first).await.unwrap().unwrap();
        assert_eq!(job.state.name(), state);
        if state == StateName::Pending {
            job.apply(Event::Cancel, Timestamp::now());
            submit.backend.store.put(&job, version, &[]).await.unwrap();
        }
    }
    let job = &jobs(&submit).await[0];
    assert_eq!(
        (
            job.spec.source_path.identity().as_str(),
            job.live_destination(),
            job.spec.tags.as_slice()
        ),
        (
            "s3://media-bucket/in/källa 1.mov",
            None,
            &["watch".to_owned()][..]
        )
    );
    let newer = EVENT.replace("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "newer");
    on_event(&submit, &newer, Timestamp::now()).await.unwrap();
    assert_eq!(jobs(&submit).await.len(), 2);
}

#[tokio::test]
async fn a_new_version_whose_destination_is_in_use_asks_to_come_again() {
    let submit = prefix();
    on_event(&submit, EVENT, Timestamp::now()).await.unwrap();
    let newer = EVENT.replace("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "newer");
    let refused = on_event(&submit, &newer, Timestamp::now()).await;
    assert_eq!(refused.unwrap_err().code, Code::DestConflict);
}

#[tokio::test]
async fn what_is_not_watched_or_never_can_be_a_job_is_left_and_asks_for_nothing() {
    let submit = prefix();
    for event in [
        EVENT.replace("in/källa", "other/källa"),
        EVENT.replace("media-bucket", "strange-bucket"),
        EVENT.replace("in/källa 1.mov", "in/folder/"),
        EVENT.replace("in/källa", "in/.hidden/källa"),
        EVENT.replace("in/källa", "in/../källa"),
        EVENT.replace("5242880", "0"),
        EVENT.replace("Object Created", "Object Deleted"),
        "{}".to_owned(),
        "no JSON".to_owned(),
    ] {
        let left = on_event(&submit, &event, Timestamp::now()).await;
        assert_eq!(left, Ok(None), "{event}");
    }
    assert!(jobs(&submit).await.is_empty());
    let broken = watching(
        "s3://media-bucket/in/",
        "s3://media-bucket/out/{stem}.mp4",
        "none",
    );
    assert_eq!(on_event(&broken, EVENT, Timestamp::now()).await, Ok(None));
}

#[tokio::test]
async fn a_rule_that_cannot_be_is_told_by_its_number_and_field() {
    for (from, to, preset, field) in [
        (
            "s3://media-bucket/in",
            "s3://o-bucket/{stem}.mp4",
            "copy",
            "from",
        ),
        ("file:///in/", "s3://o-bucket/{stem}.mp4", "copy", "from"),
        ("s3://media-bucket/in/", "s3://o-bucket/a.mp4", "copy", "to"),
        (
            "s3://media-bucket/in/",
            "s3://o-bucket/{stam}.mp4",
            "copy",
            "to",
        ),
        (
            "s3://media-bucket/in/",
            "https://o-bucket/{stem}.mp4",
            "copy",
            "to",
        ),
        (
            "s3://media-bucket/in/",
            "s3://media-bucket/in/{stem}.mp4",
            "copy",
            "to",
        ),
        (
            "s3://media-bucket/in/",
            "s3://media-bucket/in/x/{stem}.mp4",
            "copy",
            "to",
        ),
        (
            "s3://media-bucket/in/",
            "s3://o-bucket/{stem}.mp4",
            "cpoy",
            "preset",
        ),
    ] {
        let submit = watching(from, to, preset);
        let wrong = try_rules(&submit, Timestamp::now()).await;
        let wrong = wrong.unwrap_err();
        assert_eq!(
            (wrong.number, wrong.field),
            (0, field),
            "{from} {to} {wrong}"
        );
    }
    try_rules(&prefix(), Timestamp::now()).await.unwrap();
}

#[tokio::test]
async fn no_job_writes_to_a_watched_place() {
    let submit = prefix();
    let server = Server {
        backend: Arc::clone(&submit.backend),
        router: router(Arc::new(submit)),
    };
    let mut body = job();
    body["dest_path"] = json!("s3://media-bucket/in/again.mp4");
    let (status, problem) = server.create(&body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/dest_path");
    let mut body = legacy_job();
    body["dest_path"] = json!("s3://media-bucket/in/again.mp4");
    assert_eq!(server.legacy(&body).await["success"], false);
    assert!(server.nothing_was_made());
}
