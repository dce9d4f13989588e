//! Many encoders and many jobs: however they meet, each job is claimed once.

use std::{thread, time::Duration};

use nommer_core::{
    commit::{Committed, Table},
    job::Event,
    memory::MemoryQueue,
    ports::JobStore,
};

use super::{
    World,
    fixtures::{at, id, job},
};

const JOBS: u32 = 1_000;
const ENCODERS: u32 = 8;

/// Each encoder has a thread, a runtime and a handle of its own, and shares nothing with the others but the table.
pub(super) async fn no_job_is_claimed_twice(world: &impl World) {
    for number in 0..JOBS {
        world.store().create(&job(number), None).await.unwrap();
    }
    let claimed: Vec<u32> = thread::scope(|scope| {
        let encoders: Vec<_> = (0..ENCODERS)
            .map(|encoder| scope.spawn(move || claim_all(world, encoder)))
            .collect();
        let claims = encoders.into_iter().map(|encoder| encoder.join().unwrap());
        claims.collect()
    });
    assert_eq!(claimed.iter().sum::<u32>(), JOBS, "{claimed:?}");
    let busy = claimed.iter().filter(|count| **count > 0).count();
    assert!(busy > 1, "they did not even meet: {claimed:?}");
    let store = world.store();
    for job in store.unfinished().await.unwrap() {
        let (job, _) = store.get(&job.id).await.unwrap().unwrap();
        assert_eq!(job.epoch, 1);
    }
}

/// Claims whatever it can, in the same order as all others. Gives how many.
fn claim_all(world: &impl World, encoder: u32) -> u32 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let claim = Event::Claim {
        instance: format!("i-{encoder}").parse().unwrap(),
        lease: Duration::from_secs(60),
        margin: Duration::from_secs(30),
        slot_hour_usd: Some(0.36),
    };
    runtime.block_on(world.elsewhere(async |store| {
        let queue = MemoryQueue::new(at(0));
        let table = Table {
            store,
            job_queue: &queue,
            bulk_queue: &queue,
            state_queue: &queue,
        };
        let mut claimed = 0;
        for number in 0..JOBS {
            match table
                .apply(&id(number), claim.clone(), at(1))
                .await
                .unwrap()
            {
                Committed::Changed { .. } => claimed += 1,
                Committed::Denied(..) => {}
                other @ (Committed::Ignored(_) | Committed::Missing) => panic!("{other:?}"),
            }
        }
        claimed
    }))
}
