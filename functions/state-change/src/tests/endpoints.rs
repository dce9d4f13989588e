//! Endpoints and the event bus: what is sent to whom, signed with which secret, and when nothing is sent any more.

use std::collections::BTreeMap;

use nommer_core::{
    address::NetworkRules,
    id::EndpointId,
    lease::later,
    notify::{BusEvent, EventName, Sample, Subscription},
    ports::{EndpointStore as _, Secrets as _, Version},
    sealed::SealedText,
    secret::Secret,
    webhook::{EndpointField, EndpointSecret, WebhookEndpoint},
};
use serde_json::Value;

use super::*;

/// A bus that remembers, or is away.
#[derive(Default)]
struct Bus {
    away: Mutex<bool>,
    told: Mutex<Vec<BusEvent>>,
}

impl EventBus for &Bus {
    async fn publish(&self, events: &[BusEvent]) -> Result<(), StoreError> {
        if *self.away.lock().unwrap() {
            return Err(StoreError::unavailable("publish", "away"));
        }
        self.told.lock().unwrap().extend_from_slice(events);
        Ok(())
    }
}

/// Answers by path, and remembers whom it told what.
#[derive(Default)]
struct Paths {
    answers: Mutex<BTreeMap<String, u16>>,
    sent: Mutex<Vec<(String, Message)>>,
}

impl Notifier for &Paths {
    async fn post(&self, url: &NotifyUrl, message: &Message) -> Reply {
        let url = url.expose_url();
        let told = url[url::Position::BeforePath..].to_owned();
        self.sent.lock().unwrap().push((told, message.clone()));
        let known = self.answers.lock().unwrap().get(url.path()).copied();
        Reply {
            status: Some(known.unwrap_or(200)),
            ..Reply::default()
        }
    }
}

struct World {
    backend: Memory,
    clock: Mutex<Timestamp>,
    bus: Bus,
    paths: Paths,
}

fn secret(byte: u8) -> SigningSecret {
    SigningSecret::from_bytes([byte; 32])
}

impl World {
    fn new() -> Self {
        let now = Timestamp::from_second(1_000_000).unwrap();
        Self {
            backend: Memory::new(now),
            clock: Mutex::new(now),
            bus: Bus::default(),
            paths: Paths::default(),
        }
    }

    fn now(&self) -> Timestamp {
        *self.clock.lock().unwrap()
    }

    fn pass(&self, time: Duration) {
        let now = later(self.now(), time);
        *self.clock.lock().unwrap() = now;
        self.backend.state_queue.set_now(now);
    }

    /// Adds endpoints at these paths of one host, all for everything; each is signed with its number.
    async fn endpoints(&self, paths: &[&str]) -> Vec<EndpointId> {
        let mut all = Vec::new();
        for (number, path) in (1..).zip(paths) {
            let id = EndpointId::from_uuid(Uuid::from_u128(number));
            let url = format!("https://hooks.example.com{path}");
            let url = NotifyUrl::parse(&url, &NetworkRules::default()).unwrap();
            let (url, hidden) = url.split_secret();
            let sealed_url = match hidden {
                Some(hidden) => Some(self.seal(&hidden, EndpointField::Url, &id).await),
                None => None,
            };
            let plain = Secret::new(secret(u8::try_from(number).unwrap()).expose());
            all.push(WebhookEndpoint {
                url,
                sealed_url,
                events: EventName::ALL.into(),
                description: String::new(),
                disabled: None,
                secrets: vec![EndpointSecret {
                    sealed: self.seal(&plain, EndpointField::Secret, &id).await,
                    until: None,
                }],
                created_at: self.now(),
                updated_at: self.now(),
                id,
            });
        }
        let put = self.backend.store.put_endpoints(None, &all, Version(0));
        put.await.unwrap();
        all.into_iter().map(|one| one.id).collect()
    }

    async fn seal(&self, plain: &Secret, field: EndpointField, id: &EndpointId) -> SealedText {
        let context = field.context(id);
        self.backend.secrets.seal(plain, &context).await.unwrap()
    }

    async fn change(&self, change: impl Fn(&mut WebhookEndpoint)) {
        let (mut all, read) = self.backend.store.endpoints(None).await.unwrap();
        all.iter_mut().for_each(change);
        let put = self.backend.store.put_endpoints(None, &all, read);
        put.await.unwrap();
    }

    async fn endpoint(&self) -> WebhookEndpoint {
        let all = self.backend.store.endpoints(None).await;
        all.unwrap().0.remove(0)
    }

