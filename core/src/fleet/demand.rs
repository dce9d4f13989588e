//! The two policies: how many instances the work at hand asks for, before any cap.
//!
//! `backlog` weighs waiting work against slots that are free, booting or about to come free.
//! `threshold` is the formula of the original. Neither looks at limits, money or pauses.

use std::time::Duration;

use jiff::Timestamp;

use super::{BOOT_DEADLINE, FleetSettings, InstanceState, InstanceView, Observation, count};

/// Work assumed for a job when neither its own nor an average is known yet.
pub const ASSUMED_WORK: Duration = Duration::from_mins(3);

/// How much of a boot a running job may still need for its slot to count as nearly free.
///
/// Below one, since the estimate of the remaining time may be short of the truth: a job told to wait for this slot
/// shall not wait longer than it would have for a boot.
const ENDING_SOON: (u32, u32) = (3, 4);

/// What a policy asks for, and the first half of the reason.
pub(super) struct Demand {
    pub(super) launch: u32,
    pub(super) reason: String,
}

/// Asks for as many job slots as the waiting work fills, less those that exist or soon will.
///
/// A job fills one slot, or part of one if it is shorter than the billed part of a boot: by the ski-rental argument a
/// launch shall not cost more than the work it is made for, and so the jobs that share a slot wait at most that much
/// longer than a boot.
pub(super) fn backlog(seen: &Observation, settings: &FleetSettings, now: Timestamp) -> Demand {
    let supply = Supply::of(seen, settings, now);
    let needed = slots_filled(seen, settings).saturating_add(u64::from(settings.warm_spare));
    let missing = needed.saturating_sub(supply.slots());
    let per_instance = u64::from(settings.jobs_per_instance.max(1));
    let launch = u32::try_from(missing.div_ceil(per_instance)).unwrap_or(u32::MAX);
    Demand {
        launch,
        reason: supply.reason(seen.waiting.len(), settings.warm_spare),
    }
}

/// The number of job slots that the waiting work fills.
fn slots_filled(seen: &Observation, settings: &FleetSettings) -> u64 {
    let fill = settings.billed_boot.as_nanos().max(1);
    let usual = seen.average_work.unwrap_or(ASSUMED_WORK);
    let work: u128 = seen
        .waiting
        .iter()
        // A job of no length still needs a slot to be run on.
        .map(|job| job.work.unwrap_or(usual).as_nanos().clamp(1, fill))
        .sum();
    u64::try_from(work.div_ceil(fill)).unwrap_or(u64::MAX)
}

/// The job slots that waiting jobs can count on within about a boot, in jobs.
struct Supply {
    /// All slots of instances that take jobs or will, used or not.
    total: u64,
    /// Slots free on ready instances.
    free: u64,
    /// Instances that boot.
    booting: u64,
    /// Slots of instances that boot.
    booting_slots: u64,
    /// Slots that come free before an instance launched now would be ready.
    ending_soon: u64,
}

impl Supply {
    fn of(seen: &Observation, settings: &FleetSettings, now: Timestamp) -> Self {
        let mut supply = Self {
            total: 0,
            free: 0,
            booting: 0,
            booting_slots: 0,
            ending_soon: 0,
        };
        for instance in &seen.instances {
            supply.add(instance, settings, now);
        }
        // A job that has waited for a boot already was promised a slot that did not come free: it gets capacity.
        let patient = seen
            .waiting
            .iter()
            .filter(|job| age(job.since, now) < settings.boot_time)
            .count();
        supply.ending_soon = supply.ending_soon.min(u64::from(count(patient)));
        supply
    }

    fn add(&mut self, instance: &InstanceView, settings: &FleetSettings, now: Timestamp) {
        let slots = u64::from(instance.job_slots);
        match instance.state {
            InstanceState::Booting { since } if age(since, now) < BOOT_DEADLINE => {
                self.total += slots;
                self.booting += 1;
                self.booting_slots += slots;
            }
            InstanceState::Ready => {
                let soon = settings.boot_time.saturating_mul(ENDING_SOON.0) / ENDING_SOON.1;
                let ending = instance.jobs.iter().flatten().filter(|&&rest| rest <= soon);
                self.total += slots;
                self.free += slots.saturating_sub(u64::from(count(instance.jobs.len())));
                self.ending_soon += u64::from(count(ending.count()));
            }
            InstanceState::Booting { .. } | InstanceState::Draining | InstanceState::Silent => {}
        }
    }

    fn slots(&self) -> u64 {
        self.free + self.booting_slots + self.ending_soon
    }

    fn reason(&self, waiting: usize, spare: u32) -> String {
        let mut words = vec![
            format!("{waiting} waiting"),
            format!("{} slots", self.total),
            format!("{} booting", self.booting),
        ];
        if self.ending_soon > 0 {
            words.push(format!("{} ending soon", self.ending_soon));
        }
        if spare > 0 {
            words.push(format!("{spare} to spare"));
        }
        words.join(", ")
    }
}

/// The formula of the original, which counts jobs that run as well as those that wait.
///
/// It lets `overflow_threshold` jobs overflow the capacity before it launches at all, and rounds down, so that it
/// under-provides. Its cap on the *new* instances alone is mended by the caller, whose cap counts all.
pub(super) fn threshold(seen: &Observation, settings: &FleetSettings) -> Demand {
    let instances = u64::from(count(seen.instances.len()));
    let running: u64 = seen
        .instances
        .iter()
        .map(|view| u64::from(count(view.jobs.len())))
        .sum();
    let unfinished = running + u64::from(count(seen.waiting.len()));
    let per_instance = u64::from(settings.jobs_per_instance.max(1));
    let capacity = instances * per_instance;
    let tolerated = if instances == 0 {
        0
    } else {
        u64::from(settings.overflow_threshold)
    };
    let overflow = unfinished.saturating_sub(capacity + tolerated);
    let launch = if overflow == 0 {
        0
    } else {
        (overflow / per_instance).max(1)
    };
    Demand {
        launch: u32::try_from(launch).unwrap_or(u32::MAX),
        reason: format!("{unfinished} unfinished, capacity {capacity}, threshold {tolerated}"),
    }
}

/// Time since `then`, zero when that lies in the future (clocks differ between machines).
fn age(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}
