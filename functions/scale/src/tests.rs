//! Launches over the memory side, with a fleet that counts.

use std::{collections::BTreeMap, sync::Mutex};

use nommer_core::{
    address::NetworkRules,
    fleet::{Budget, BudgetAction},
    id::{EndpointId, InstanceId, JobId},
    instance::InstanceState,
    job::Job,
    memory::Memory,
    money::WorkAverage,
    notify::{EventName, News, Notification},
    ports::{EndpointStore as _, Machine, NotificationStore as _, Version},
    sealed::SealedSecrets,
    spec::{SpecRules, parse_v1},
    uri::NotifyUrl,
    webhook::WebhookEndpoint,
};
use serde_json::json;
use uuid::Uuid;

use super::*;

/// A cloud that honors tokens, and fails when it is told to.
#[derive(Default)]
struct Cloud {
    machines: Mutex<BTreeMap<String, InstanceId>>,
    no_capacity: bool,
    mute: bool,
}

impl Cloud {
    fn count(&self) -> usize {
        self.machines.lock().unwrap().len()
    }

    fn end_all(&self) {
        self.machines.lock().unwrap().clear();
    }
}

impl Fleet for Cloud {
    async fn machines(&self) -> Result<Vec<Machine>, StoreError> {
        let machines = self.machines.lock().unwrap();
        let machine = |(token, id): (&String, &InstanceId)| Machine {
            id: id.clone(),
            token: token.clone(),
        };
        Ok(machines.iter().map(machine).collect())
    }

    async fn launch(&self, token: &str) -> Result<InstanceId, LaunchError> {
        // Other runs get their turn here, as they would while a real call is under way.
        tokio::task::yield_now().await;
        if self.no_capacity {
            return Err(LaunchError::NoCapacity("none left".to_owned()));
        }
        let mut machines = self.machines.lock().unwrap();
        let number = machines.len();
        let id = machines
            .entry(token.to_owned())
            .or_insert_with(|| format!("i-{number}").parse().unwrap());
        if self.mute {
            return Err(LaunchError::Unanswered("timed out".to_owned()));
        }
        Ok(id.clone())
    }

