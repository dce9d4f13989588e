//! The fleet planner: what is observed goes in, how many instances to launch comes out.
//!
//! Scale observes, plans here, and executes. This module never launches and never terminates: an encoder ends
//! itself when it is idle ([`idle_limit`], [`may_leave`]), and ending those that stopped reporting is prune's work.
//! It does no IO and reads no clock; [`FleetRecord`] is the part of the plan that several runs of scale share.

mod breaker;
mod demand;
mod expect;
mod idle;
mod record;
mod settings;

pub use breaker::{Breaker, LAUNCH_RETRY_MAX, LAUNCH_RETRY_MIN, Refusals, UNPROVEN_LAUNCHES};
pub use demand::ASSUMED_WORK;
pub use expect::{attempt_time, expected_work, remaining_work, waiting_job};
pub(crate) use expect::{claimed_at, modeled_work};
pub(crate) use idle::may_drain;
pub use idle::{LEGACY_IDLE, MIN_IDLE, idle_limit, may_leave};
pub use record::{
    Decision, FleetRecord, LISTING_GRACE, RESERVATION_PATIENCE, Reservation, ReservationState,
    SeenInstance, Standstill, Told, Untold,
};
pub use settings::{
    Budget, BudgetAction, FleetSettings, IdleTimeout, MAX_INSTANCES, MAX_JOBS_PER_INSTANCE, Policy,
    SettingsError,
};
pub(crate) use settings::{ensure, in_range};

use std::time::Duration;

use jiff::Timestamp;

/// How long a launched instance may take to report before it counts as lost and prune may terminate it.
///
/// Far above any boot we know (a stock image that installs its packages needs one to two minutes),
/// and short enough that a broken image costs little.
pub const BOOT_DEADLINE: Duration = Duration::from_mins(10);

/// Everything the planner looks at, gathered in one go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observation {
    /// Jobs that wait for an encoder.
    pub waiting: Vec<WaitingJob>,
    /// Every live instance, and every launch that is reserved: all of them count against the maximum.
    pub instances: Vec<InstanceView>,
    /// Mean work of recent jobs on one job slot, used for jobs that are not probed yet.
    pub average_work: Option<Duration>,
    /// What the fleet has cost, costs and may cost.
    pub money: Money,
    /// What the fleet record allows at present; see [`FleetRecord::hold`].
    pub hold: Option<Hold>,
}

/// What the fleet has cost, costs and may cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Money {
    /// The guard.
    pub budget: Budget,
    /// What the fleet has cost since the month began, in US dollars; none if a price of it is not known.
    pub month_to_date_usd: Option<f64>,
    /// Price of one more instance for one hour, in US dollars: zero when nothing is billed, none when it is not known.
    pub instance_hour_usd: Option<f64>,
}

impl Money {
    /// Whether the budget holds launches back altogether.
    pub fn is_spent(&self) -> bool {
        let spent = |usd| self.budget.is_spent(usd);
        self.budget.limit().is_some() && self.month_to_date_usd.is_some_and(spent)
    }
}

/// A job that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingJob {
    /// Expected time on one job slot, known once the source is probed.
    pub work: Option<Duration>,
    /// When the job became ready to run.
    pub since: Timestamp,
}

/// One instance as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceView {
    /// Where it is in its life.
    pub state: InstanceState,
    /// How many jobs it runs at once.
    pub job_slots: u32,
    /// The jobs it runs, each with the time that it still needs, where that is known.
    pub jobs: Vec<Option<Duration>>,
}

/// Where an instance is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// A launch is reserved or was made, and the encoder has not reported yet.
    Booting {
        /// When the launch was reserved.
        since: Timestamp,
    },
    /// Takes jobs.
    Ready,
    /// Takes no more jobs and will end.
    Draining,
    /// Stopped reporting: prune will terminate it.
    Silent,
}

/// A limit on launches that comes from the past of the fleet: a pause, a refusal, images that do not boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// How many launches are allowed now.
    pub launches: u32,
    /// Why, as the end of a sentence: `paused until 2026-01-01T00:00:00Z`.
    pub because: String,
}

/// What scale shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePlan {
    /// How many instances to launch.
    pub launch: u32,
    /// The decision in words: `12 waiting, 4 slots, 1 booting: launch 3, capped by maximum 5`.
    pub reason: String,
    /// What kept the plan from launching all that it wanted, if anything did.
    pub cap: Option<Cap>,
}

/// What kept a plan below its wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// `fleet.max`, which counts every live instance.
    Maximum,
    /// `fleet.launch_limit`, which counts launches in one run.
    LaunchLimit,
    /// `budget.monthly_usd`.
    Budget,
    /// A [`Hold`] of the fleet record.
    Hold,
    /// `fleet.enabled` is false.
    Disabled,
}

