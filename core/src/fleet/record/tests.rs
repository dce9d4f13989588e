use super::*;
use crate::fleet::{
    InstanceState, InstanceView, LAUNCH_RETRY_MAX, LAUNCH_RETRY_MIN, Observation,
    UNPROVEN_LAUNCHES, WaitingJob, plan_scale,
};
use crate::id::InstanceId;

mod concurrency;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn settings(max: u32) -> FleetSettings {
    FleetSettings {
        max,
        ..FleetSettings::default()
    }
}

/// The record of a fleet whose instances are known to come up.
fn proven() -> FleetRecord {
    let mut record = FleetRecord::default();
    record.breaker.proven = true;
    record
}

fn id(name: &str) -> InstanceId {
    name.parse().unwrap()
}

fn plan(launch: u32) -> ScalePlan {
    ScalePlan {
        launch,
        reason: format!("launch {launch}"),
        cap: None,
    }
}

fn listed(name: &str, alive: bool) -> SeenInstance {
    SeenInstance {
        id: id(name),
        token: None,
        alive,
        reported: alive,
    }
}

/// A fleet of instances that were launched now and have not reported.
fn launched(names: &[&str]) -> FleetRecord {
    let mut record = proven();
    let places = record.reserve(&plan(count(names.len())), &settings(100), NOW);
    for (place, name) in places.iter().zip(names) {
        assert!(record.launched(&place.token, &id(name), NOW));
    }
    record
}

#[test]
fn a_reservation_is_counted_before_its_instance_exists() {
    let mut record = proven();
    assert_eq!(record.reserve(&plan(2), &settings(3), NOW).len(), 2);
    assert_eq!(
        record.reserve(&plan(2), &settings(3), NOW).len(),
        1,
        "one place is left of three"
    );
    assert_eq!(record.reserve(&plan(2), &settings(3), NOW).len(), 0);
}

#[test]
fn numbers_are_used_again_and_tokens_never() {
    let mut record = launched(&["i-a", "i-b"]);
    let old: Vec<_> = record
        .reservations
        .iter()
        .map(|place| place.token.clone())
        .collect();
    assert!(record.release(&id("i-a"), NOW));
    record.version += 1;
    let new = record.reserve(&plan(1), &settings(3), NOW);
    assert_eq!(new[0].number, 0);
    assert!(!old.contains(&new[0].token), "{old:?}");
}

#[test]
fn the_last_decision_is_kept_with_its_reason() {
    let mut record = proven();
    record.reserve(&plan(2), &settings(1), NOW);
    let decision = Decision {
        at: NOW,
        launch: 1,
        reason: "launch 2".to_owned(),
    };
    assert_eq!(record.last_decision, Some(decision));
}

#[test]
fn a_run_that_crashed_before_its_launch_is_repaired_with_the_same_token() {
    let mut record = proven();
    let place = record.reserve(&plan(1), &settings(3), NOW).remove(0);
    assert!(record.overdue(NOW + Duration::from_secs(299)).is_empty());
    let later = NOW + RESERVATION_PATIENCE;
    let again = record.overdue(later);
    assert_eq!(again[0].token, place.token);
    assert!(record.overdue(later).is_empty(), "the repair is under way");
    record.launched(&place.token, &id("i-a"), later);
    assert!(record.overdue(later + RESERVATION_PATIENCE).is_empty());
    assert_eq!(record.reservations.len(), 1);
}

#[test]
fn a_refused_repair_keeps_its_place_as_the_first_launch_may_have_succeeded() {
    let mut record = proven();
    let token = record.reserve(&plan(1), &settings(3), NOW).remove(0).token;
    let later = NOW + RESERVATION_PATIENCE;
    record.overdue(later);
    record.refused(&token, "RequestLimitExceeded", later);
    assert_eq!(record.reservations.len(), 1);
    assert_eq!(record.overdue(later + RESERVATION_PATIENCE).len(), 1);
}