    async fn terminate(&self, _id: &InstanceId) -> Result<(), StoreError> {
        unreachable!("scale never terminates")
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

async fn with_jobs(count: u128) -> Memory {
    let backend = Memory::new(at(0));
    for number in 0..count {
        let body = json!({
            "source_path": "s3://in-bucket/a.mov", "dest_path": format!("s3://out-bucket/{number}.mp4"), "preset": "copy",
        });
        let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
        let job = Job::new(
            JobId::from_uuid(Uuid::from_u128(number)),
            spec,
            SealedSecrets::default(),
            at(0),
        );
        backend.store.create(&job, None).await.unwrap();
    }
    backend
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.fleet.max = 3;
    settings
}

fn row(id: &InstanceId, state: InstanceState, beat_at: Timestamp) -> Instance {
    Instance {
        id: id.clone(),
        state,
        slots: 2,
        jobs: Vec::new(),
        started_at: beat_at,
        beat_at,
        drain_requested: false,
        ffmpeg_version: None,
        instance_type: None,
        market: None,
        work: None,
    }
}

#[tokio::test]
async fn no_work_launches_nothing_and_writes_nothing_twice() {
    let backend = with_jobs(0).await;
    for minute in 0..3 {
        let scaled = scale(&backend, &Cloud::default(), &settings(), at(60 * minute))
            .await
            .unwrap();
        assert_eq!(scaled.launched, 0);
    }
    assert!(backend.store.fleet().await.unwrap().1 <= Version(1));
}

#[tokio::test]
async fn one_job_and_an_empty_fleet_launch_exactly_one() {
    let (backend, cloud) = (with_jobs(1).await, Cloud::default());
    for second in 0..3 {
        scale(&backend, &cloud, &settings(), at(second))
            .await
            .unwrap();
    }
    assert_eq!(cloud.count(), 1);
}

#[tokio::test]
async fn twenty_runs_at_once_launch_no_more_than_the_maximum() {
    let (backend, cloud) = (with_jobs(100).await, Cloud::default());
    // The image is known to come up, so nothing but the maximum holds launches back.
    let (mut record, version) = backend.store.fleet().await.unwrap();
    record.breaker.proven = true;
    backend.store.put_fleet(&record, version).await.unwrap();
    let settings = settings();
    let runs = (0..20).map(|_| scale(&backend, &cloud, &settings, at(0)));
    for run in futures_util::future::join_all(runs).await {
        run.unwrap();
    }
    assert_eq!(cloud.count(), 3);
}

#[tokio::test]
async fn a_run_that_died_after_reserving_is_repaired_with_the_same_token() {
    let (backend, cloud) = (with_jobs(1).await, Cloud::default());
    let (mut record, version) = backend.store.fleet().await.unwrap();
    let jobs = backend.store.unfinished().await.unwrap();
    let plan = plan_scale(
        &observe(&record, &[], &jobs, &settings(), at(0)),
        &settings().fleet,
        at(0),
    );
    let token = record.reserve(&plan, &settings().fleet, at(0))[0]
        .token
        .clone();
    backend.store.put_fleet(&record, version).await.unwrap();

    scale(&backend, &cloud, &settings(), at(1)).await.unwrap();
    assert_eq!(cloud.count(), 0, "the other run may still be at it");
    scale(&backend, &cloud, &settings(), at(600)).await.unwrap();
    assert_eq!(
        cloud.machines.lock().unwrap().keys().collect::<Vec<_>>(),
        [&token]
    );
}

#[tokio::test]
async fn an_instance_that_came_and_went_between_two_runs_frees_its_place_at_once() {
    let (backend, cloud) = (with_jobs(1).await, Cloud::default());
    let mut one = settings();
    one.fleet.max = 1;
    scale(&backend, &cloud, &one, at(0)).await.unwrap();
    let id = cloud.machines().await.unwrap()[0].id.clone();
    backend
        .store
        .put_instance(&row(&id, InstanceState::Gone, at(5)), Version(0))
        .await
        .unwrap();
    cloud.end_all();
    let scaled = scale(&backend, &cloud, &one, at(10)).await.unwrap();
    assert_eq!(
        (scaled.launched, cloud.count()),
        (1, 1),
        "{}",
        scaled.reason
    );
}

#[tokio::test]
async fn a_refused_launch_is_told_and_tried_again_later() {
    let backend = with_jobs(1).await;
    let none = Cloud {
        no_capacity: true,
        ..Cloud::default()
    };
    let scaled = scale(&backend, &none, &settings(), at(0)).await.unwrap();
    assert_eq!((scaled.launched, scaled.failed), (0, 1));
    let cloud = Cloud::default();
    let scaled = scale(&backend, &cloud, &settings(), at(1)).await.unwrap();
    assert_eq!(cloud.count(), 0, "not at once: {}", scaled.reason);
    scale(&backend, &cloud, &settings(), at(3_600))
        .await
        .unwrap();
    assert_eq!(cloud.count(), 1);
}

#[tokio::test]
async fn a_launch_that_was_not_answered_keeps_its_place() {
    let (backend, mut one) = (with_jobs(2).await, settings());
    one.fleet.max = 1;
    let cloud = Cloud {
        mute: true,
        ..Cloud::default()
    };
    let scaled = scale(&backend, &cloud, &one, at(0)).await.unwrap();
    assert_eq!((scaled.launched, scaled.failed), (0, 1));
    // The listing lags: only the place says that there may be an instance.
    let lagging = Cloud::default();
    for seconds in [1, 60, 120] {
        scale(&backend, &lagging, &one, at(seconds)).await.unwrap();
    }
    assert_eq!((cloud.count(), lagging.count()), (1, 0));
}

/// A fleet of one that costs a dollar an hour and has one job to do.
async fn priced(backend: &Memory, cloud: &Cloud) -> Settings {
    let mut settings = settings();
    settings.fleet.max = 9;
    settings.prices.instance_type = Some("mine".to_owned());
    settings.prices.usd_per_hour = [("mine".to_owned(), 1.0)].into();
    scale(backend, cloud, &settings, at(0)).await.unwrap();
    let id = cloud.machines().await.unwrap()[0].id.clone();
    let row = row(&id, InstanceState::Ready, at(40));
    backend.store.put_instance(&row, Version(0)).await.unwrap();
    settings
}

#[tokio::test]
async fn the_month_is_metered_and_a_spent_budget_stops_launches_and_says_so() {
    let (backend, cloud) = (with_jobs(5).await, Cloud::default());
    let mut settings = priced(&backend, &cloud).await;
    settings.budget = Budget {
        monthly_usd: Some(0.5),
        action: BudgetAction::StopScaling,
    };
    let launched = cloud.count();
    let scaled = scale(&backend, &cloud, &settings, at(3_600 + 10))
        .await
        .unwrap();
    assert_eq!(scaled.launched, 0);
    let (record, _) = backend.store.fleet().await.unwrap();
    let spent = record.spend.month_to_date_usd(at(3_610)).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a handful of instances")]
    let hours = launched as f64;
    assert!(
        (spent - hours).abs() < 0.01,
        "{spent} for {hours} instance hours"
    );
    let reason = record.last_decision.unwrap().reason;
    assert!(
        reason.contains("capped by the budget of 0.50 USD"),
        "{reason}"
    );
    assert!(
        record.standstill.since.is_some(),
        "nobody is to blame for jobs that wait"
    );
}

#[tokio::test]
async fn an_instance_of_an_unknown_type_makes_the_month_unknown_and_a_budget_holds() {
    let (backend, cloud) = (with_jobs(1).await, Cloud::default());
    let mut settings = priced(&backend, &cloud).await;
    let (mut row, version) = backend.store.instances(at(40)).await.unwrap().remove(0);
    row.instance_type = Some("z9.nano".to_owned());
    backend.store.put_instance(&row, version).await.unwrap();
    settings.budget.monthly_usd = Some(1_000.0);
    settings.fleet.min = 3;
    let scaled = scale(&backend, &cloud, &settings, at(100)).await.unwrap();
    assert!(
        scaled
            .reason
            .contains("the price of an instance is not known"),
        "{}",
        scaled.reason
    );
    assert_eq!(scaled.launched, 0);
}

#[tokio::test]
async fn a_paused_fleet_launches_nothing_and_drains_what_came_up_late() {
    let (backend, cloud) = (with_jobs(5).await, Cloud::default());
    let settings = priced(&backend, &cloud).await;
    let launched = cloud.count();
    amend_fleet(&backend.store, |record| {
        record.pause(Some(Timestamp::MAX), at(50));
    })
    .await
    .unwrap();
    let scaled = scale(&backend, &cloud, &settings, at(60)).await.unwrap();
    assert_eq!((scaled.launched, cloud.count()), (0, launched));
    assert!(
        scaled.reason.ends_with("as the fleet is paused"),
        "{}",
        scaled.reason
    );
    let (row, _) = backend.store.instances(at(60)).await.unwrap().remove(0);
    assert!(row.drain_requested);
}

#[tokio::test]
async fn what_encoders_learned_of_work_is_kept_when_they_are_gone() {
    let (backend, cloud) = (with_jobs(1).await, Cloud::default());
    let settings = priced(&backend, &cloud).await;
    let (mut row, version) = backend.store.instances(at(40)).await.unwrap().remove(0);
    let work = WorkAverage {
        jobs: 4,
        seconds: 70.0,
        pace: 0.5,
    };
    row.work = Some(work);
    row.state = InstanceState::Gone;
    backend.store.put_instance(&row, version).await.unwrap();
    cloud.end_all();
    scale(&backend, &cloud, &settings, at(100)).await.unwrap();
    scale(&backend, &cloud, &settings, at(200_000))
        .await
        .unwrap();
    let (record, _) = backend.store.fleet().await.unwrap();
    assert_eq!(record.work, Some(work));
}

#[tokio::test]
async fn a_day_without_scale_is_caught_up_with_by_one_run() {
    let backend = with_jobs(3).await;
    let cloud = Cloud::default();
    scale(&backend, &cloud, &settings(), at(0)).await.unwrap();
    let before = cloud.machines().await.unwrap();
    assert!(!before.is_empty());
    // A day later nothing is left of what was launched then, and nobody wrote that down.
    cloud.end_all();
    let late = scale(&backend, &cloud, &settings(), at(86_400))
        .await
        .unwrap();
    // One to begin with: those of yesterday never came up, as far as anybody knows.
    assert_eq!(late.launched, 1, "{late:?}");
}

/// Adds an endpoint of the operator's for these events.
async fn with_endpoint(backend: &Memory, events: &[EventName]) -> EndpointId {
    let id = EndpointId::from_uuid(Uuid::from_u128(1));
    let url = NotifyUrl::parse("https://hooks.example.com/", &NetworkRules::default());
    let endpoint = WebhookEndpoint {
        id: id.clone(),
        url: url.unwrap(),
        sealed_url: None,
        events: events.iter().copied().collect(),
        description: String::new(),
        disabled: None,
        secrets: Vec::new(),
        created_at: at(0),
        updated_at: at(0),
    };
    let all = [endpoint];
    let put = backend.store.put_endpoints(None, &all, Version(0));
    put.await.unwrap();
    id
}

async fn told(backend: &Memory, to: &EndpointId) -> Vec<Notification> {
    let mut told = backend.store.notifications_to(to, None, 100).await.unwrap();
    told.reverse();
    told
}

#[tokio::test]
async fn the_operator_hears_once_that_the_fleet_grew_and_shrank() {
    let (backend, cloud) = (with_jobs(1).await, Cloud::default());
    let endpoint = with_endpoint(&backend, &[EventName::FleetScaled]).await;
    for second in 0..3 {
        scale(&backend, &cloud, &settings(), at(second))
            .await
            .unwrap();
    }
    let grown = told(&backend, &endpoint).await;
    let [one] = grown.as_slice() else {
        panic!("{grown:?}");
    };
    let Some(News::Fleet(size)) = &one.news else {
        panic!("{one:?}");
    };
    assert_eq!((size.from, size.to), (0, 1));
    assert!(!size.reason.is_empty());
    assert_eq!(backend.state_queue.len(), 1, "state-change has a hint");

    cloud.end_all();
    let gone = at(7_200);
    scale(&backend, &cloud, &settings(), gone).await.unwrap();
    let (record, _) = backend.store.fleet().await.unwrap();
    assert_eq!(record.untold, [], "what was told is forgotten");
}

#[tokio::test]
async fn what_a_run_that_died_did_not_tell_is_told_by_the_next_and_not_twice() {
    let (backend, cloud) = (with_jobs(0).await, Cloud::default());
    let endpoint = with_endpoint(&backend, &[EventName::FleetScaled]).await;
    let (mut record, read) = backend.store.fleet().await.unwrap();
    record.reservations = vec![];
    record.told.instances = 2;
    record.note_untold(&Budget::default(), "nothing waits", at(0));
    let left = record.untold.clone();
    backend.store.put_fleet(&record, read).await.unwrap();
    // It died after it had stored the notification, and before it forgot.
    let one = &left[0];
    let target = nommer_core::notify::Target::Endpoint(endpoint.clone());
    let stored = Notification::of_fleet(one.name.clone(), one.news.clone(), target, one.at);
    backend.store.add_notification(&stored).await.unwrap();

    for second in 0..2 {
        scale(&backend, &cloud, &settings(), at(second))
            .await
            .unwrap();
    }
    assert_eq!(told(&backend, &endpoint).await, [stored]);
    assert_eq!(backend.store.fleet().await.unwrap().0.untold, []);
}

#[tokio::test]
async fn who_did_not_ask_is_not_told_of_the_fleet() {
    let (backend, cloud) = (with_jobs(1).await, Cloud::default());
    let default: Vec<_> = EventName::by_default().into_iter().collect();
    let endpoint = with_endpoint(&backend, &default).await;
    scale(&backend, &cloud, &settings(), at(0)).await.unwrap();
    assert_eq!(told(&backend, &endpoint).await, []);
    assert_eq!(backend.state_queue.len(), 0);
}
