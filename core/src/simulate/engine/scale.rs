//! The points at which the simulation asks a policy: when to look, what to launch, when an idle machine may leave.

use std::time::Duration;

use super::{Engine, Event, HOUR, instance_id};
use crate::fleet::{FleetSettings, Observation, WaitingJob, idle_limit, may_drain, plan_scale};
use crate::simulate::cloud::timestamp;
use crate::simulate::workload::seconds;
use crate::simulate::{Contender, Peer, Stay};

impl Engine<'_> {
    /// A submit wakes our scale shortly after; peers only look at intervals.
    pub(super) fn wake(&mut self) {
        if matches!(self.contender, Contender::Ours(_)) && !self.wake_is_due {
            self.wake_is_due = true;
            self.at(self.now + self.world.wake_delay, Event::Wake);
        }
    }

    /// How often the policy looks when nothing wakes it.
    pub(super) fn tick(&self) -> Duration {
        match self.contender {
            Contender::Ours(settings) => settings.scale_interval,
            Contender::Peer(peer) => peer.poll,
        }
    }

    pub(super) fn scale(&mut self) {
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
            let life = seconds(self.random.exponential(mean));
            self.at(self.now + life, Event::Interrupted(machine));
        }
        Some(machine)
    }

    /// Schedules the end of a machine that just became idle.
    pub(super) fn idle(&mut self, machine: usize) {
        let Some(since) = self.cloud.machine(machine).idle_since else {
            return;
        };
        let limit = match self.contender {
            Contender::Ours(settings) => idle_limit(settings, self.world.billed_boot),
            Contender::Peer(peer) => Some(match peer.stay {
                Stay::Idle(limit) => limit,
                Stay::HourEnd => self.to_the_hour(machine),
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

    /// Ends a machine that has been idle since then, unless it is part of the minimum or the spare.
    pub(super) fn idle_out(&mut self, machine: usize, since: Duration) {
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
}
