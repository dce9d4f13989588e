//! What the processes of a run share: the true state of everything, the true time, the dice and the judge.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jiff::Timestamp;
use nommer_core::{
    fleet::FleetSettings, instance::Instance, job::JobOutline, lease::later, memory::Memory,
    ports::Version, prune::PrunePolicy, simulate::Random,
};
use nommer_encoder::heartbeat::LeaseTimes;
use tokio::time::Instant;

use crate::{cloud::Cloud, faults::Faults, media::Objects, mutants::Mutant, oracle::Oracle};

/// Most lines that the log keeps.
const LOG_LINES: usize = 400;

/// How far clocks may disagree, as on AWS.
pub(crate) const MARGIN: Duration = Duration::from_secs(30);

/// How far the clock of a function may be off, in milliseconds.
const FUNCTION_SKEW: u64 = 10_000;

/// So many calls at one moment are a loop that would never end.
const CALLS_AT_ONCE: u32 = 10_000;

/// A listing that may be given again while it is fresh enough.
pub(crate) type Cached<T> = Mutex<Option<(Instant, Vec<T>)>>;

/// One simulated world.
#[derive(Debug)]
pub struct World {
    /// The table and the queues, without faults.
    pub memory: Memory,
    /// The instances that there really are.
    pub cloud: Mutex<Cloud>,
    /// What is at the destinations.
    pub objects: Mutex<Objects>,
    /// What watches over the promises.
    pub oracle: Mutex<Oracle>,
    /// The bug that was planted, if any.
    pub mutant: Option<Mutant>,
    /// The fleet's settings.
    pub fleet: FleetSettings,
    /// The last listing of unfinished jobs.
    pub unfinished: Cached<JobOutline>,
    /// The last listing of instances.
    pub instances: Cached<(Instance, Version)>,
    faults: Faults,
    calm: Faults,
    random: Mutex<Random>,
    start: Instant,
    /// When the last call was made, and how many were made at that moment.
    busy: Mutex<(Duration, u32)>,
    log: Option<Mutex<VecDeque<String>>>,
}

impl World {
    /// The world of a seed. Only one that logs remembers what happened.
    pub fn new(seed: u64, mutant: Option<Mutant>, logs: bool) -> Arc<Self> {
        let mut random = Random::new(seed);
        let faults = Faults::draw(&mut random);
        let fleet = FleetSettings {
            max: u32::try_from(random.below(3) + 1).unwrap_or(1),
            jobs_per_instance: u32::try_from(random.below(2) + 1).unwrap_or(1),
            terminate_when_idle: mutant != Some(Mutant::IdleForEver),
            ..FleetSettings::default()
        };
        let start = Self::dawn();
        let world = Self {
            memory: Memory::new(start),
            cloud: Mutex::default(),
            objects: Mutex::default(),
            oracle: Mutex::default(),
            mutant,
            fleet,
            unfinished: Mutex::default(),
            instances: Mutex::default(),
            faults,
            calm: Faults::default(),
            random: Mutex::new(random),
            start: Instant::now(),
            busy: Mutex::default(),
            log: logs.then(Mutex::default),
        };
        world.log(|| format!("faults: {:?}", world.faults));
        Arc::new(world)
    }

    fn dawn() -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("a time within range")
    }

    /// How long the run has lasted.
    pub fn age(&self) -> Duration {
        self.start.elapsed()
    }

    /// The true time.
    pub fn now(&self) -> Timestamp {
        later(Self::dawn(), self.age())
    }

    /// What goes wrong now: nothing once the time of faults is over.
    pub fn faults(&self) -> &Faults {
        if self.healed() {
            &self.calm
        } else {
            &self.faults
        }
    }

    /// Whether this run may waste no attempt.
    pub fn is_gentle(&self) -> bool {
        self.faults.is_gentle()
    }

    /// Whether the time of faults is over.
    pub fn healed(&self) -> bool {
        self.age() >= self.faults.until
    }

    /// Whether this bug was planted.
    pub fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// When encoders beat and for how long a lease lasts.
    pub fn times() -> LeaseTimes {
        LeaseTimes {
            heartbeat: Duration::from_secs(20),
            lease: Duration::from_secs(60),
        }
    }

    /// When prune repairs.
    pub fn policy() -> PrunePolicy {
        PrunePolicy {
            lease_margin: MARGIN,
            abandon_after: Duration::from_secs(9 * 3_600),
            silence: Duration::from_secs(600),
        }
    }

    /// Throws the dice. A chance of zero draws nothing.
    pub fn chance(&self, rate: f64) -> bool {
        rate > 0.0 && self.random().unit() < rate
    }

    /// A whole number from `least` to `most`.
    pub fn between(&self, least: u64, most: u64) -> u64 {
        least + self.random().bits() % (most - least + 1)
    }

    /// The dice themselves.
    pub fn random(&self) -> MutexGuard<'_, Random> {
        self.random.lock().expect("no holder panics")
    }

    /// How far a clock is off, in milliseconds. Functions run on machines that others keep in time.
    pub fn draw_skew(&self, encoder: bool) -> i64 {
        let most = if encoder { u64::MAX } else { FUNCTION_SKEW };
        let most = most.min(self.faults().skew.into());
        if most == 0 {
            return 0;
        }
        let span = self.between(0, 2 * most);
        i64::try_from(span).unwrap_or(0) - i64::try_from(most).unwrap_or(0)
    }

    /// Counts a call. False if somebody calls again and again without ever waiting.
    pub fn count_call(&self) -> bool {
        let now = self.age();
        let mut busy = self.busy.lock().expect("no holder panics");
        let calls = if busy.0 == now { busy.1 + 1 } else { 1 };
        *busy = (now, calls);
        calls < CALLS_AT_ONCE
    }

    /// Says that a promise was broken. The first one counts.
    pub fn violated(&self, what: impl FnOnce() -> String) {
        let mut oracle = self.oracle.lock().expect("no holder panics");
        if oracle.violation.is_none() {
            let text = what();
            self.log(|| format!("VIOLATION: {text}"));
            oracle.violation = Some(text);
        }
    }

    /// Writes a line into the log, if there is one.
    pub fn log(&self, line: impl FnOnce() -> String) {
        if let Some(log) = &self.log {
            let mut log = log.lock().expect("no holder panics");
            if log.len() >= LOG_LINES {
                log.pop_front();
            }
            log.push_back(format!("{:10.3} {}", self.age().as_secs_f64(), line()));
        }
    }

    /// The newest lines of the log, oldest first.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.log.as_ref().map(|log| {
            log.lock()
                .expect("no holder panics")
                .iter()
                .cloned()
                .collect()
        });
        lines.unwrap_or_default()
    }
}
