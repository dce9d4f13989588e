//! What the fleet record learns: answers to launch calls, reports of encoders, listings of the cloud.
//!
//! Each method leaves every instance with exactly one reservation, in whatever order the news comes and however often.

use std::time::Duration;

use jiff::Timestamp;

use super::{FleetRecord, Reservation, ReservationState, has_passed};
use crate::id::InstanceId;

/// How long a new instance may be missing from the listing, which is only eventually complete.
pub const LISTING_GRACE: Duration = Duration::from_mins(5);

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
    /// The cloud launched an instance for this token. True when that is news.
    pub fn launched(&mut self, token: &str, instance: &InstanceId, now: Timestamp) -> bool {
        self.refusals.accepted();
        self.settle(token, instance, now)
    }

    /// The cloud refused the launch. An answer that never came is not a refusal: leave it reserved.
    ///
    /// A reservation in doubt keeps its place, as the refusal of a second call says nothing about the first.
    pub fn refused(&mut self, token: &str, error: &str, now: Timestamp) {
        let given_up = ReservationState::Reserved { in_doubt: false };
        self.reservations
            .retain(|place| place.token != token || place.state != given_up);
        self.refusals.refused(error, now);
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
            ReservationState::Launched { .. } | ReservationState::Reserved { .. } => false,
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

    /// Brings the record in line with a listing that was read at `now`, after the record. True when anything changed.
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

    fn reserved(&self, token: &str) -> Option<usize> {
        self.reservations
            .iter()
            .position(|place| place.token == token && place.instance().is_none())
    }

    fn find(&self, instance: &InstanceId) -> Option<usize> {
        self.reservations
            .iter()
            .position(|place| place.instance() == Some(instance))
    }
}
