//! The functions on their schedules: scale, prune and state-change, each run a process of its own with a time limit.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use jiff::Timestamp;
use nommer_core::{
    memory::NoBus,
    notify::{Message, SigningSecret},
    ports::{Notifier, Reply},
    settings::Settings,
    uri::NotifyUrl,
};
use nommer_prune::prune;
use nommer_scale::scale;
use nommer_state_change::StateChange;
use serde_json::Value;
use tokio::time::sleep;

use crate::{
    cloud::CloudPort, mutants::Mutant, oracle, ports::Side, process::Process, world::World,
};

/// After so long a run of a function is ended.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Starts what runs by itself.
pub fn start(world: &Arc<World>) {
    tokio::spawn(every(Arc::clone(world), 60, scale_run));
    tokio::spawn(every(Arc::clone(world), 60, prune_run));
    tokio::spawn(every(Arc::clone(world), 10, state_change_run));
}

/// A schedule that may skip a run, or make two at once.
async fn every(world: Arc<World>, seconds: u64, run: fn(&Arc<World>)) {
    sleep(Duration::from_secs(world.between(0, seconds))).await;
    loop {
        let odd = world.chance(world.faults().schedule);
        if !odd || world.chance(0.5) {
            run(&world);
        }
        if odd {
            run(&world);
        }
        sleep(Duration::from_secs(seconds)).await;
    }
}

/// Ends a run that takes too long, and says that it is over.
async fn limited<T>(process: &Process, run: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = run => {}
        () = process.death() => {}
        () = sleep(TIME_LIMIT) => {}
    }
    process.end();
}

/// One run of scale.
pub fn scale_run(world: &Arc<World>) {
    let process = Process::start(world, "scale".to_owned(), false);
    tokio::spawn(async move {
        let (side, cloud) = (Side::of(&process), CloudPort(Arc::clone(&process)));
        let settings = Settings {
            fleet: process.world.fleet.clone(),
            ..Settings::default()
        };
        limited(&process, scale(&*side, &cloud, &settings, process.now())).await;
    });
}

fn prune_run(world: &Arc<World>) {
    if world.has(Mutant::NoPrune) {
        return;
    }
    let process = Process::start(world, "prune".to_owned(), false);
    tokio::spawn(async move {
        let (side, cloud) = (Side::of(&process), CloudPort(Arc::clone(&process)));
        let policy = World::policy();
        let run = prune(&*side, &cloud, &policy, process.now());
        limited(&process, Box::pin(run)).await;
    });
}

fn state_change_run(world: &Arc<World>) {
    if world.memory.state_queue.is_empty() {
        return;
    }
    let process = Process::start(world, "state-change".to_owned(), false);
    tokio::spawn(async move {
        let own = Arc::clone(&process);
        let state_change = StateChange {
            notifier: Receiver(Arc::clone(&process)),
            bus: NoBus,
            signing_secret: signing_secret(),
            now: move || -> Timestamp { own.now() },
        };
        let side = Side::of(&process);
        let poll = Box::pin(state_change.poll(&*side, Duration::ZERO));
        limited(&process, poll).await;
    });
}

fn signing_secret() -> SigningSecret {
    static SECRET: OnceLock<SigningSecret> = OnceLock::new();
    SECRET
        .get_or_init(|| SigningSecret::from_bytes([7; 32]))
        .clone()
}

/// Whoever wants to be told of jobs. It may be down, and its answer may be lost.
#[derive(Debug)]
struct Receiver(Arc<Process>);

impl Notifier for Receiver {
    async fn post(&self, _url: &NotifyUrl, message: &Message) -> Reply {
        let no_answer = |why: &str| Reply {
            status: None,
            excerpt: why.to_owned(),
            retry_after: None,
        };
        if self.0.enter("post").await.is_err() {
            return no_answer("not reached");
        }
        let world = &self.0.world;
        if world.chance(world.faults().receiver) {
            return Reply {
                status: Some(503),
                excerpt: String::new(),
                retry_after: None,
            };
        }
        let body: Value = serde_json::from_str(&message.body).expect("the body is JSON");
        let mut id = header(message, "webhook-id");
        if world.has(Mutant::FreshNotificationId) {
            id = format!("{id}-{}", world.between(0, u64::MAX - 1));
        }
        let job = body["data"]["job_id"].as_str().unwrap_or_default();
        let sequence = body["data"]["sequence"].as_u64().unwrap_or_default();
        oracle::delivered(world, job, sequence, id);
        if self.0.leave("post").await.is_err() {
            return no_answer("the answer was lost");
        }
        Reply {
            status: Some(204),
            excerpt: String::new(),
            retry_after: None,
        }
    }
}

fn header(message: &Message, name: &str) -> String {
    let found = message.headers.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}
