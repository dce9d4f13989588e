//! Those who want many things encoded: they hand over a batch until they have an answer, and sometimes cancel it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use nommer_core::{
    batch::{Batch, Entry},
    commit::{advance, cancel_batch},
    id::BatchId,
    lease::later,
    ports::{Backend as _, BatchStore as _, CreatedBatch, IdempotencyKey, StoreError},
    sealed::SealedSecrets,
    spec::{BatchRequest, SpecRules, parse_v1},
};
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{oracle, ports::Side, process::Process, world::World};

/// How often a client asks before it gives up.
const PATIENCE: u32 = 20;

/// Starts the batch of a run, if it has one.
pub fn start(world: &Arc<World>, busy: &Arc<AtomicUsize>) {
    if !world.chance(0.3) {
        return;
    }
    let body = draw(world);
    busy.fetch_add(1, Ordering::Relaxed);
    let (world, busy) = (Arc::clone(world), Arc::clone(busy));
    tokio::spawn(async move {
        Box::pin(submit(&world, &body)).await;
        busy.fetch_sub(1, Ordering::Relaxed);
    });
}

fn draw(world: &World) -> Value {
    let entries = (0..world.between(1, 6)).map(|number| {
        let fate = match world.between(0, 9) {
            0 => "missing",
            1 | 2 if !world.is_gentle() => "flaky",
            _ => "good",
        };
        json!({
            "source_path": format!("s3://in-bucket/{fate}-batch-{number}.mov"),
            "dest_path": format!("s3://out-bucket/batch-{number}.mp4"),
        })
    });
    json!({
        "job": {"preset": "copy"},
        "entries": entries.collect::<Vec<_>>(),
        "target_queue": world.between(1, 3),
        "retries": world.between(0, 2),
    })
}

async fn submit(world: &Arc<World>, body: &Value) {
    sleep(Duration::from_secs(world.between(0, 300))).await;
    for _ in 0..PATIENCE {
        let process = Process::start(world, "submit-batch".to_owned(), false);
        let answer = tokio::select! {
            biased;
            answer = ask(&process, body) => answer.ok(),
            () = process.death() => None,
            () = sleep(Duration::from_secs(30)) => None,
        };
        process.end();
        if let Some(id) = answer {
            oracle::accepted_batch(world, &id);
            if world.chance(0.2) {
                Box::pin(cancel(world, &id)).await;
            }
            return;
        }
        sleep(Duration::from_secs(world.between(1, 10))).await;
    }
}

/// As the route does it.
async fn ask(process: &Arc<Process>, body: &Value) -> Result<BatchId, StoreError> {
    let (world, now, side) = (&process.world, process.now(), Side::of(process));
    let request = BatchRequest::read(body).expect("it is well formed");
    let entries = request.bodies().map(|mut body| {
        body["max_attempts"] = json!(request.retries + 1);
        let checked = parse_v1(&body, &SpecRules::default()).expect("it is well formed");
        Entry {
            spec: checked.spec,
            sealed: SealedSecrets::default(),
        }
    });
    let entries: Vec<Entry> = entries.collect();
    let high = u128::from(world.random().bits());
    let low = u128::from(world.random().bits());
    let id = BatchId::from_uuid(Uuid::from_u128(high << 64 | low));
    let batch = Batch::new(id, &request, None, now);
    let key = IdempotencyKey {
        key: "batch".to_owned(),
        body_hash: "hash".to_owned(),
        expires_at: later(now, Duration::from_secs(86_400)),
    };
    let created = side.store().create_batch(&batch, &entries, Some(&key));
    let id = match created.await? {
        CreatedBatch::New => batch.id,
        CreatedBatch::Existing { id, .. } => id,
    };
    // The batch is safe: what fails here is done by prune.
    Box::pin(advance(&*side, &id, now)).await.ok();
    Ok(id)
}

async fn cancel(world: &Arc<World>, id: &BatchId) {
    sleep(Duration::from_secs(world.between(0, 300))).await;
    let process = Process::start(world, "cancel-batch".to_owned(), false);
    let side = Side::of(&process);
    tokio::select! {
        biased;
        _ = cancel_batch(&*side, id, process.now()) => {}
        () = process.death() => {}
    }
    process.end();
}
