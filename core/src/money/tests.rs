use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::presets;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn close(left: Option<f64>, right: f64) {
    assert!(
        left.is_some_and(|left| (left - right).abs() < 1e-9),
        "{left:?}, not {right}"
    );
}

#[test]
fn the_list_says_where_it_comes_from_and_has_sane_prices() {
    assert!(list_date().parse::<jiff::civil::Date>().is_ok());
    let prices = PriceSettings::default();
    close(prices.hourly("c7i.2xlarge", Market::OnDemand), 0.357);
    let spot = prices.hourly("c7i.2xlarge", Market::Spot).unwrap();
    assert!(spot > 0.0 && spot < 0.357);
    close(prices.hourly(LOCAL_TYPE, Market::OnDemand), 0.0);
}

#[test]
fn a_type_without_a_price_has_no_price_rather_than_none_to_pay() {
    let prices = PriceSettings::default();
    assert_eq!(prices.hourly("z9.nano", Market::OnDemand), None);
    assert_eq!(prices.expected(), None);
}

#[test]
fn own_prices_win_over_the_list() {
    let prices: PriceSettings =
        serde_json::from_str(r#"{"instance_type": "c7i.large", "market": "spot", "spot_share": 0.5, "usd_per_hour": {"c7i.large": 0.1}}"#)
            .unwrap();
    prices.validate().unwrap();
    close(prices.expected(), 0.05);
    close(
        prices.hourly_of(Some("c7i.large"), Some(Market::OnDemand)),
        0.1,
    );
}

#[test]
fn settings_about_money_that_cannot_be_are_refused_by_name() {
    let refused = |text: &str| {
        let prices: PriceSettings = serde_json::from_str(text).unwrap();
        prices.validate().unwrap_err()
    };
    let unknown = refused(r#"{"instance_type": "c7i.larg"}"#);
    assert_eq!(unknown.field, "prices.instance_type");
    assert!(unknown.problem.contains("c7i.large"), "{unknown}");
    assert_eq!(
        refused(r#"{"usd_per_hour": {"local": -1}}"#).field,
        "prices.usd_per_hour"
    );
    assert_eq!(refused(r#"{"spot_share": 1.5}"#).field, "prices.spot_share");
    assert!(serde_json::from_str::<PriceSettings>(r#"{"spotshare": 1}"#).is_err());
}

#[test]
fn a_job_costs_its_share_of_the_instance_over_all_attempts() {
    let mut cost = JobCost::default();
    close(cost.usd(at("2026-11-01T00:00:00Z")), 0.0);
    cost.start(Some(0.6), at("2026-11-01T00:00:00Z"));
    close(cost.usd(at("2026-11-01T00:10:00Z")), 0.1);
    cost.stop(at("2026-11-01T00:10:00Z"));
    cost.start(Some(1.2), at("2026-11-01T01:00:00Z"));
    cost.stop(at("2026-11-01T01:10:00Z"));
    close(cost.usd(at("2026-11-02T00:00:00Z")), 0.3);
}

#[test]
fn one_lease_without_a_price_makes_the_cost_unknown() {
    let mut cost = JobCost::default();
    cost.start(None, at("2026-11-01T00:00:00Z"));
    assert_eq!(cost.usd(at("2026-11-01T00:10:00Z")), None);
    cost.stop(at("2026-11-01T00:10:00Z"));
    cost.start(Some(1.0), at("2026-11-01T00:10:00Z"));
    assert_eq!(cost.usd(at("2026-11-01T00:20:00Z")), None);
}

fn billed(from: &str, until: &str, usd_per_hour: Option<f64>) -> Billed {
    Billed {
        from: at(from),
        until: at(until),
        usd_per_hour,
    }
}

#[test]
fn the_month_is_metered_once_however_often_it_is_looked_at() {
    let mut spend = Spend::default();
    let one = billed("2026-11-05T10:00:00Z", "2026-11-05T11:00:00Z", Some(0.5));
    for minute in 0..=60 {
        let now = at("2026-11-05T10:00:00Z") + Duration::from_secs(60 * minute);
        spend.meter(&[one], now);
        spend.meter(&[one], now);
    }
    close(spend.month_to_date_usd(at("2026-11-05T12:00:00Z")), 0.5);
    let before = spend.clone();
    spend.meter(&[one], at("2026-11-06T00:00:00Z"));
    spend.meter(&[], at("2026-11-07T00:00:00Z"));
    assert_eq!(spend, before, "a drained fleet costs nothing");
}

#[test]
fn a_new_month_begins_at_zero_and_counts_from_its_first_second() {
    let mut spend = Spend::default();
    let one = billed("2026-11-30T22:00:00Z", "2026-12-31T00:00:00Z", Some(1.0));
    spend.meter(&[one], at("2026-11-30T23:00:00Z"));
    close(spend.month_to_date_usd(at("2026-11-30T23:00:00Z")), 1.0);
    close(spend.month_to_date_usd(at("2026-12-01T00:00:00Z")), 0.0);
    spend.meter(&[one], at("2026-12-01T00:30:00Z"));
    close(spend.month_to_date_usd(at("2026-12-01T00:30:00Z")), 0.5);
}

#[test]
fn time_without_a_price_makes_the_month_unknown() {
    let mut spend = Spend::default();
    let one = billed("2026-11-05T10:00:00Z", "2026-11-05T11:00:00Z", None);
    spend.meter(&[one], at("2026-11-05T11:00:00Z"));
    assert_eq!(spend.month_to_date_usd(at("2026-11-05T11:00:00Z")), None);
}

/// The estimate for ten minutes of media 1080 lines high.
fn estimated(preset: &str) -> f64 {
    let preset = presets::find(preset).unwrap();
    let (passes, outputs) = (preset.passes(), preset.outputs());
    let shape = JobShape {
        passes: &passes,
        outputs: &outputs,
        media_seconds: 600.0,
        height: Some(1_080),
    };
    slot_time(&shape).as_secs_f64()
}

#[test]
fn estimates_follow_height_passes_and_copying() {
    assert!(estimated("copy") < 10.0);
    assert!(estimated("web-mp4-480p") < estimated("web-mp4-720p"));
    assert!(estimated("web-mp4-720p") < estimated("web-mp4-1080p"));
    let two = presets::find("legacy/web_medium").unwrap().passes();
    let shape = |passes| JobShape {
        passes,
        outputs: &[],
        media_seconds: 600.0,
        height: Some(1_080),
    };
    assert!(
        slot_time(&shape(&two[1..])) < slot_time(&shape(&two)),
        "the analysis counts"
    );
}

#[test]
fn a_length_that_is_none_is_estimated_as_none() {
    let passes = presets::find("copy").unwrap().passes();
    for media_seconds in [f64::NAN, -1.0, 0.0, f64::INFINITY] {
        let shape = JobShape {
            passes: &passes,
            outputs: &[],
            media_seconds,
            height: None,
        };
        assert_eq!(slot_time(&shape), Duration::from_secs(2));
    }
}

#[test]
fn averages_move_with_jobs_and_merge_by_weight() {
    let first = WorkAverage::with(
        None,
        Duration::from_secs(100),
        Some(Duration::from_secs(50)),
    );
    assert_eq!(
        (first.jobs, first.mean()),
        (1, Some(Duration::from_secs(100)))
    );
    close(Some(first.pace), 2.0);
    let second = WorkAverage::with(Some(first), Duration::from_secs(200), None);
    close(Some(second.seconds), 120.0);
    close(Some(second.pace), 2.0);
    let other = WorkAverage {
        jobs: 6,
        seconds: 40.0,
        pace: 1.0,
    };
    let merged = WorkAverage::merged([second, other]).unwrap();
    assert_eq!(merged.jobs, 8);
    close(Some(merged.seconds), 60.0);
    assert_eq!(WorkAverage::merged([]), None);
}
