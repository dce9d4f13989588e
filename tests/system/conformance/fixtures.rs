//! Jobs, notifications and instances to store.

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    address::NetworkRules,
    id::{EndpointId, JobId, KeyId},
    instance::{Instance, InstanceState},
    job::{Event, Job, StateName},
    money::Market,
    notify::{DeliveryStatus, EventName, Notification, Target},
    ports::IdempotencyKey,
    sealed::{SealedSecrets, SealedText},
    uri::NotifyUrl,
    webhook::{EndpointSecret, WebhookEndpoint},
};
use serde_json::json;

/// A time, in seconds from a fixed one.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// The id of job number `number`. Ids sort by number.
pub(super) fn id(number: u32) -> JobId {
    format!("job_{number:032x}").parse().unwrap()
}

/// A new job with a destination of its own.
pub(super) fn job(number: u32) -> Job {
    job_to(number, &format!("file:///out/{number}.mp4"))
}

/// A new job with this destination.
pub(super) fn job_to(number: u32, destination: &str) -> Job {
    let spec = json!({
        "source_path": "file:///in/source.mp4",
        "dest_path": destination,
        "passes": [{}],
        "external_id": format!("customer-{}", number % 2),
        "metadata": { "title": "Ünïcode \u{0} and 'quotes'" },
        "max_attempts": 3,
    });
    let spec = serde_json::from_value(spec).unwrap();
    Job::new(id(number), spec, SealedSecrets::default(), at(0))
}

/// A new job that is a probe.
pub(super) fn probe(number: u32) -> Job {
    let mut job = job(number);
    job.spec.dest_path = None;
    job.owner = Some(owner());
    job
}

/// An API key that has jobs.
pub(super) fn owner() -> KeyId {
    KeyId::from_hex("0123456789abcdef")
}

/// A job that an encoder has claimed.
pub(super) fn claimed(mut job: Job) -> Job {
    let event = Event::Claim {
        instance: "i-1".parse().unwrap(),
        lease: Duration::from_secs(60),
        margin: Duration::from_secs(30),
        slot_hour_usd: Some(0.36),
    };
    job.apply(event, at(1));
    job
}

/// A job that has ended.
pub(super) fn canceled(mut job: Job) -> Job {
    job.apply(Event::Cancel, at(1));
    job
}

/// A key that is kept for ten seconds.
pub(super) fn key(key: &str, body_hash: &str) -> IdempotencyKey {
    IdempotencyKey {
        key: key.to_owned(),
        body_hash: body_hash.to_owned(),
        expires_at: at(10),
    }
}

/// A notification of a job's change, due at this second; settled if at none.
pub(super) fn notification(job: &JobId, sequence: u64, due: Option<i64>) -> Notification {
    Notification {
        job_id: job.clone(),
        sequence,
        target: Target::NotifyUrl,
        sample: None,
        news: None,
        state: StateName::Downloading,
        details: String::new(),
        created_at: at(0),
        attempts: 0,
        status: due.map_or(DeliveryStatus::Delivered, |_| DeliveryStatus::Due),
        next_attempt_at: due.map(at),
        last_answer: None,
    }
}

/// The id of an endpoint.
pub(super) fn endpoint(number: u32) -> EndpointId {
    format!("we_{number:032x}").parse().unwrap()
}

/// The same notification, to an endpoint.
pub(super) fn to(endpoint: &EndpointId, notification: Notification) -> Notification {
    Notification {
        target: Target::Endpoint(endpoint.clone()),
        ..notification
    }
}

/// A webhook endpoint.
pub(super) fn webhook(number: u32) -> WebhookEndpoint {
    let url = NotifyUrl::parse("https://hooks.example.com/done", &NetworkRules::default());
    WebhookEndpoint {
        id: endpoint(number),
        url: url.unwrap(),
        sealed_url: None,
        events: EventName::by_default(),
        description: "Ünïcode 'quotes'".to_owned(),
        disabled: None,
        secrets: vec![EndpointSecret {
            sealed: SealedText("sealed".to_owned()),
            until: Some(at(5)),
        }],
        created_at: at(0),
        updated_at: at(1),
    }
}

/// An instance that takes jobs.
pub(super) fn instance(name: &str) -> Instance {
    Instance {
        id: name.parse().unwrap(),
        state: InstanceState::Ready,
        slots: 2,
        jobs: vec![id(1)],
        started_at: at(0),
        beat_at: at(1),
        drain_requested: false,
        ffmpeg_version: Some("7.1".to_owned()),
        instance_type: Some("c7i.large".to_owned()),
        market: Some(Market::Spot),
        work: None,
    }
}
