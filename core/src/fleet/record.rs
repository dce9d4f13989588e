//! The fleet record: the one item that concurrent runs of scale share, so that together they launch once.
//!
//! ```text
//!              launched                     release, reconcile (gone)
//!  Reserved ─────────────► Launched ──────────────────────────────► (removed)
//!   │    ▲
//!   │    └─ overdue: the same token is tried again
//!   └────── refused ────► (removed)
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

/// How long a reservation may stay without an instance before another run tries its token again.
///
/// A run must therefore give up its launch calls well within this time.
pub const RESERVATION_PATIENCE: Duration = Duration::from_mins(5);

/// How long a new instance may be missing from the listing, which is only eventually complete.
pub const LISTING_GRACE: Duration = Duration::from_mins(5);

/// The identity of an instance as its cloud gives it: `i-0abc`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub String);

/// All that runs of scale share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Launches are paused until then.
    pub paused_until: Option<Timestamp>,
    /// The last decision, with its reason.
    pub last_decision: Option<Decision>,
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
    Reserved,
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
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// How many launches were reserved.
    pub launch: u32,
    /// Why, in words.
    pub reason: String,
}

/// An instance as the cloud lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenInstance {
    /// Which one.
    pub id: InstanceId,
    /// The token it was launched with, from its tag.
    pub token: Option<String>,
    /// False once it is shutting down or terminated.
    pub alive: bool,
    /// Whether its encoder has ever reported.
    pub reported: bool,
}

impl FleetRecord {
    /// What the past of the fleet allows now, for [`Observation::hold`](super::Observation::hold); `None` is no limit.
    pub fn hold(&self, now: Timestamp) -> Option<Hold> {
        let paused = self
            .paused_until
            .filter(|&until| until > now)
            .map(|until| Hold {
                launches: 0,
                because: format!("paused until {until}"),
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
                state: ReservationState::Reserved,
            });
        }
        self.last_decision = Some(Decision {
            at: now,
            launch,
            reason: plan.reason.clone(),
        });
        self.reservations[first..].to_vec()
    }

    /// The cloud launched an instance for this token. True when that is news.
    pub fn launched(&mut self, token: &str, instance: &InstanceId, now: Timestamp) -> bool {
        self.refusals = Refusals::default();
        self.settle(token, instance, now)
    }

    /// The cloud refused the launch for good. An answer that never came is not a refusal: leave it reserved.
    pub fn refused(&mut self, token: &str, error: &str, now: Timestamp) {
        self.reservations
            .retain(|place| place.token != token || place.state != ReservationState::Reserved);
        self.refusals.refused(error, now);
    }

    /// Reservations whose launch was never confirmed, to be launched again with the same token.
    pub fn overdue(&mut self, now: Timestamp) -> Vec<Reservation> {
        let late = |place: &&mut Reservation| {
            place.state == ReservationState::Reserved
                && has_passed(place.since, RESERVATION_PATIENCE, now)
        };
        self.reservations
            .iter_mut()
            .filter(late)
            .map(|place| {
                place.since = now;
                place.clone()
            })
            .collect()
    }

    /// The encoder on this instance reported. True when that is news.
    pub fn reported(&mut self, instance: &InstanceId) -> bool {
        let Some(index) = self.find(instance) else {
            return false;
        };
        match &mut self.reservations[index].state {
            ReservationState::Launched { reported, .. } if !*reported => {
                *reported = true;
                self.breaker.reported();
                true
            }
            ReservationState::Launched { .. } | ReservationState::Reserved => false,
        }
    }

    /// The instance is gone, by itself or terminated by prune. True when that is news.
    pub fn release(&mut self, instance: &InstanceId, now: Timestamp) -> bool {
        let Some(index) = self.find(instance) else {
            return false;
        };
        let place = self.reservations.remove(index);
        if !place.has_reported() {
            self.breaker.never_reported(now);
        }
        true
    }

    /// Brings the record in line with a listing that was read after the record. True when anything changed.
    ///
    /// Instances that the record does not know are adopted, as they cost money like the others. Those that are gone,
    /// or missing beyond [`LISTING_GRACE`], are released.
    pub fn reconcile(&mut self, seen: &[SeenInstance], now: Timestamp) -> bool {
        let mut changed = false;
        for instance in seen {
            let token = instance.token.as_deref().unwrap_or_default();
            if instance.alive || self.reserved(token).is_some() {
                changed |= self.settle(token, &instance.id, now);
            }
            if instance.reported {
                changed |= self.reported(&instance.id);
            }
            if !instance.alive {
                changed |= self.release(&instance.id, now);
            }
        }
        for missing in self.missing(seen, now) {
            changed |= self.release(&missing, now);
        }
        changed
    }

    /// Stops launches until a time, or lets them go on.
    pub fn pause(&mut self, until: Option<Timestamp>) {
        self.paused_until = until;
    }

    /// Gives an instance the place that its token reserved, or a new one, so that each has exactly one.
    fn settle(&mut self, token: &str, instance: &InstanceId, now: Timestamp) -> bool {
        let reserved = self.reserved(token);
        let known = self.find(instance).is_some();
        if known && reserved.is_none() {
            return false;
        }
        let number = match reserved {
            Some(index) => self.reservations.remove(index).number,
            None => self.lowest_unused(),
        };
        if !known {
            self.reservations.push(Reservation {
                number,
                token: token.to_owned(),
                since: now,
                state: ReservationState::Launched {
                    instance: instance.clone(),
                    reported: false,
                },
            });
        }
        true
    }

    fn missing(&self, seen: &[SeenInstance], now: Timestamp) -> Vec<InstanceId> {
        self.reservations
            .iter()
            .filter(|place| has_passed(place.since, LISTING_GRACE, now))
            .filter_map(Reservation::instance)
            .filter(|&id| seen.iter().all(|listed| listed.id != *id))
            .cloned()
            .collect()
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

    fn reserved(&self, token: &str) -> Option<usize> {
        self.reservations
            .iter()
            .position(|place| place.token == token && place.state == ReservationState::Reserved)
    }

    fn find(&self, instance: &InstanceId) -> Option<usize> {
        self.reservations
            .iter()
            .position(|place| place.instance() == Some(instance))
    }
}

impl Reservation {
    /// The instance that holds the place, once there is one.
    pub fn instance(&self) -> Option<&InstanceId> {
        match &self.state {
            ReservationState::Launched { instance, .. } => Some(instance),
            ReservationState::Reserved => None,
        }
    }

    /// Whether an encoder has reported from here.
    pub fn has_reported(&self) -> bool {
        match self.state {
            ReservationState::Launched { reported, .. } => reported,
            ReservationState::Reserved => false,
        }
    }
}

/// Whether `patience` has passed since `then`.
fn has_passed(then: Timestamp, patience: Duration, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(then)).is_ok_and(|age| age >= patience)
}

#[cfg(test)]
mod tests;
