//! The simulation itself: a heap of events in virtual time, a queue of jobs, and a policy that is asked when woken.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::cloud::{Cloud, timestamp};
use super::{Arrival, Contender, Outcome, Random, World, work_bound};
use crate::fleet::{Breaker, FleetRecord};
use crate::id::InstanceId;

mod scale;

/// How long a fleet is watched after the last news: longer than any policy holds an idle instance.
const SETTLE: Duration = Duration::from_hours(2);

const HOUR: Duration = Duration::from_hours(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Submit(usize),
    /// A submit woke scale.
    Wake,
    /// The schedule woke scale, or a peer looks.
    Tick,
    Booted(usize),
    Finished {
        machine: usize,
        job: usize,
    },
    /// The machine has been idle since then for as long as it may.
    IdleOut {
        machine: usize,
        since: Duration,
    },
    Interrupted(usize),
}

/// Runs a trace, sorted by arrival, under a policy.
pub fn simulate(jobs: &[Arrival], world: &World, contender: &Contender) -> Outcome {
    let mut engine = Engine::new(jobs, world, contender);
    for (job, arrival) in jobs.iter().enumerate() {
        engine.at(arrival.at, Event::Submit(job));
    }
    engine.at(Duration::ZERO, Event::Tick);
    while let Some(Reverse((at, _, event))) = engine.events.pop() {
        if at > engine.last_news + SETTLE {
            break;
        }
        engine.now = at;
        engine.handle(event);
    }
    engine.outcome()
}

struct Engine<'a> {
    jobs: &'a [Arrival],
    world: &'a World,
    contender: &'a Contender,
    random: Random,
    now: Duration,
    /// The last submit, or the end of the last job that was started: the end is [`SETTLE`] after it.
    last_news: Duration,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    scheduled: u64,
    waiting: VecDeque<usize>,
    /// For each job, how far estimates of its time are off.
    factors: Vec<f64>,
    started: Vec<Option<Duration>>,
    finished: u32,
    finished_work: Duration,
    cloud: Cloud,
    record: FleetRecord,
    wake_is_due: bool,
    /// Looks in a row at which jobs waited.
    looks: u32,
    launches: u32,
    refused: u32,
    interruptions: u32,
    restarts: u32,
}

impl<'a> Engine<'a> {
    fn new(jobs: &'a [Arrival], world: &'a World, contender: &'a Contender) -> Self {
        let mut random = Random::new(world.seed);
        let factors = jobs
            .iter()
            .map(|_| random.log_normal(1.0, world.estimate_error))
            .collect();
        // The day before went well: what is measured is the policy, not the first trial of an image.
        let breaker = Breaker {
            proven: true,
            ..Breaker::default()
        };
        Self {
            jobs,
            world,
            contender,
            random,
            now: Duration::ZERO,
            last_news: jobs.last().map(|job| job.at).unwrap_or_default(),
            events: BinaryHeap::new(),
            scheduled: 0,
            waiting: VecDeque::new(),
            factors,
            started: vec![None; jobs.len()],
            finished: 0,
            finished_work: Duration::ZERO,
            cloud: Cloud::default(),
            record: FleetRecord {
                breaker,
                ..FleetRecord::default()
            },
            wake_is_due: false,
            looks: 0,
            launches: 0,
            refused: 0,
            interruptions: 0,
            restarts: 0,
        }
    }

    /// Schedules an event; events of one instant happen in the order they were scheduled.
    fn at(&mut self, at: Duration, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, event)));
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Submit(job) => {
                self.waiting.push_back(job);
                self.wake();
            }
            Event::Wake => {
                self.wake_is_due = false;
                self.scale();
            }
            Event::Tick => {
                self.scale();
                self.at(self.now + self.tick(), Event::Tick);
            }
            Event::Booted(machine) if self.cloud.is_live(machine) => {
                self.cloud.boot(machine, self.now);
                self.record.reported(&instance_id(machine));
                self.idle(machine);
            }
            Event::Finished { machine, job } if self.cloud.is_live(machine) => {
                self.finished += 1;
                self.finished_work += self.jobs[job].work;
                self.cloud.finish(machine, job, self.now);
                self.idle(machine);
            }
            Event::IdleOut { machine, since } => self.idle_out(machine, since),
            Event::Interrupted(machine) if self.cloud.is_live(machine) => {
                self.interruptions += 1;
                self.end(machine);
            }
            Event::Booted(_) | Event::Finished { .. } | Event::Interrupted(_) => return,
        }
        self.dispatch();
    }

    /// Gives waiting jobs to machines with a free slot. Which machine gets one is chance, as it is with a queue.
    fn dispatch(&mut self) {
        let mut open = if self.waiting.is_empty() {
            Vec::new()
        } else {
            self.cloud.open(self.world)
        };
        while !open.is_empty() {
            let Some(job) = self.waiting.pop_front() else {
                return;
            };
            let pick = self.random.below(open.len());
            let machine = open[pick];
            let done = self.now + self.jobs[job].work;
            self.last_news = self.last_news.max(done);
            self.started[job].get_or_insert(self.now);
            self.cloud.start(machine, job, done);
            self.at(done, Event::Finished { machine, job });
            if self.cloud.machine(machine).free_slots(self.world) == 0 {
                open.swap_remove(pick);
            }
        }
    }

    /// Ends a machine; what it did not finish waits again, ahead of the others.
    fn end(&mut self, machine: usize) {
        self.record
            .release(&instance_id(machine), timestamp(self.now));
        for job in self.cloud.end(machine, self.now, self.world) {
            self.restarts += 1;
            self.waiting.push_front(job);
        }
    }

    fn outcome(mut self) -> Outcome {
        for machine in self.cloud.live().to_vec() {
            self.cloud.end(machine, self.now, self.world);
        }
        let end = self.now;
        let starts = self.jobs.iter().zip(&self.started);
        let mut waits: Vec<_> = starts
            .map(|(job, start)| start.unwrap_or(end).saturating_sub(job.at))
            .collect();
        waits.sort_unstable();
        Outcome {
            work: work_bound(self.jobs),
            billed: self.cloud.billed * self.world.job_slots,
            waits,
            unfinished: self.jobs.len().saturating_sub(self.finished as usize),
            launches: self.launches,
            refused: self.refused,
            interruptions: self.interruptions,
            restarts: self.restarts,
            curve: self.cloud.curve,
        }
    }
}

fn instance_id(machine: usize) -> InstanceId {
    format!("i-{machine}")
        .parse()
        .expect("the text is a legal id")
}
