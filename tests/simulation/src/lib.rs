//! The whole system in one process and in virtual time, with everything going wrong that may: one seed is one run, and the same
//! seed is the same run.
//!
//! What runs are the use cases themselves: submit, scale, prune, state-change and the encoder's daemon. Their ports lead to the
//! adapters in memory through a layer of [`faults`]; a [`process::Process`] can die or stand still at every wait; the [`oracle`]
//! watches. Tokio's paused clock leaps to the next timer whenever nobody has anything to do, so hours take milliseconds.

pub mod batches;
pub mod clients;
pub mod cloud;
pub mod encoders;
pub mod faults;
pub mod functions;
pub mod media;
pub mod mutants;
pub mod oracle;
pub mod ports;
pub mod process;
pub mod world;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mutants::Mutant;
use tokio::time::sleep;
use world::World;

/// When a run must be over: the time of faults, the hour for which launches are held after instances that never came up, and
/// the longest pauses between notifications.
const DEADLINE: Duration = Duration::from_secs(12 * 3_600);

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The promise that was broken, if one was.
    pub violation: Option<String>,
    /// Jobs that were accepted.
    pub jobs: usize,
    /// Virtual time that passed.
    pub lasted: Duration,
    /// The last lines of the log, if one was asked for.
    pub log: Vec<String>,
}

/// Runs one seed.
pub fn run(seed: u64, mutant: Option<Mutant>, logs: bool) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime needs no resource but memory");
    runtime.block_on(async {
        let world = World::new(seed, mutant, logs);
        let busy = clients::start(&world);
        batches::start(&world, &busy);
        functions::start(&world);
        loop {
            sleep(Duration::from_secs(20)).await;
            let asking = busy.load(Ordering::Relaxed) > 0;
            let broken = violation(&world).is_some();
            if broken || over(&world, asking).await {
                break;
            }
        }
        oracle::at_the_end(&world).await;
        // Processes know their world: without this the world would keep itself alive, a million times.
        *world.cloud.lock().expect("no holder panics") = cloud::Cloud::default();
        Run {
            violation: violation(&world),
            jobs: oracle::count(&world),
            lasted: world.age(),
            log: world.lines(),
        }
    })
}

fn violation(world: &World) -> Option<String> {
    let oracle = world.oracle.lock().expect("no holder panics");
    oracle.violation.clone()
}

/// Whether all is quiet. It is a broken promise if it never is.
async fn over(world: &Arc<World>, asking: bool) -> bool {
    if asking || !world.healed() {
        return false;
    }
    match oracle::unsettled(world).await {
        None => true,
        Some(why) if world.age() > DEADLINE => {
            world.violated(|| format!("not over after {} h: {why}", DEADLINE.as_secs() / 3_600));
            true
        }
        Some(_) => false,
    }
}
