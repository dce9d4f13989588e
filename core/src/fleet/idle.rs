//! When an idle encoder ends itself. Asked by the encoder; it decides nothing about encoders that have work.

use std::time::Duration;

use super::{FleetSettings, IdleTimeout, Policy};

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
///
/// The minimum and the warm spare stay. Two that ask at the same moment may both leave: the next run of scale then
/// launches what is missing.
pub fn may_drain(others: u32, their_free_slots: u32, settings: &FleetSettings) -> bool {
    let spare_kept = match settings.policy {
        Policy::Backlog => their_free_slots >= settings.warm_spare,
        Policy::Threshold => true,
    };
    others >= settings.min && spare_kept
}

#[cfg(test)]
mod tests {
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
}
