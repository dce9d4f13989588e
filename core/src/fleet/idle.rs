//! When an idle encoder ends itself. Asked by the encoder; it decides nothing about encoders that have work.

use std::time::Duration;

use super::{FleetSettings, IdleTimeout, Policy};
use crate::instance::{Instance, InstanceState};

/// What `idle_timeout = "auto"` means under the policy of the original: its `NOMMERD_MAX_INACTIVITY`.
pub const LEGACY_IDLE: Duration = Duration::from_mins(10);

/// The shortest automatic idle time, for machines whose boot costs next to nothing:
/// an encoder needs a moment to ask the queue at all.
pub const MIN_IDLE: Duration = Duration::from_secs(2);

/// How long an encoder may stand idle before it drains; `None` when idle encoders stay.
///
/// Under `backlog`, `auto` is the ski-rental rule: stay idle for as long as the boot was billed. Whatever arrives
/// next, idling and booting together then cost at most twice what perfect foresight would pay.
pub fn idle_limit(settings: &FleetSettings, billed_boot: Duration) -> Option<Duration> {
    if !settings.terminate_when_idle {
        return None;
    }
    Some(match (settings.idle_timeout, settings.policy) {
        (IdleTimeout::After(limit), _) => limit,
        (IdleTimeout::Auto, Policy::Backlog) => billed_boot.max(MIN_IDLE),
        (IdleTimeout::Auto, Policy::Threshold) => LEGACY_IDLE,
    })
}

/// Whether an idle instance may leave the fleet, given the other instances that take jobs and their free slots.
/// The minimum and the warm spare stay.
pub(crate) fn may_drain(others: u32, their_free_slots: u32, settings: &FleetSettings) -> bool {
    let spare_kept = match settings.policy {
        Policy::Backlog => their_free_slots >= settings.warm_spare,
        Policy::Threshold => true,
    };
    others >= settings.min && spare_kept
}

/// The same from the table, without any word among the instances: those that started first are the ones that stay. So of two that
/// ask at the same moment, no more leave than may.
pub fn may_leave(me: &Instance, all: &[Instance], settings: &FleetSettings) -> bool {
    let rank = |one: &Instance| (one.started_at, one.id.clone());
    let stays_before_me = |one: &&Instance| {
        one.state == InstanceState::Ready && !one.drain_requested && rank(one) < rank(me)
    };
    let (count, free) =
        all.iter()
            .filter(stays_before_me)
            .fold((0_u32, 0_u32), |(count, free), one| {
                (
                    count.saturating_add(1),
                    free.saturating_add(one.free_slots()),
                )
            });
    may_drain(count, free, settings)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const BILLED: Duration = Duration::from_secs(30);

    #[test]
    fn auto_idles_for_as_long_as_the_boot_was_billed() {
        let settings = FleetSettings::default();
        assert_eq!(idle_limit(&settings, BILLED), Some(BILLED));
        assert_eq!(idle_limit(&settings, Duration::ZERO), Some(MIN_IDLE));
    }

    #[test]
    fn a_set_time_holds_under_both_policies() {
        for policy in [Policy::Backlog, Policy::Threshold] {
            let settings = FleetSettings {
                policy,
                idle_timeout: IdleTimeout::After(Duration::from_secs(7)),
                ..FleetSettings::default()
            };
            assert_eq!(idle_limit(&settings, BILLED), Some(Duration::from_secs(7)));
        }
    }

    #[test]
    fn auto_under_the_old_policy_is_what_the_original_did() {
        let settings = FleetSettings {
            policy: Policy::Threshold,
            ..FleetSettings::default()
        };
        assert_eq!(idle_limit(&settings, BILLED), Some(LEGACY_IDLE));
    }

    #[test]
    fn an_encoder_told_to_stay_has_no_limit() {
        let settings = FleetSettings {
            terminate_when_idle: false,
            ..FleetSettings::default()
        };
        assert_eq!(idle_limit(&settings, BILLED), None);
    }

    #[test]
    fn the_minimum_and_the_spare_stay() {
        let settings = FleetSettings {
            min: 2,
            warm_spare: 3,
            max: 9,
            ..FleetSettings::default()
        };
        assert!(may_drain(2, 3, &settings));
        assert!(
            !may_drain(1, 3, &settings),
            "this one belongs to the minimum"
        );
        assert!(!may_drain(2, 2, &settings), "its slots belong to the spare");
    }
    /// Ready, idle, of two slots, started at that second.
    fn instance(name: &str, started: i64) -> Instance {
        let at = Timestamp::from_second(started).unwrap();
        Instance {
            id: name.parse().unwrap(),
            state: InstanceState::Ready,
            slots: 2,
            jobs: Vec::new(),
            started_at: at,
            beat_at: at,
            drain_requested: false,
            ffmpeg_version: None,
            instance_type: None,
            market: None,
            work: None,
        }
    }

    fn leaving(all: &[Instance], settings: &FleetSettings) -> Vec<String> {
        let leaves = all.iter().filter(|me| may_leave(me, all, settings));
        leaves.map(|me| me.id.as_str().to_owned()).collect()
    }

    #[test]
    fn of_all_that_ask_at_once_the_youngest_leave_and_the_minimum_stays() {
        let all = [
            instance("i-c", 5),
            instance("i-a", 7),
            instance("i-b", 5),
            instance("i-d", 9),
        ];
        let settings = |min| FleetSettings {
            min,
            max: 9,
            ..FleetSettings::default()
        };
        assert_eq!(leaving(&all, &settings(2)), ["i-a", "i-d"]);
        assert_eq!(leaving(&all, &settings(4)), [""; 0]);
        assert_eq!(leaving(&all, &settings(0)).len(), 4);
    }

    #[test]
    fn slots_that_are_taken_are_no_spare() {
        let mut all = [instance("i-a", 1), instance("i-b", 2), instance("i-c", 3)];
        let settings = FleetSettings {
            warm_spare: 2,
            max: 9,
            ..FleetSettings::default()
        };
        assert_eq!(leaving(&all, &settings), ["i-b", "i-c"]);
        all[0].jobs.push("job_1".parse().unwrap());
        assert_eq!(leaving(&all, &settings), ["i-c"]);
    }

    #[test]
    fn one_that_ends_stands_for_nothing() {
        let mut all = [instance("i-a", 1), instance("i-b", 2), instance("i-c", 3)];
        all[0].state = InstanceState::Draining;
        all[1].drain_requested = true;
        let settings = FleetSettings {
            min: 1,
            ..FleetSettings::default()
        };
        assert!(!may_leave(&all[2], &all, &settings));
    }
}
