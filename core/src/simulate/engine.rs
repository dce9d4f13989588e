//! The simulation itself: a heap of events in virtual time, a queue of jobs, and a policy that is asked when woken.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::cloud::{Cloud, timestamp};
use super::peer::{Hold, Peer};
use super::{Arrival, Contender, Random, World, work_bound};
use crate::fleet::{
    Breaker, FleetRecord, FleetSettings, InstanceId, Observation, WaitingJob, idle_limit,
    may_drain, plan_scale,
};

/// How long a fleet is watched after the last job, and how long it may go without finishing one before we give up.
/// Longer than any policy holds an idle instance.
const SETTLE: Duration = Duration::from_hours(2);

const HOUR: Duration = Duration::from_hours(1);

/// What a policy did with a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The work-conservation bound, in slot time.
    pub work: Duration,
    /// What was billed, in slot time: machine time by the slots of a machine.
    pub billed: Duration,
    /// From submit to first start, sorted. A job that never started waited to the end.
    pub waits: Vec<Duration>,
    /// Jobs not finished when the simulation gave up.
    pub unfinished: usize,
    /// Launches that were made.
    pub launches: u32,
    /// Launches that were refused.
    pub refused: u32,
    /// Machines that spot interruptions took.
    pub interruptions: u32,
    /// How many machines lived from each moment on.
    pub curve: Vec<(Duration, u32)>,
}

impl Outcome {
    /// Cost over the work-conservation bound: 1 is perfect. Zero when there was no work.
    pub fn cost_over_work(&self) -> f64 {
        if self.work.is_zero() {
            return 0.0;
        }
        self.billed.div_duration_f64(self.work)
    }

    /// The wait that `percent` of the jobs do not exceed.
    pub fn wait(&self, percent: usize) -> Duration {
        let rank = (self.waits.len() * percent.min(100)).div_ceil(100);
        self.waits
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// The most machines that lived at once.
    pub fn peak(&self) -> u32 {
        self.curve.iter().map(|&(_, live)| live).max().unwrap_or(0)
    }
}

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
    let mut deadline = jobs.last().map(|job| job.at).unwrap_or_default() + SETTLE;
    while let Some(Reverse((at, _, event))) = engine.events.pop() {
        if at > deadline {
            break;
        }
        engine.now = at;
        if matches!(event, Event::Finished { .. }) {
            deadline = deadline.max(at + SETTLE);
        }
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
            self.started[job].get_or_insert(self.now);
            self.cloud.start(machine, job, done);
            self.at(done, Event::Finished { machine, job });
            if self.cloud.machine(machine).free_slots(self.world) == 0 {
                open.swap_remove(pick);
            }
        }
    }

    fn wake(&mut self) {
        if matches!(self.contender, Contender::Ours(_)) && !self.wake_is_due {
            self.wake_is_due = true;
            self.at(self.now + self.world.wake_delay, Event::Wake);
        }
    }

    fn tick(&self) -> Duration {
        match self.contender {
            Contender::Ours(settings) => settings.scale_interval,
            Contender::Peer(peer) => peer.poll,
        }
    }

    fn scale(&mut self) {
        match self.contender {
            Contender::Ours(settings) => self.scale_ours(settings),
            Contender::Peer(peer) => self.scale_peer(peer),
        }
    }

    /// What the scale function does, step by step.
    fn scale_ours(&mut self, settings: &FleetSettings) {
        let now = timestamp(self.now);
        let mut seen = self.observe();
        seen.hold = self.record.hold(now);
        let plan = plan_scale(&seen, settings, now);
        for place in self.record.reserve(&plan, settings, now) {
            match self.launch() {
                Some(machine) => {
                    self.record
                        .launched(&place.token, &instance_id(machine), now);
                }
                None => self.record.refused(&place.token, "no capacity", now),
            }
        }
        self.record.version += 1;
    }

    fn scale_peer(&mut self, peer: &Peer) {
        self.looks = if self.waiting.is_empty() {
            0
        } else {
            self.looks + 1
        };
        if self.looks >= peer.looks {
            let launches =
                peer.launches(&self.observe(), self.world.job_slots, timestamp(self.now));
            for _ in 0..launches {
                self.launch();
            }
        }
    }

    fn observe(&self) -> Observation {
        Observation {
            waiting: self
                .waiting
                .iter()
                .map(|&job| WaitingJob {
                    work: None,
                    since: timestamp(self.jobs[job].at),
                })
                .collect(),
            instances: self.cloud.views(self.now, self.world, &self.factors),
            average_work: self.finished_work.checked_div(self.finished),
            ..Observation::default()
        }
    }

    /// Calls the cloud, which may refuse.
    fn launch(&mut self) -> Option<usize> {
        if self.random.unit() < self.world.refused_share {
            self.refused += 1;
            return None;
        }
        self.launches += 1;
        let machine = self.cloud.launch(self.now);
        self.at(self.now + self.world.boot, Event::Booted(machine));
        if self.world.interruptions_per_hour > 0.0 {
            let mean = HOUR.as_secs_f64() / self.world.interruptions_per_hour;
            let life = Duration::from_secs_f64(self.random.exponential(mean));
            self.at(self.now + life, Event::Interrupted(machine));
        }
        Some(machine)
    }

    /// Schedules the end of a machine that just became idle.
    fn idle(&mut self, machine: usize) {
        let Some(since) = self.cloud.machine(machine).idle_since else {
            return;
        };
        let limit = match self.contender {
            Contender::Ours(settings) => idle_limit(settings, self.world.billed_boot),
            Contender::Peer(peer) => Some(match peer.hold {
                Hold::Idle(limit) => limit,
                Hold::HourEnd => self.to_the_hour(machine),
            }),
        };
        if let Some(limit) = limit {
            self.at(self.now + limit, Event::IdleOut { machine, since });
        }
    }

    fn to_the_hour(&self, machine: usize) -> Duration {
        let up = self
            .now
            .saturating_sub(self.cloud.machine(machine).billed_since(self.world));
        let into_the_hour = Duration::from_secs(up.as_secs() % HOUR.as_secs());
        HOUR.saturating_sub(into_the_hour)
    }

    fn idle_out(&mut self, machine: usize, since: Duration) {
        if self.cloud.machine(machine).idle_since != Some(since) {
            return;
        }
        if self.may_leave(machine) {
            self.end(machine);
        } else {
            self.idle(machine);
        }
    }

    fn may_leave(&self, machine: usize) -> bool {
        let Contender::Ours(settings) = self.contender else {
            return true;
        };
        let others = self.cloud.live().iter().filter(|&&other| other != machine);
        let (count, free) = others.fold((0, 0), |(count, free), &other| {
            (
                count + 1,
                free + self.cloud.machine(other).free_slots(self.world),
            )
        });
        may_drain(count, u32::try_from(free).unwrap_or(u32::MAX), settings)
    }

    /// Ends a machine; what it did not finish waits again, ahead of the others.
    fn end(&mut self, machine: usize) {
        self.record
            .release(&instance_id(machine), timestamp(self.now));
        for job in self.cloud.end(machine, self.now, self.world) {
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
            curve: self.cloud.curve,
        }
    }
}

fn instance_id(machine: usize) -> InstanceId {
    InstanceId(format!("i-{machine}"))
}