    /// A job that these hear of, submitted and canceled at once.
    async fn job(&self, targets: &[Target]) -> JobId {
        let destination = format!("s3://out-bucket/{}.mp4", Uuid::new_v4());
        let body = json!({"source_path": "s3://in-bucket/a.mov", "dest_path": destination, "preset": "copy"});
        let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
        let id = JobId::from_uuid(Uuid::now_v7());
        let mut job = Job::new(id.clone(), spec, SealedSecrets::default(), self.now());
        let subscription = |target: &Target| Subscription {
            target: target.clone(),
            events: EventName::by_default(),
        };
        job.subscriptions = targets.iter().map(subscription).collect();
        self.backend.store.create(&job, None).await.unwrap();
        let canceled = self.backend.table();
        let canceled = canceled.apply(&id, Event::Cancel, self.now());
        canceled.await.unwrap();
        id
    }

    async fn deliver(&self, id: &JobId) -> Result<(), StoreError> {
        let state_change = StateChange {
            notifier: &self.paths,
            bus: &self.bus,
            signing_secret: secret(9),
            now: || self.now(),
        };
        state_change.deliver(&self.backend, id).await
    }

    fn sent(&self) -> Vec<(String, Message)> {
        std::mem::take(&mut *self.paths.sent.lock().unwrap())
    }

    async fn told(&self, id: &JobId) -> Vec<Notification> {
        self.backend.store.notifications(id).await.unwrap()
    }

    fn answers(&self, path: &str, status: u16) {
        let mut answers = self.paths.answers.lock().unwrap();
        answers.insert(path.to_owned(), status);
    }
}

fn header(message: &Message, name: &str) -> String {
    let found = message.headers.iter().find(|(known, _)| *known == name);
    found.unwrap().1.clone()
}

fn to(ids: &[EndpointId]) -> Vec<Target> {
    ids.iter().cloned().map(Target::Endpoint).collect()
}

fn why(told: &Notification) -> &str {
    &told.last_answer.as_ref().unwrap().excerpt
}

#[tokio::test]
async fn each_endpoint_is_told_of_each_change_with_its_own_address_and_secret() {
    let world = World::new();
    let ids = world.endpoints(&["/one?token=hush", "/two"]).await;
    let job = world.job(&to(&ids)).await;
    world.deliver(&job).await.unwrap();
    let sent = world.sent();
    assert_eq!(sent.len(), 4);
    for (number, path) in [(1, "/one?token=hush"), (2, "/two")] {
        let own = sent.iter().filter(|(told, _)| told == path);
        let events = own.map(|(_, message)| {
            let id = header(message, "webhook-id");
            let signed = secret(number).sign(&id, world.now(), &message.body);
            assert_eq!(header(message, "webhook-signature"), signed);
            assert!(!message.body.contains("hush"));
            let body: Value = serde_json::from_str(&message.body).unwrap();
            body["type"].clone()
        });
        let events: Vec<_> = events.collect();
        assert_eq!(events, ["job.created", "job.canceled"]);
    }
    let told = world.told(&job).await;
    let delivered = |one: &Notification| one.status == DeliveryStatus::Delivered;
    assert!(told.iter().all(delivered));
    assert!(told[0].last_answer.as_ref().unwrap().latency_ms.is_some());
    world.deliver(&job).await.unwrap();
    assert_eq!(world.sent().len(), 0, "once");
}

#[tokio::test]
async fn both_secrets_sign_for_a_day_after_a_rotation() {
    let world = World::new();
    let ids = world.endpoints(&["/one"]).await;
    let plain = Secret::new(secret(7).expose());
    let new = world.seal(&plain, EndpointField::Secret, &ids[0]).await;
    world
        .change(|endpoint| endpoint.rotate(new.clone(), world.now()))
        .await;
    for (passes, signers) in [(0, vec![7, 1]), (23, vec![7, 1]), (2, vec![7])] {
        world.pass(Duration::from_secs(passes * 3_600));
        let job = world.job(&to(&ids)).await;
        world.deliver(&job).await.unwrap();
        let (_, message) = world.sent().remove(0);
        let id = header(&message, "webhook-id");
        let signed = signers
            .into_iter()
            .map(|byte| secret(byte).sign(&id, world.now(), &message.body));
        let signed: Vec<_> = signed.collect();
        assert_eq!(header(&message, "webhook-signature"), signed.join(" "));
    }
}