#[test]
fn the_same_answer_twice_is_no_news() {
    let mut record = launched(&["i-a"]);
    let token = record.reservations[0].token.clone();
    let before = record.clone();
    assert!(!record.launched(&token, &id("i-a"), NOW));
    assert!(record.reported(&id("i-a")));
    assert!(!record.reported(&id("i-a")));
    assert!(record.release(&id("i-a"), NOW));
    assert!(!record.release(&id("i-a"), NOW));
    assert_eq!(before.reservations.len(), 1);
}

#[test]
fn an_instance_seen_before_its_launch_was_recorded_keeps_one_place() {
    for token in [true, false] {
        let mut record = proven();
        let place = record.reserve(&plan(1), &settings(3), NOW).remove(0);
        let seen = SeenInstance {
            token: token.then(|| place.token.clone()),
            ..listed("i-a", true)
        };
        assert!(record.reconcile(&[seen], NOW));
        record.launched(&place.token, &id("i-a"), NOW);
        assert_eq!(
            record.reservations.len(),
            1,
            "tagged with its token: {token}"
        );
        assert_eq!(record.reservations[0].instance(), Some(&id("i-a")));
    }
}

#[test]
fn an_instance_the_record_does_not_know_is_adopted() {
    let mut record = proven();
    assert!(record.reconcile(&[listed("i-x", true)], NOW));
    assert!(!record.reconcile(&[listed("i-x", true)], NOW));
    assert_eq!(record.reserve(&plan(3), &settings(3), NOW).len(), 2);
}

#[test]
fn an_instance_that_is_gone_gives_its_place_back() {
    let mut record = launched(&["i-a", "i-b"]);
    assert!(record.reconcile(&[listed("i-a", false), listed("i-b", true)], NOW));
    assert_eq!(record.reservations.len(), 1);
    assert!(!record.reconcile(&[listed("i-a", false), listed("i-b", true)], NOW));
}

#[test]
fn a_new_instance_may_be_missing_from_the_listing_for_a_while() {
    let mut record = launched(&["i-a"]);
    assert!(!record.reconcile(&[], NOW + Duration::from_secs(299)));
    assert!(record.reconcile(&[], NOW + LISTING_GRACE));
    assert!(record.reservations.is_empty());
}

#[test]
fn a_pause_stops_launches_until_it_ends() {
    let mut record = proven();
    let end = NOW + Duration::from_mins(30);
    record.pause(Some(end), NOW);
    let hold = record.hold(NOW).unwrap();
    assert_eq!(
        (hold.launches, hold.because.as_str()),
        (0, "as the fleet is paused until 1970-01-01T00:30:00Z")
    );
    assert!(record.reserve(&plan(1), &settings(3), NOW).is_empty());
    assert_eq!(record.hold(end), None);
    record.pause(None, NOW);
    assert_eq!(record.hold(NOW), None);
}

/// Refuses one launch at this time and returns how long the pause lasts.
fn refuse(record: &mut FleetRecord, now: Timestamp) -> Duration {
    let places = record.reserve(&plan(2), &settings(3), now);
    for place in &places {
        record.refused(&place.token, "InsufficientInstanceCapacity", now);
    }
    assert!(record.reservations.is_empty());
    let hold = record.hold(now).unwrap();
    assert_eq!(hold.launches, 0);
    assert!(
        hold.because.contains("InsufficientInstanceCapacity"),
        "{}",
        hold.because
    );
    let until = record.refusals.retry_at.unwrap();
    until.duration_since(now).unsigned_abs()
}

#[test]
fn refused_launches_are_tried_again_ever_more_slowly() {
    let mut record = proven();
    let mut now = NOW;
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let pause = refuse(&mut record, now);
        now += pause;
        pauses.push(pause.as_secs());
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300]);
    let place = record.reserve(&plan(1), &settings(3), now).remove(0);
    record.launched(&place.token, &id("i-a"), now);
    record.reconcile(&[listed("i-a", false)], now);
    assert_eq!(
        refuse(&mut record, now),
        LAUNCH_RETRY_MIN,
        "a success starts over"
    );
    assert!(LAUNCH_RETRY_MIN < LAUNCH_RETRY_MAX);
}

