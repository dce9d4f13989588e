//! The simulated cloud: machines that boot, run jobs, end, and are billed. It decides nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::World;
use crate::fleet::{InstanceState, InstanceView};

/// One machine, from its launch on.
#[derive(Debug)]
pub(super) struct Machine {
    launched: Duration,
    /// Since when it has stood idle; `None` while it boots or works.
    pub(super) idle_since: Option<Duration>,
    booted: bool,
    /// The jobs it runs and when each will be done.
    running: Vec<(usize, Duration)>,
}

/// All machines. Those that ended stay in the list, so that an index names one machine for good.
#[derive(Debug, Default)]
pub(super) struct Cloud {
    machines: Vec<Machine>,
    /// Indices of the machines that live.
    live: Vec<usize>,
    /// What was billed for machines that ended, in machine time.
    pub(super) billed: Duration,
    /// How many machines lived from each moment on.
    pub(super) curve: Vec<(Duration, u32)>,
}

impl Cloud {
    pub(super) fn launch(&mut self, now: Duration) -> usize {
        let id = self.machines.len();
        self.machines.push(Machine {
            launched: now,
            idle_since: None,
            booted: false,
            running: Vec::new(),
        });
        self.live.push(id);
        self.note(now);
        id
    }

    pub(super) fn boot(&mut self, id: usize, now: Duration) {
        self.machines[id].booted = true;
        self.machines[id].idle_since = Some(now);
    }

    /// Ends a machine, bills it, and returns the jobs that it did not finish.
    pub(super) fn end(&mut self, id: usize, now: Duration, world: &World) -> Vec<usize> {
        self.live.retain(|&other| other != id);
        self.note(now);
        let machine = &mut self.machines[id];
        let free_of_charge = world.boot.saturating_sub(world.billed_boot);
        if let Some(up) = now.checked_sub(machine.launched + free_of_charge) {
            self.billed += up.max(world.least_billed);
        }
        machine.idle_since = None;
        machine.running.drain(..).map(|(job, _)| job).collect()
    }

    pub(super) fn is_live(&self, id: usize) -> bool {
        self.live.contains(&id)
    }

    pub(super) fn live(&self) -> &[usize] {
        &self.live
    }

    pub(super) fn machine(&self, id: usize) -> &Machine {
        &self.machines[id]
    }

    pub(super) fn start(&mut self, id: usize, job: usize, done: Duration) {
        self.machines[id].running.push((job, done));
        self.machines[id].idle_since = None;
    }

    pub(super) fn finish(&mut self, id: usize, job: usize, now: Duration) {
        let machine = &mut self.machines[id];
        machine.running.retain(|&(other, _)| other != job);
        if machine.running.is_empty() {
            machine.idle_since = Some(now);
        }
    }

    /// Machines that could take a job now.
    pub(super) fn open(&self, world: &World) -> Vec<usize> {
        let open = |id: &&usize| self.machines[**id].free_slots(world) > 0;
        self.live.iter().filter(open).copied().collect()
    }

    /// The fleet as an observer sees it who knows the remaining time of each job up to a factor.
    pub(super) fn views(&self, now: Duration, world: &World, factors: &[f64]) -> Vec<InstanceView> {
        self.live
            .iter()
            .map(|&id| {
                let machine = &self.machines[id];
                InstanceView {
                    state: if machine.booted {
                        InstanceState::Ready
                    } else {
                        let since = timestamp(machine.launched);
                        InstanceState::Booting { since }
                    },
                    job_slots: world.job_slots,
                    jobs: machine
                        .running
                        .iter()
                        .map(|&(job, done)| Some(done.saturating_sub(now).mul_f64(factors[job])))
                        .collect(),
                }
            })
            .collect()
    }

    fn note(&mut self, now: Duration) {
        let live = u32::try_from(self.live.len()).unwrap_or(u32::MAX);
        self.curve.push((now, live));
    }
}

impl Machine {
    /// When its bill began.
    pub(super) fn billed_since(&self, world: &World) -> Duration {
        self.launched + world.boot.saturating_sub(world.billed_boot)
    }

    pub(super) fn free_slots(&self, world: &World) -> usize {
        if self.booted {
            (world.job_slots as usize).saturating_sub(self.running.len())
        } else {
            0
        }
    }
}

/// Virtual time as a timestamp; the trace starts at the epoch.
pub(super) fn timestamp(at: Duration) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .saturating_add(at)
        .unwrap_or(Timestamp::MAX)
}
