//! The fleet record: the one item that concurrent runs of scale share, so that together they launch once.
//!
//! ```text
//!              launched                     release, reconcile (gone)
//!  Reserved ─────────────► Launched ──────────────────────────────► (removed)
//!   │    ▲
//!   │    └─ overdue: the same token is tried again; it is in doubt from now on
//!   └────── refused, if not in doubt ────► (removed)
//! ```
//! A run reads the record, then lists the instances, plans, reserves, and writes the record back under the condition
//! that its version is still the one it read; only then it calls the cloud, once per reservation, with the token.
//! Every instance holds a reservation for as long as it lives, and there are never more reservations than the
//! maximum: that is why the fleet cannot grow beyond it. The transitions here are pure; the store compares and
//! sets, and raises `version` by one with each write.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Breaker, FleetSettings, Hold, Refusals, ScalePlan, count};
use crate::{
    id::InstanceId,
    money::{Spend, WorkAverage},
};

mod news;
mod standstill;
mod untold;

pub use news::{LISTING_GRACE, SeenInstance};
pub use standstill::Standstill;
pub use untold::{Told, Untold};

/// How long a reservation may stay without an instance before another run tries its token again.
///
/// A run must therefore give up its launch calls within this time of reading the record.
pub const RESERVATION_PATIENCE: Duration = Duration::from_mins(5);

/// All that runs of scale share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FleetRecord {
    /// Raised with each write by the store, which refuses a write that read another version.
    pub version: u64,
    /// Instances that live or are about to.
    pub reservations: Vec<Reservation>,
    /// What instances that never reported have taught.
    pub breaker: Breaker,
    /// What refused launches have taught.
    pub refusals: Refusals,
    /// Launches are paused until then; the end of time stands for a pause that lasts until somebody ends it.
    pub paused_until: Option<Timestamp>,
    /// When nobody was meant to work on jobs.
    pub standstill: Standstill,
    /// What the fleet has cost this month.
    pub spend: Spend,
    /// How long recent jobs took.
    pub work: Option<WorkAverage>,
    /// The last decision, with its reason.
    pub last_decision: Option<Decision>,
    /// What receivers know.
    pub told: Told,
    /// What happened and was given to no receiver yet.
    pub untold: Vec<Untold>,
}

/// A place in the fleet, held by one instance or by the attempt to launch it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The lowest number that was unused; a name for people.
    pub number: u32,
    /// Makes the launch idempotent, and tags the instance. The launcher adds fleet and market to it.
    pub token: String,
    /// When it was reserved, or when a launch was last tried.
    pub since: Timestamp,
    /// How far it has come.
    pub state: ReservationState,
}

/// How far a reservation has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// The launch call was not made, or its answer is not known.
    Reserved {
        /// A run that was given up may have launched it: only the instance itself can settle this.
        in_doubt: bool,
    },
    /// The instance exists.
    Launched {
        /// Which one.
        instance: InstanceId,
        /// Whether its encoder has ever reported.
        reported: bool,
    },
}

/// A decision of scale, kept to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// How many launches were reserved.
    pub launch: u32,
    /// Why, in words.
    pub reason: String,
}

impl FleetRecord {
    /// What the past of the fleet allows now, for [`Observation::hold`](super::Observation::hold); `None` is no limit.
    pub fn hold(&self, now: Timestamp) -> Option<Hold> {
        let paused = self.paused(now).map(|until| Hold {
            launches: 0,
            because: if until == Timestamp::MAX {
                "as the fleet is paused".to_owned()
            } else {
                format!("as the fleet is paused until {until}")
            },
        });
        let unreported = self
            .reservations
            .iter()
            .filter(|place| !place.has_reported());
        paused
            .or_else(|| self.refusals.hold(now))
            .or_else(|| self.breaker.hold(count(unreported.count()), now))
    }

    /// Reserves what the plan launches, keeps the decision, and returns the new reservations.
    ///
    /// The maximum and the hold are checked again here, so that a plan from an old observation does no harm.
    pub fn reserve(
        &mut self,
        plan: &ScalePlan,
        settings: &FleetSettings,
        now: Timestamp,
    ) -> Vec<Reservation> {
        let room = settings.max.saturating_sub(count(self.reservations.len()));
        let held = self.hold(now).map_or(u32::MAX, |hold| hold.launches);
        let launch = plan.launch.min(room).min(held);
        let first = self.reservations.len();
        for _ in 0..launch {
            let number = self.lowest_unused();
            self.reservations.push(Reservation {
                number,
                // The time keeps tokens apart should the record ever be lost and counted from zero again.
                token: format!("v{}-n{number}-{}", self.version, now.as_second()),
                since: now,
                state: ReservationState::Reserved { in_doubt: false },
            });
        }
        self.last_decision = Some(Decision {
            at: now,
            launch,
            reason: plan.reason.clone(),
        });
        self.reservations[first..].to_vec()
    }

    /// Reservations whose launch was never confirmed, to be launched again with the same token.
    pub fn overdue(&mut self, now: Timestamp) -> Vec<Reservation> {
        let late = |place: &&mut Reservation| {
            place.instance().is_none() && has_passed(place.since, RESERVATION_PATIENCE, now)
        };
        self.reservations
            .iter_mut()
            .filter(late)
            .map(|place| {
                place.since = now;
                place.state = ReservationState::Reserved { in_doubt: true };
                place.clone()
            })
            .collect()
    }

    /// Stops launches until a time, or lets them go on.
    pub fn pause(&mut self, until: Option<Timestamp>, now: Timestamp) {
        self.paused_until = until;
        if self.paused(now).is_some() {
            self.standstill.begin(now);
        }
    }

    /// Until when the fleet is paused, if it is.
    pub fn paused(&self, now: Timestamp) -> Option<Timestamp> {
        self.paused_until.filter(|&until| until > now)
    }

    fn lowest_unused(&self) -> u32 {
        let used = |number: &u32| {
            self.reservations
                .iter()
                .any(|place| place.number == *number)
        };
        (0..u32::MAX)
            .find(|number| !used(number))
            .unwrap_or(u32::MAX)
    }
}

impl Reservation {
    /// The instance that holds the place, once there is one.
    pub fn instance(&self) -> Option<&InstanceId> {
        match &self.state {
            ReservationState::Launched { instance, .. } => Some(instance),
            ReservationState::Reserved { .. } => None,
        }
    }

    /// Whether an encoder has reported from here.
    pub fn has_reported(&self) -> bool {
        match self.state {
            ReservationState::Launched { reported, .. } => reported,
            ReservationState::Reserved { .. } => false,
        }
    }
}

/// Whether `patience` has passed since `then`.
fn has_passed(then: Timestamp, patience: Duration, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(then)).is_ok_and(|age| age >= patience)
}

#[cfg(test)]
mod tests;