/// Decides how many instances to launch. The settings are expected to be valid.
///
/// Under `backlog`, planning again with what a plan launched, and no other news, launches nothing, unless the launch
/// limit had cut the plan. Under `threshold` it may launch one more, as the original did.
pub fn plan_scale(seen: &Observation, settings: &FleetSettings, now: Timestamp) -> ScalePlan {
    let alive = count(seen.instances.len());
    let demand = match settings.policy {
        Policy::Backlog => demand::backlog(seen, settings, now),
        Policy::Threshold => demand::threshold(seen, settings),
    };
    let wish = demand.launch.max(settings.min.saturating_sub(alive));
    let (launch, cap) = lowest_cap(seen, settings, wish);
    let mut words = vec![format!("{}: launch {launch}", demand.reason)];
    if wish > demand.launch {
        words.push(format!("to keep the minimum {}", settings.min));
    }
    words.extend(cap.map(|cap| describe(cap, seen, settings)));
    if let (None, Some(hold)) = (cap, &seen.hold)
        && hold.launches == 0
        && !seen.waiting.is_empty()
    {
        // It matters to those who wait even if the plan launches nothing anyway.
        words.push(hold.because.clone());
    }
    let Money {
        budget,
        month_to_date_usd,
        ..
    } = &seen.money;
    let warns = budget.action == BudgetAction::Warn;
    if warns && month_to_date_usd.is_some_and(|usd| budget.is_spent(usd)) {
        words.push(format!("although the {budget} is spent"));
    }
    ScalePlan {
        launch,
        reason: words.join(", "),
        cap,
    }
}

/// Cuts a wish down to the lowest cap, and names that cap.
fn lowest_cap(seen: &Observation, settings: &FleetSettings, wish: u32) -> (u32, Option<Cap>) {
    let alive = count(seen.instances.len());
    let enabled = if settings.enabled { u32::MAX } else { 0 };
    let held = seen.hold.as_ref().map_or(u32::MAX, |hold| hold.launches);
    let caps = [
        (enabled, Cap::Disabled),
        (settings.max.saturating_sub(alive), Cap::Maximum),
        (held, Cap::Hold),
        (affordable(seen, wish), Cap::Budget),
        (settings.launch_limit, Cap::LaunchLimit),
    ];
    let lowest = caps.into_iter().min_by_key(|&(limit, _)| limit);
    match lowest {
        Some((limit, cap)) if limit < wish => (limit, Some(cap)),
        _ => (wish, None),
    }
}

/// How many of the wished launches the budget bears, when every live instance is given one more hour.
///
/// Looking an hour ahead is what keeps a burst near the end of the budget from running far beyond it.
///
/// What is not known cannot be afforded.
fn affordable(seen: &Observation, wish: u32) -> u32 {
    let Some(monthly_usd) = seen.money.budget.limit() else {
        return wish;
    };
    let (Some(spent_usd), Some(hour_usd)) =
        (seen.money.month_to_date_usd, seen.money.instance_hour_usd)
    else {
        return 0;
    };
    if seen.money.is_spent() {
        return 0;
    }
    let alive = count(seen.instances.len());
    let fits = |launch: u32| {
        let hours = f64::from(alive) + f64::from(launch);
        spent_usd + hours * hour_usd <= monthly_usd
    };
    (1..=wish)
        .take_while(|&launch| fits(launch))
        .count()
        .try_into()
        .unwrap_or(wish)
}

/// Says what a cap was, as the end of a sentence.
fn describe(cap: Cap, seen: &Observation, settings: &FleetSettings) -> String {
    match cap {
        Cap::Maximum => format!("capped by maximum {}", settings.max),
        Cap::LaunchLimit => format!("capped by launch limit {}", settings.launch_limit),
        Cap::Budget => capped_by_budget(&seen.money),
        Cap::Disabled => "as launches are off (fleet.enabled)".to_owned(),
        Cap::Hold => seen
            .hold
            .as_ref()
            .map(|hold| hold.because.clone())
            .unwrap_or_default(),
    }
}

fn capped_by_budget(money: &Money) -> String {
    let budget = money.budget;
    match (money.month_to_date_usd, money.instance_hour_usd) {
        (Some(spent_usd), Some(_)) => {
            format!("capped by the {budget}, of which {spent_usd:.2} are spent")
        }
        (None, _) | (_, None) => {
            format!("capped by the {budget}, as the price of an instance is not known")
        }
    }
}

/// A length as a count of jobs or instances; more than four thousand million is as good as that.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
