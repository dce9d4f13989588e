use serde_json::{Value, json};

use super::*;
use crate::{
    job::Event,
    secret::Secret,
    testing::{at, change, claim, job},
};

fn secret() -> SigningSecret {
    SigningSecret::from_bytes([7; 32])
}

fn told(format: &str, events: &[Event]) -> (Job, Vec<Notification>) {
    let mut job =
        job(&json!({"notify_url": "https://hooks.example.com/done?k=v", "notify_format": format}));
    let mut notifications = Vec::new();
    for (second, event) in (1..).zip(events) {
        for effect in change(&mut job, event.clone(), at(second)) {
            if let crate::job::Effect::Notify(notification) = effect {
                notifications.push(*notification);
            }
        }
    }
    (job, notifications)
}

#[test]
fn get_tells_of_the_end_alone_and_form_of_every_change() {
    let events = [claim("a"), Event::Cancel];
    let states = |format| -> Vec<_> {
        told(format, &events)
            .1
            .iter()
            .map(|one| one.state)
            .collect()
    };
    assert_eq!(states("get"), [StateName::Canceled]);
    assert_eq!(
        states("form"),
        [StateName::Downloading, StateName::Canceled]
    );
    assert_eq!(
        states("json"),
        [StateName::Downloading, StateName::Canceled]
    );
}

#[test]
fn get_carries_the_three_documented_fields_in_the_query() {
    let (job, notifications) = told("get", &[Event::Cancel]);
    let message =
        notifications[0].message(&About::job(&job), NotifyFormat::Get, &[secret()], at(9));
    assert_eq!(message.method, Method::Get);
    let fields = [
        ("unique_id", job.id.to_string()),
        ("job_state", "CANCELED".to_owned()),
        ("job_state_details", String::new()),
    ];
    assert_eq!(message.query, fields);
    assert_eq!(message.body, "");
}

#[test]
fn form_is_what_the_original_sent() {
    let (job, notifications) = told(
        "form",
        &[Event::Abandon {
            silence: Duration::ZERO,
        }],
    );
    let message =
        notifications[0].message(&About::job(&job), NotifyFormat::Form, &[secret()], at(9));
    assert!(
        message
            .headers
            .contains(&("user-agent", "media-nommer feederd".to_owned()))
    );
    assert!(message.headers.contains(&(
        "content-type",
        "application/x-www-form-urlencoded".to_owned()
    )));
    let expected = format!(
        "unique_id={}&job_state=ABANDONED&job_state_details=abandoned%3A+nothing+was",
        job.id
    );
    assert!(message.body.starts_with(&expected), "{}", message.body);
}

#[test]
fn json_is_signed_as_the_specification_says() {
    let (job, notifications) = told("json", &[Event::Cancel]);
    let message =
        notifications[0].message(&About::job(&job), NotifyFormat::Json, &[secret()], at(9));
    let body: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(body["type"], "job.canceled");
    assert_eq!(body["data"]["sequence"], 2);
    let header = |name| {
        message
            .headers
            .iter()
            .find(|(key, _)| *key == name)
            .unwrap()
            .1
            .clone()
    };
    let id = header("webhook-id");
    assert_eq!(id, format!("{}_2", job.id));
    assert_eq!(
        header("webhook-signature"),
        secret().sign(&id, at(9), &message.body)
    );
}