#[tokio::test]
async fn an_endpoint_that_never_answers_well_is_disabled_and_told_nothing_more() {
    let world = World::new();
    let ids = world.endpoints(&["/down"]).await;
    world.answers("/down", 503);
    let job = world.job(&to(&ids)).await;
    let mut attempts = 0;
    while world.endpoint().await.disabled.is_none() {
        world.deliver(&job).await.unwrap();
        attempts += world.sent().len();
        world.pass(Duration::from_secs(11 * 3_600));
        assert!(attempts < 40, "it is never given up");
    }
    assert_eq!(
        attempts, 15,
        "eight of the first, and seven of the second, which is given up with it"
    );
    let reason = world.endpoint().await.disabled.unwrap().reason;
    assert!(
        reason.contains("8 attempts") && reason.contains("HTTP 503"),
        "{reason}"
    );
    let told = world.told(&job).await;
    let failed = |one: &Notification| one.status == DeliveryStatus::Failed;
    assert!(told.iter().all(failed));
    assert!(why(&told[1]).contains("the endpoint is disabled"));

    // What another job wants to tell it is not sent.
    let other = world.job(&to(&ids)).await;
    world.deliver(&other).await.unwrap();
    assert_eq!(world.sent().len(), 0);
    let given_up = world.told(&other).await.remove(0);
    assert!(failed(&given_up) && given_up.attempts == 0);

    // Turned on again, what was missed can be delivered.
    world.answers("/down", 200);
    world.change(|endpoint| endpoint.disabled = None).await;
    let mut again = given_up.clone();
    again.redeliver(world.now());
    let put = world.backend.store.put_notification(&again, &given_up);
    put.await.unwrap();
    world.deliver(&other).await.unwrap();
    assert_eq!(
        world.told(&other).await[0].status,
        DeliveryStatus::Delivered
    );
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_at_once() {
    let world = World::new();
    let ids = world.endpoints(&["/gone", "/here"]).await;
    world.answers("/gone", 410);
    let job = world.job(&to(&ids)).await;
    world.deliver(&job).await.unwrap();
    let (all, _) = world.backend.store.endpoints(None).await.unwrap();
    assert!(all[0].disabled.as_ref().unwrap().reason.contains("410"));
    assert_eq!(all[1].disabled, None);
    let sent = world.sent();
    let told = |path: &str| sent.iter().filter(|(to, _)| to == path).count();
    assert_eq!((told("/gone"), told("/here")), (1, 2));
}

#[tokio::test]
async fn nothing_is_sent_to_an_endpoint_that_was_deleted() {
    let world = World::new();
    let ids = world.endpoints(&["/one"]).await;
    let job = world.job(&to(&ids)).await;
    let put = world.backend.store.put_endpoints(None, &[], Version(1));
    put.await.unwrap();
    world.deliver(&job).await.unwrap();
    assert_eq!(world.sent().len(), 0);
    let told = world.told(&job).await.remove(0);
    assert_eq!(told.status, DeliveryStatus::Failed);
    assert!(why(&told).contains("deleted"));
}

#[tokio::test]
async fn a_sample_is_sent_although_there_is_no_such_job() {
    let world = World::new();
    let ids = world.endpoints(&["/one"]).await;
    let name = JobId::of_sample(Uuid::nil());
    let sample = Notification::sample(
        EventName::Failed,
        Target::Endpoint(ids[0].clone()),
        Sample { owner: None },
        name.clone(),
        world.now(),
    );
    world.backend.store.add_notification(&sample).await.unwrap();
    world.deliver(&name).await.unwrap();
    let (_, message) = world.sent().remove(0);
    let body: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(body["type"], "job.failed");
    assert_eq!(body["data"]["test"], true);
}

#[tokio::test]
async fn events_are_put_on_the_bus_until_it_takes_them_and_hold_up_nothing_else() {
    let world = World::new();
    let mut targets = to(&world.endpoints(&["/one"]).await);
    targets.push(Target::EventBus);
    let job = world.job(&targets).await;
    *world.bus.away.lock().unwrap() = true;
    let refused = world.deliver(&job).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable { .. })),
        "{refused:?}"
    );
    assert_eq!(world.sent().len(), 2, "the endpoint is told all the same");
    let late = later(world.now(), Duration::from_secs(1));
    let due = world.backend.store.jobs_to_notify(late, 10).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&job), "prune brings it back");

    *world.bus.away.lock().unwrap() = false;
    world.deliver(&job).await.unwrap();
    world.deliver(&job).await.unwrap();
    let told = std::mem::take(&mut *world.bus.told.lock().unwrap());
    let names: Vec<_> = told.iter().map(|one| one.event.detail_type()).collect();
    assert_eq!(names, ["Job Created", "Job Canceled"]);
    assert_eq!(told[1].detail["data"]["state"], "CANCELED");
    assert_eq!(told[1].detail["id"], json!(format!("{job}_2_event_bus")));
}
