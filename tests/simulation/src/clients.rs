//! Those who want something encoded: they submit until they have an answer, sometimes twice at once, and sometimes cancel.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use nommer_core::key::Caller;
use nommer_core::{
    error::Code,
    id::JobId,
    job::Event,
    lease::later,
    ports::{Backend as _, IdempotencyKey},
    settings::Settings,
    spec::{SpecRules, parse_v1},
};
use nommer_submit::{Access, Allowances, NewJob, Submit, accept};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    oracle,
    ports::{Side, Wake},
    process::Process,
    world::World,
};

/// How often a client asks before it gives up.
const PATIENCE: u32 = 20;

/// One wish for a job.
#[derive(Clone, Debug)]
struct Wish {
    number: u64,
    body: serde_json::Value,
    key: Option<String>,
}

/// Starts all clients of a run. The counter falls to zero when each has its answer or gave up.
pub fn start(world: &Arc<World>) -> Arc<AtomicUsize> {
    let busy = Arc::new(AtomicUsize::new(0));
    let jobs = world.between(1, 4);
    // Mostly each job has a destination of its own.
    let places = if world.chance(0.2) { 1 } else { jobs };
    for number in 0..jobs {
        let wish = draw(world, number, places);
        let copies = if wish.key.is_some() && world.chance(0.2) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            busy.fetch_add(1, Ordering::Relaxed);
            let (world, wish, busy) = (Arc::clone(world), wish.clone(), Arc::clone(&busy));
            tokio::spawn(async move {
                submit(&world, &wish).await;
                busy.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
    busy
}

fn draw(world: &World, number: u64, places: u64) -> Wish {
    let gentle = world.is_gentle();
    let fate = match world.between(0, 9) {
        0 => "missing",
        1 if !gentle => "flaky",
        2 if !gentle => "poison",
        _ => "good",
    };
    let mut body = json!({
        "source_path": format!("s3://in-bucket/{fate}-{number}.mov"),
        "dest_path": format!("s3://out-bucket/{}.mp4", number % places),
        "preset": "copy",
        "max_attempts": world.between(1, 4),
    });
    if world.chance(0.5) {
        body["notify_url"] = "https://hooks.example.com/done?token=hidden".into();
        body["notify_format"] = "json".into();
    }
    Wish {
        number,
        body,
        key: world.chance(0.7).then(|| format!("key-{number}")),
    }
}

async fn submit(world: &Arc<World>, wish: &Wish) {
    sleep(Duration::from_secs(world.between(0, 300))).await;
    for _ in 0..PATIENCE {
        let process = Process::start(world, "submit".to_owned(), false);
        let answer = tokio::select! {
            biased;
            answer = ask(&process, wish) => Some(answer),
            () = process.death() => None,
            () = sleep(Duration::from_secs(30)) => None,
        };
        process.end();
        match answer {
            Some(Ok(id)) => {
                oracle::accepted(world, wish.key.as_deref(), &id);
                if world.chance(0.2) {
                    cancel(world, &id).await;
                }
                return;
            }
            Some(Err(code)) if code != Code::Unavailable => return,
            Some(Err(_)) | None => sleep(Duration::from_secs(world.between(1, 10))).await,
        }
    }
}

async fn ask(process: &Arc<Process>, wish: &Wish) -> Result<JobId, Code> {
    let world = &process.world;
    let checked = parse_v1(&wish.body, &SpecRules::default()).map_err(|error| error.error.code)?;
    let submit = Submit {
        backend: Side::of(process),
        signal: Wake(Arc::clone(process)),
        rules: SpecRules::default(),
        settings: Settings::default(),
        access: Access::default(),
        job_events: false,
        allowances: Allowances::default(),
    };
    let now = process.now();
    let key = wish.key.as_ref().map(|key| IdempotencyKey {
        key: key.clone(),
        body_hash: format!("hash-{}", wish.number),
        expires_at: later(now, Duration::from_secs(86_400)),
    });
    let high = u128::from(world.random().bits());
    let id = JobId::from_uuid(Uuid::from_u128(
        high << 64 | u128::from(world.random().bits()),
    ));
    let new = NewJob {
        checked,
        key,
        repeats: None,
        id,
    };
    let accepted = accept(&submit, &Caller::Operator, new, now).await;
    accepted
        .map(|accepted| accepted.id().clone())
        .map_err(|refused| refused.into_error().code)
}

async fn cancel(world: &Arc<World>, id: &JobId) {
    sleep(Duration::from_secs(world.between(0, 300))).await;
    let process = Process::start(world, "cancel".to_owned(), false);
    let side = Side::of(&process);
    let table = side.table();
    tokio::select! {
        biased;
        // Whether it could be canceled is no matter here; whoever asked sees the job's state.
        _ = table.apply(id, Event::Cancel, process.now()) => {}
        () = process.death() => {}
    }
    process.end();
}
