//! Delivery over the memory side, with a notifier that answers as it is told.

use std::sync::Mutex;

use nommer_core::{
    commit::Committed,
    job::Event,
    memory::{Memory, NoBus},
    notify::{DeliveryStatus, Message},
    ports::Reply,
    sealed::SealedSecrets,
    spec::{SpecRules, parse_v1},
    uri::NotifyUrl,
};
use serde_json::json;
use uuid::Uuid;

use super::*;

mod endpoints;

struct Recorder {
    status: Option<u16>,
    retry_after: Option<Duration>,
    sent: Mutex<Vec<Message>>,
}

impl Notifier for Recorder {
    async fn post(&self, _url: &NotifyUrl, message: &Message) -> Reply {
        self.sent.lock().unwrap().push(message.clone());
        Reply {
            status: self.status,
            excerpt: "thanks".to_owned(),
            retry_after: self.retry_after,
        }
    }
}

fn answering(status: Option<u16>) -> StateChange<Recorder, NoBus, fn() -> Timestamp> {
    StateChange {
        notifier: Recorder {
            status,
            retry_after: None,
            sent: Mutex::default(),
        },
        bus: NoBus,
        signing_secret: SigningSecret::from_bytes([1; 32]),
        now: Timestamp::now,
    }
}

/// A canceled job whose end is to be told.
async fn canceled() -> (Memory, JobId) {
    let now = Timestamp::now();
    let backend = Memory::new(now);
    let body = json!({
        "source_path": "s3://in-bucket/a.mov", "dest_path": "s3://out-bucket/a.mp4", "preset": "copy",
        "notify_url": "https://hooks.example.com/done", "notify_format": "get",
    });
    let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
    let id = JobId::from_uuid(Uuid::now_v7());
    let job = Job::new(id.clone(), spec, SealedSecrets::default(), now);
    backend.store.create(&job, None).await.unwrap();
    let committed = backend
        .table()
        .apply(&id, Event::Cancel, now)
        .await
        .unwrap();
    assert!(matches!(committed, Committed::Changed { unsent, .. } if unsent.is_empty()));
    (backend, id)
}

async fn poll(state_change: &StateChange<Recorder, NoBus, fn() -> Timestamp>, backend: &Memory) {
    backend.state_queue.set_now(Timestamp::now());
    state_change.poll(backend, Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_notification_is_sent_once_and_its_delivery_recorded() {
    let (backend, id) = canceled().await;
    let state_change = answering(Some(204));
    poll(&state_change, &backend).await;
    // The same hint again, and late: nothing is due any more.
    backend.state_queue.send(&id, Duration::ZERO).await.unwrap();
    poll(&state_change, &backend).await;
    assert_eq!(state_change.notifier.sent.lock().unwrap().len(), 1);
    let delivered = &backend.store.notifications(&id).await.unwrap()[0];
    assert_eq!(
        (delivered.status, delivered.attempts),
        (DeliveryStatus::Delivered, 1)
    );
    assert_eq!(delivered.last_answer.as_ref().unwrap().excerpt, "thanks");
    assert!(backend.state_queue.is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_down_is_tried_again_later() {
    let (backend, id) = canceled().await;
    let state_change = answering(None);
    poll(&state_change, &backend).await;
    let due = &backend.store.notifications(&id).await.unwrap()[0];
    assert_eq!((due.status, due.attempts), (DeliveryStatus::Due, 1));
    assert!(due.next_attempt_at.unwrap() > Timestamp::now());
    assert_eq!(backend.state_queue.len(), 1, "a delayed hint waits");
    poll(&state_change, &backend).await;
    assert_eq!(
        state_change.notifier.sent.lock().unwrap().len(),
        1,
        "not before its time"
    );
}

#[tokio::test]
async fn a_receiver_that_asks_for_an_hour_gets_it() {
    let (backend, id) = canceled().await;
    let mut state_change = answering(Some(429));
    state_change.notifier.retry_after = Some(Duration::from_secs(3_600));
    poll(&state_change, &backend).await;
    let due = &backend.store.notifications(&id).await.unwrap()[0];
    let next = due.next_attempt_at.unwrap();
    assert_eq!(due.status, DeliveryStatus::Due);
    assert!(elapsed(next, Timestamp::now()) > Duration::from_secs(3_590));
    let mut asked_for_ever = due.clone();
    let mut answer = due.last_answer.clone().unwrap();
    answer.retry_after = Some(u64::MAX);
    asked_for_ever.settle(answer.clone());
    let next = asked_for_ever.next_attempt_at.unwrap();
    assert_eq!(elapsed(next, answer.at), Duration::from_secs(86_400));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_nothing_more_until_it_is_told_again() {
    let (backend, id) = canceled().await;
    let gone = answering(Some(410));
    poll(&gone, &backend).await;
    let first = backend.store.notifications(&id).await.unwrap().remove(0);
    assert_eq!(first.status, DeliveryStatus::Failed);

    // Another change of the same job.
    let mut second = first.clone();
    second.sequence += 1;
    second.redeliver(Timestamp::now());
    let (job, version) = backend.store.get(&id).await.unwrap().unwrap();
    backend.store.put(&job, version, &[second]).await.unwrap();
    gone.deliver(&backend, &id).await.unwrap();
    assert_eq!(gone.notifier.sent.lock().unwrap().len(), 1);
    let given_up = backend.store.notifications(&id).await.unwrap().remove(1);
    assert_eq!(given_up.status, DeliveryStatus::Failed);
    assert!(given_up.last_answer.unwrap().excerpt.contains("410"));

    let mut again = first.clone();
    again.redeliver(Timestamp::now());
    backend
        .store
        .put_notification(&again, &first)
        .await
        .unwrap();
    let back = answering(Some(200));
    back.deliver(&backend, &id).await.unwrap();
    let delivered = backend.store.notifications(&id).await.unwrap().remove(0);
    assert_eq!(delivered.status, DeliveryStatus::Delivered);
}

#[tokio::test]
async fn two_runs_at_once_make_one_attempt() {
    let (backend, id) = canceled().await;
    let state_change = answering(Some(500));
    let (first, second) = tokio::join!(
        state_change.deliver(&backend, &id),
        state_change.deliver(&backend, &id)
    );
    first.unwrap();
    second.unwrap();
    assert_eq!(state_change.notifier.sent.lock().unwrap().len(), 1);
    assert_eq!(
        backend.store.notifications(&id).await.unwrap()[0].attempts,
        1
    );
}

#[tokio::test]
async fn a_hint_for_an_unknown_job_is_dropped() {
    let (backend, _) = canceled().await;
    let unknown = JobId::from_uuid(Uuid::nil());
    backend
        .state_queue
        .send(&unknown, Duration::ZERO)
        .await
        .unwrap();
    poll(&answering(Some(200)), &backend).await;
    assert!(backend.state_queue.is_empty());
}