#[test]
fn the_signature_matches_the_published_example() {
    // The test vector of the Standard Webhooks reference libraries.
    let secret =
        SigningSecret::parse(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
    let at = Timestamp::from_second(1_614_265_330).unwrap();
    let signature = secret.sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        at,
        r#"{"test": 2432232314}"#,
    );
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_signing_secret_never_prints() {
    let secret = secret();
    assert!(!format!("{secret:?}").contains(&secret.expose()["whsec_".len()..]));
    for wrong in ["", "whsec_", "whsec_AAAA", "nope", "whsec_***"] {
        assert!(SigningSecret::parse(Secret::new(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn a_receiver_that_is_down_is_tried_over_more_than_a_day_and_then_given_up() {
    let (_, notifications) = told("get", &[Event::Cancel]);
    let mut notification = notifications[0].clone();
    let first = notification.next_attempt_at.unwrap();
    let mut now = first;
    while let Some(next) = notification.next_attempt_at {
        now = next;
        assert!(notification.due(now));
        notification.begin(now);
        assert!(
            !notification.due(now),
            "nobody else may start the same attempt"
        );
        notification.settle(Answer {
            at: now,
            status: Some(500),
            excerpt: String::new(),
            latency_ms: None,
            retry_after: None,
        });
    }
    assert_eq!(
        (notification.attempts, notification.status),
        (8, DeliveryStatus::Failed)
    );
    assert!(crate::lease::elapsed(now, first) > Duration::from_secs(86_400));
}

#[test]
fn success_settles_it_and_gone_gives_it_up() {
    let (_, notifications) = told("get", &[Event::Cancel]);
    for (status, outcome) in [
        (204, DeliveryStatus::Delivered),
        (410, DeliveryStatus::Failed),
        (302, DeliveryStatus::Due),
    ] {
        let mut notification = notifications[0].clone();
        notification.begin(at(5));
        notification.settle(Answer {
            at: at(6),
            status: Some(status),
            excerpt: String::new(),
            latency_ms: None,
            retry_after: None,
        });
        assert_eq!(notification.status, outcome, "{status}");
        assert_eq!(
            notification.next_attempt_at.is_some(),
            outcome == DeliveryStatus::Due
        );
    }
}

#[test]
fn attempts_of_which_nothing_is_heard_keep_to_the_schedule() {
    let (_, notifications) = told("get", &[Event::Cancel]);
    let mut notification = notifications[0].clone();
    let mut now = at(0);
    for _ in 0..8 {
        now = notification.next_attempt_at.unwrap();
        notification.begin(now);
    }
    assert!(
        now >= at(24 * 3_600),
        "eight lost attempts take more than a day: {now}"
    );
    assert_eq!(notification.status, DeliveryStatus::Due);
}

#[test]
fn receivers_of_json_are_told_what_was_published() {
    let (mut job, notifications) = told("json", &[claim("a")]);
    job.outputs = vec![crate::job::Output::sample()];
    let about = About::job(&job);
    let mut end = notifications[0].clone();
    assert_eq!(
        end.json(&about)["data"].get("outputs"),
        None,
        "not before its end"
    );
    end.state = StateName::Finished;
    let data = &end.json(&about)["data"];
    assert_eq!(data["outputs"], json!(job.outputs));
    assert_eq!(data["job_id"], json!(job.id));
}

#[test]
fn news_come_with_the_job_that_they_are_of_and_those_of_the_fleet_without_one() {
    let (job, _) = told("json", &[]);
    let sample = |event| {
        let sample = Sample { owner: None };
        let id = JobId::of_fleet(at(1), 0);
        let one = Notification::sample(event, Target::EventBus, sample, id, at(1));
        assert_eq!(one.event(), event);
        one.json(&About::job(&job))
    };
    for (event, field) in [
        (EventName::Progress, "progress"),
        (EventName::OutputReady, "output"),
    ] {
        let told = sample(event);
        assert_eq!(told["type"], json!(event));
        assert!(
            told["data"][field].is_object() && told["data"]["job_id"].is_string(),
            "{told}"
        );
    }
    for (event, field) in [
        (EventName::FleetScaled, "to"),
        (EventName::BudgetThreshold, "percent"),
    ] {
        let told = sample(event);
        assert!(told["data"][field].is_number(), "{told}");
        assert_eq!(
            (told["data"].get("job_id"), &told["data"]["test"]),
            (None, &json!(true))
        );
    }
}
