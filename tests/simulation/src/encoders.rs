//! The life of an instance: it boots, runs the encoder, which may die and is started again, and ends when the encoder is done.

use std::{sync::Arc, time::Duration};

use nommer_core::{fleet::idle_limit, id::InstanceId, instance::Kind};
use nommer_encoder::{
    daemon::{Daemon, Stop},
    worker::Worker,
};
use tokio::time::sleep;

use crate::{
    cloud::look,
    media::SimRunner,
    ports::Side,
    process::{Process, ProcessClock},
    world::{MARGIN, World},
};

/// After so many deaths in a row the instance powers off, as its unit says.
const DEATHS: u32 = 5;

/// An instance was launched: lets it live.
pub fn boot(world: &Arc<World>, id: &InstanceId) {
    tokio::spawn(live(Arc::clone(world), id.clone()));
}

async fn live(world: Arc<World>, id: InstanceId) {
    sleep(Duration::from_secs(world.between(20, 60))).await;
    if world.chance(world.faults().stillborn) {
        world.log(|| format!("{id} never comes up"));
        // Half of them notice it and power off; the others hang for ever.
        if world.chance(0.5) {
            look(&world.cloud).end(&id);
        }
        return;
    }
    for life in 1..=DEATHS {
        let process = Process::start(&world, format!("{id}.{life}"), true);
        if !look(&world.cloud).host(&id, &process) {
            return;
        }
        let stop = Stop::default();
        tokio::spawn(interrupt(Arc::clone(&process), id.clone(), stop.clone()));
        let running = tokio::spawn(daemon(&process, &id).run(stop));
        tokio::select! {
            biased;
            () = process.death() => {}
            _ = running => break,
        }
        sleep(Duration::from_secs(5)).await;
    }
    world.log(|| format!("{id} powers off"));
    look(&world.cloud).end(&id);
}

fn daemon(process: &Arc<Process>, id: &InstanceId) -> Daemon<Side, SimRunner, ProcessClock> {
    let fleet = &process.world.fleet;
    Daemon {
        worker: Arc::new(Worker {
            backend: Side::of(process),
            runner: SimRunner(Arc::clone(process)),
            clock: ProcessClock(Arc::clone(process)),
            instance: id.clone(),
            times: World::times(),
            margin: MARGIN,
            kind: Kind::default(),
        }),
        idle_limit: idle_limit(fleet, fleet.billed_boot),
        fleet: fleet.clone(),
    }
}

/// The market takes the instance away, with or without a notice.
async fn interrupt(process: Arc<Process>, id: InstanceId, stop: Stop) {
    let world = &process.world;
    let notice = world.chance(world.faults().notice);
    if !notice && !world.chance(world.faults().vanish) {
        return;
    }
    sleep(Duration::from_secs(world.between(1, 600))).await;
    if notice && !process.is_dead() {
        world.log(|| format!("{} has two minutes left", process.name));
        stop.release.cancel();
        sleep(Duration::from_secs(120)).await;
    }
    look(&world.cloud).end(&id);
}