#[test]
fn an_image_that_never_boots_is_launched_three_times_an_hour_at_most() {
    let mut record = FleetRecord::default();
    let mut launches: Vec<Timestamp> = Vec::new();
    let mut living: Vec<(InstanceId, Timestamp)> = Vec::new();
    for minute in 0..24 * 60 {
        let now = NOW + Duration::from_mins(minute);
        // Prune terminates what has not reported in time.
        living.retain(|(id, since)| {
            let lost = has_passed(*since, crate::fleet::BOOT_DEADLINE, now);
            assert!(!lost || record.release(id, now));
            !lost
        });
        let seen = Observation {
            waiting: vec![
                WaitingJob {
                    work: None,
                    since: NOW
                };
                100
            ],
            hold: record.hold(now),
            ..Observation::default()
        };
        let plan = plan_scale(&seen, &settings(10), now);
        for place in record.reserve(&plan, &settings(10), now) {
            let id = id(&format!("i-{}", launches.len()));
            record.launched(&place.token, &id, now);
            living.push((id, now));
            launches.push(now);
        }
        record.version += 1;
    }
    let hour = jiff::SignedDuration::from_hours(1);
    for (first, after) in launches
        .iter()
        .zip(launches.iter().skip(UNPROVEN_LAUNCHES as usize))
    {
        assert!(after.duration_since(*first) >= hour, "{launches:?}");
    }
    assert!(
        launches.len() > 20,
        "one trial an hour goes on: {launches:?}"
    );
}

#[test]
fn one_report_ends_the_distrust() {
    let mut record = FleetRecord::default();
    let settings = settings(10);
    assert_eq!(record.reserve(&plan(9), &settings, NOW).len(), 3);
    let hold = record.hold(NOW).unwrap();
    assert_eq!(
        (hold.launches, hold.because.as_str()),
        (0, "held to 3 until an instance reports")
    );
    let token = record.reservations[0].token.clone();
    record.launched(&token, &id("i-a"), NOW);
    record.reported(&id("i-a"));
    assert_eq!(record.hold(NOW), None);
    assert_eq!(record.reserve(&plan(9), &settings, NOW).len(), 7);
}

#[test]
fn a_trusted_image_that_fails_three_times_in_a_row_is_held() {
    let mut record = launched(&["i-a", "i-b", "i-c"]);
    for name in ["i-a", "i-b"] {
        record.release(&id(name), NOW);
        assert_eq!(record.hold(NOW), None);
    }
    record.release(&id("i-c"), NOW);
    let hold = record.hold(NOW).unwrap();
    assert_eq!(
        hold.because,
        "held as 3 instances in a row never reported; next try at 1970-01-01T01:00:00Z"
    );
    let trial = record.hold(NOW + Duration::from_hours(1)).unwrap();
    assert_eq!(trial.launches, 1);
}

#[test]
fn a_record_is_written_and_read_back_and_grows_by_defaults() {
    let mut record = launched(&["i-a"]);
    record.reserve(&plan(1), &settings(3), NOW);
    record.pause(Some(NOW), NOW);
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<FleetRecord>(&text).unwrap(), record);
    assert_eq!(
        serde_json::from_str::<FleetRecord>("{}").unwrap(),
        FleetRecord::default()
    );
}

/// The observation that scale makes of a fleet of which only the record is known.
fn observe(record: &FleetRecord, jobs: usize, now: Timestamp) -> Observation {
    let view = |place: &Reservation| InstanceView {
        state: if place.has_reported() {
            InstanceState::Ready
        } else {
            InstanceState::Booting { since: place.since }
        },
        job_slots: 2,
        jobs: vec![],
    };
    Observation {
        waiting: vec![
            WaitingJob {
                work: None,
                since: NOW
            };
            jobs
        ],
        instances: record.reservations.iter().map(view).collect(),
        hold: record.hold(now),
        ..Observation::default()
    }
}
