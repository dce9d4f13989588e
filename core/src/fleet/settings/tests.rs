use serde_json::json;

use super::*;

/// The field that `change` makes invalid.
fn refused(change: impl FnOnce(&mut FleetSettings)) -> SettingsError {
    let mut settings = FleetSettings::default();
    change(&mut settings);
    settings.validate().unwrap_err()
}

#[test]
fn the_defaults_are_valid_and_those_of_the_original() {
    let settings = FleetSettings::default();
    settings.validate().unwrap();
    assert_eq!(
        (
            settings.max,
            settings.jobs_per_instance,
            settings.overflow_threshold
        ),
        (3, 2, 2)
    );
}

#[test]
fn contradictory_settings_are_refused_with_the_name_of_the_field() {
    let cases: [(&str, SettingsError); 10] = [
        ("fleet.min", refused(|s| s.min = 4)),
        ("fleet.max", refused(|s| s.max = 0)),
        ("fleet.max", refused(|s| s.max = MAX_INSTANCES + 1)),
        (
            "fleet.jobs_per_instance",
            refused(|s| s.jobs_per_instance = 0),
        ),
        ("fleet.launch_limit", refused(|s| s.launch_limit = 0)),
        ("fleet.warm_spare", refused(|s| s.warm_spare = 7)),
        (
            "fleet.billed_boot",
            refused(|s| s.billed_boot = Duration::from_mins(2)),
        ),
        (
            "fleet.boot_time",
            refused(|s| s.boot_time = Duration::from_mins(10)),
        ),
        (
            "fleet.idle_timeout",
            refused(|s| s.idle_timeout = IdleTimeout::After(Duration::ZERO)),
        ),
        (
            "fleet.scale_interval",
            refused(|s| s.scale_interval = Duration::ZERO),
        ),
    ];
    for (field, error) in cases {
        assert_eq!(error.field, field, "{error}");
    }
}

#[test]
fn money_that_is_no_number_is_refused() {
    for usd in [f64::NAN, f64::INFINITY, -1.0] {
        let budget = Budget {
            monthly_usd: Some(usd),
            action: BudgetAction::Warn,
        };
        assert_eq!(budget.validate().unwrap_err().field, "budget.monthly_usd");
    }
}

#[test]
fn an_error_says_what_would_be_right() {
    assert_eq!(
        refused(|s| s.min = 4).to_string(),
        "fleet.min is 4, above fleet.max 3"
    );
    assert_eq!(
        refused(|s| s.max = 0).to_string(),
        "fleet.max is 0: give 1 or more; to stop launches, set fleet.enabled to false"
    );
}

#[test]
fn settings_are_read_from_text_and_written_back() {
    let settings: FleetSettings = serde_json::from_value(json!({
        "policy": "threshold", "max": 5, "idle_timeout": "5m", "boot_time": "1m 30s",
    }))
    .unwrap();
    assert_eq!(settings.policy, Policy::Threshold);
    assert_eq!(
        settings.idle_timeout,
        IdleTimeout::After(Duration::from_mins(5))
    );
    assert_eq!(settings.boot_time, Duration::from_secs(90));
    assert_eq!(
        settings.jobs_per_instance, 2,
        "what is not set has its default"
    );
    assert!(serde_json::from_value::<FleetSettings>(json!({"mx": 5})).is_err());
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(
        serde_json::from_str::<FleetSettings>(&text).unwrap(),
        settings
    );
}

#[test]
fn auto_is_a_word_and_nonsense_is_refused_with_a_hint() {
    assert_eq!(
        serde_json::from_str::<IdleTimeout>("\"auto\"").unwrap(),
        IdleTimeout::Auto
    );
    assert_eq!(
        serde_json::to_string(&IdleTimeout::Auto).unwrap(),
        "\"auto\""
    );
    let error = serde_json::from_str::<IdleTimeout>("\"soon\"")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("\"auto\" or a duration such as \"5m\""),
        "{error}"
    );
    assert!(serde_json::from_str::<IdleTimeout>("\"-5m\"").is_err());
}
