//! A process of the simulated system: a run of a function, or an encoder. It can die, stand still, and have a wrong clock.
//!
//! Whatever a process does that others can see goes through [`Process::enter`] and [`Process::leave`], and whenever it waits it
//! waits here. A dead process never comes back from either, which is what a crash at that point is; one that stands still comes
//! back late.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use nommer_core::ports::StoreError;
use nommer_encoder::clock::Clock;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// One process.
#[derive(Debug)]
pub struct Process {
    /// For the log.
    pub name: String,
    /// Where it lives.
    pub world: Arc<World>,
    /// Whether it is an encoder; functions have a time limit instead of freezes.
    pub encoder: bool,
    died: CancellationToken,
    frozen_until: Mutex<Instant>,
    skew: AtomicI64,
}

impl Process {
    /// A process whose clock is as wrong as the run's faults want.
    pub fn start(world: &Arc<World>, name: String, encoder: bool) -> Arc<Self> {
        let skew = world.draw_skew(encoder);
        if skew != 0 {
            world.log(|| format!("{name} starts, its clock is off by {skew} ms"));
        }
        Arc::new(Self {
            name,
            world: Arc::clone(world),
            encoder,
            died: CancellationToken::new(),
            frozen_until: Mutex::new(Instant::now()),
            skew: AtomicI64::new(skew),
        })
    }

    /// Ends it here and now: `kill -9`.
    pub fn kill(&self) {
        if !self.died.is_cancelled() {
            self.world.log(|| format!("{} dies", self.name));
            self.died.cancel();
        }
    }

    /// It is over, or has run into its time limit: nothing of it goes on.
    pub fn end(&self) {
        self.died.cancel();
    }

    /// Whether it is dead.
    pub fn is_dead(&self) -> bool {
        self.died.is_cancelled()
    }

    /// Comes back when it is dead.
    pub async fn death(&self) {
        self.died.cancelled().await;
    }

    /// The time as this process sees it.
    pub fn now(&self) -> Timestamp {
        let skew = SignedDuration::from_millis(self.skew.load(Ordering::Relaxed));
        self.world
            .now()
            .checked_add(skew)
            .expect("the run lies far from the ends of time")
    }

    /// Passes when the process runs.
    pub async fn gate(&self) {
        loop {
            if self.is_dead() {
                return pending().await;
            }
            let until = *self.frozen_until.lock().expect("no holder panics");
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    /// Before the effect of a call.
    pub async fn enter(&self, what: &'static str) -> Result<(), StoreError> {
        self.gate().await;
        if !self.world.count_call() {
            self.world
                .violated(|| format!("{} calls {what} without a pause", self.name));
            return pending().await;
        }
        let faults = self.world.faults();
        self.pause(faults.latency).await;
        if self.world.chance(faults.hang) {
            let long = self.world.between(20, 300);
            self.world
                .log(|| format!("{}: {what} hangs for {long} s", self.name));
            sleep(Duration::from_secs(long)).await;
            self.gate().await;
        }
        self.mishap(what, "before").await;
        if self.world.chance(faults.error) {
            self.world.log(|| format!("{}: {what} fails", self.name));
            return Err(StoreError::unavailable(what, "a fault of the run"));
        }
        Ok(())
    }

    /// After the effect of a call.
    pub async fn leave(&self, what: &'static str) -> Result<(), StoreError> {
        let faults = self.world.faults();
        self.mishap(what, "after").await;
        self.pause(faults.latency).await;
        if self.world.chance(faults.lost) {
            self.world
                .log(|| format!("{}: the answer to {what} is lost", self.name));
            return Err(StoreError::unavailable(what, "the answer was lost"));
        }
        Ok(())
    }

    /// A call of a port around its effect.
    pub async fn call<T>(
        &self,
        what: &'static str,
        effect: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.enter(what).await?;
        let done = effect.await;
        self.leave(what).await?;
        done
    }

    /// The process may die here, stand still, or have its clock set.
    async fn mishap(&self, what: &'static str, when: &str) {
        let faults = self.world.faults();
        if self.world.chance(faults.crash) {
            self.world
                .log(|| format!("{}: crash {when} {what}", self.name));
            self.kill();
        }
        if self.encoder && self.world.chance(faults.freeze) {
            let long = self.world.between(10, 400);
            self.world
                .log(|| format!("{} stands still {when} {what} for {long} s", self.name));
            *self.frozen_until.lock().expect("no holder panics") =
                Instant::now() + Duration::from_secs(long);
        }
        if self.world.chance(faults.jump) {
            let skew = self.world.draw_skew(self.encoder);
            self.world
                .log(|| format!("the clock of {} jumps to {skew} ms off", self.name));
            self.skew.store(skew, Ordering::Relaxed);
        }
        self.gate().await;
    }

    async fn pause(&self, most: u32) {
        if most > 0 {
            let millis = self.world.between(0, u64::from(most));
            sleep(Duration::from_millis(millis)).await;
            self.gate().await;
        }
    }
}

/// The clock of one process.
#[derive(Clone, Debug)]
pub struct ProcessClock(pub Arc<Process>);

impl Clock for ProcessClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, pause: Duration) {
        sleep(pause).await;
        self.0.gate().await;
    }
}
