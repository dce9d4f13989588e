use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn settings(max: u32) -> FleetSettings {
    FleetSettings {
        max,
        ..FleetSettings::default()
    }
}

fn waiting(count: usize, work: Option<Duration>) -> Vec<WaitingJob> {
    vec![WaitingJob { work, since: NOW }; count]
}

fn instance(state: InstanceState, jobs: &[Option<Duration>]) -> InstanceView {
    InstanceView {
        state,
        job_slots: 2,
        jobs: jobs.to_vec(),
    }
}

fn booting() -> InstanceView {
    instance(InstanceState::Booting { since: NOW }, &[])
}

/// An instance with no slot free, whose jobs need this long.
fn busy(rest: Duration) -> InstanceView {
    instance(InstanceState::Ready, &[Some(rest); 2])
}

fn observed(waiting: Vec<WaitingJob>, instances: Vec<InstanceView>) -> Observation {
    Observation {
        waiting,
        instances,
        ..Observation::default()
    }
}

/// What is observed right after a plan was carried out.
fn carried_out(mut seen: Observation, plan: &ScalePlan, job_slots: u32) -> Observation {
    let launched = InstanceView {
        job_slots,
        ..booting()
    };
    seen.instances
        .extend((0..plan.launch).map(|_| launched.clone()));
    seen
}

#[test]
fn the_reason_tells_the_decision_in_words() {
    let seen = observed(waiting(12, None), vec![busy(secs(900)), booting()]);
    let plan = plan_scale(&seen, &settings(5), NOW);
    assert_eq!(
        plan.reason,
        "12 waiting, 4 slots, 1 booting: launch 3, capped by maximum 5"
    );
    assert_eq!((plan.launch, plan.cap), (3, Some(Cap::Maximum)));
}

#[test]
fn no_work_launches_nothing() {
    for policy in [Policy::Backlog, Policy::Threshold] {
        let settings = FleetSettings {
            policy,
            ..settings(3)
        };
        let plan = plan_scale(&Observation::default(), &settings, NOW);
        assert_eq!((plan.launch, plan.cap), (0, None), "{policy:?}");
    }
}

#[test]
fn short_jobs_share_a_slot_up_to_a_billed_boot() {
    // Thirty seconds of boot are billed: ten jobs of six seconds fill two slots, which are one instance.
    let launch = |count, work| {
        plan_scale(
            &observed(waiting(count, Some(work)), vec![]),
            &settings(100),
            NOW,
        )
        .launch
    };
    assert_eq!(launch(10, secs(6)), 1);
    assert_eq!(launch(11, secs(6)), 2);
    assert_eq!(
        launch(10, secs(600)),
        5,
        "a long job fills one slot and no more"
    );
    assert_eq!(launch(10, Duration::ZERO), 1);
}

#[test]
fn a_job_not_probed_yet_counts_as_the_average() {
    let mut seen = observed(waiting(10, None), vec![]);
    assert_eq!(plan_scale(&seen, &settings(100), NOW).launch, 5);
    seen.average_work = Some(secs(6));
    assert_eq!(plan_scale(&seen, &settings(100), NOW).launch, 1);
}

#[test]
fn a_job_waits_for_a_slot_that_comes_free_before_a_boot_is_over() {
    let launch = |rest, now| {
        let seen = observed(waiting(2, None), vec![busy(rest)]);
        plan_scale(&seen, &settings(3), now).launch
    };
    assert_eq!(launch(secs(30), NOW), 0);
    assert_eq!(
        launch(secs(31), NOW),
        1,
        "too close to the forty seconds of a boot"
    );
    let later = NOW + secs(40);
    assert_eq!(
        launch(secs(30), later),
        1,
        "the promise was not kept for as long as a boot takes"
    );
}

#[test]
fn an_instance_that_takes_no_jobs_counts_against_the_maximum_and_nothing_else() {
    let overdue = NOW + BOOT_DEADLINE;
    for state in [
        InstanceState::Draining,
        InstanceState::Silent,
        InstanceState::Booting { since: NOW },
    ] {
        let seen = observed(waiting(8, None), vec![instance(state, &[])]);
        let plan = plan_scale(&seen, &settings(3), overdue);
        assert_eq!(
            (plan.launch, plan.cap),
            (2, Some(Cap::Maximum)),
            "{state:?}"
        );
    }
}

#[test]
fn the_minimum_and_the_spare_are_launched_without_work() {
    let settings = FleetSettings {
        min: 2,
        ..settings(9)
    };
    let plan = plan_scale(&Observation::default(), &settings, NOW);
    assert_eq!(
        plan.reason,
        "0 waiting, 0 slots, 0 booting: launch 2, to keep the minimum 2"
    );
    let settings = FleetSettings {
        min: 0,
        warm_spare: 5,
        ..settings
    };
    let plan = plan_scale(&Observation::default(), &settings, NOW);
    assert_eq!(
        plan.reason,
        "0 waiting, 0 slots, 0 booting, 5 to spare: launch 3"
    );
}

/// The plan for twelve jobs and no fleet, under changed settings and observations.
fn capped(change: impl FnOnce(&mut FleetSettings, &mut Observation)) -> (u32, String) {
    let mut settings = settings(20);
    let mut seen = observed(waiting(12, None), vec![]);
    change(&mut settings, &mut seen);
    let plan = plan_scale(&seen, &settings, NOW);
    let (_, words) = plan.reason.split_once(": ").unwrap();
    (plan.launch, words.to_owned())
}

#[test]
fn each_cap_is_kept_and_named() {
    assert_eq!(capped(|_, _| ()), (6, "launch 6".to_owned()));
    assert_eq!(
        capped(|settings, _| settings.launch_limit = 4),
        (4, "launch 4, capped by launch limit 4".to_owned())
    );
    assert_eq!(
        capped(|settings, _| settings.enabled = false),
        (
            0,
            "launch 0, as launches are off (fleet.enabled)".to_owned()
        )
    );
    let hold = |launches| {
        Some(Hold {
            launches,
            because: "paused until noon".to_owned(),
        })
    };
    assert_eq!(
        capped(|_, seen| seen.hold = hold(0)),
        (0, "launch 0, paused until noon".to_owned())
    );
    assert_eq!(
        capped(|_, seen| seen.hold = hold(6)),
        (6, "launch 6".to_owned())
    );
}

#[test]
fn a_spent_budget_stops_launches_or_warns() {
    let spent = |action| {
        capped(|_, seen| {
            seen.money.budget = Budget {
                monthly_usd: Some(50.0),
                action,
            };
            seen.money.month_to_date_usd = Some(50.0);
            seen.money.instance_hour_usd = Some(0.25);
        })
    };
    assert_eq!(
        spent(BudgetAction::StopScaling),
        (
            0,
            "launch 0, capped by the budget of 50.00 USD, of which 50.00 are spent".to_owned()
        )
    );
    assert_eq!(
        spent(BudgetAction::Warn),
        (
            6,
            "launch 6, although the budget of 50.00 USD is spent".to_owned()
        )
    );
}

#[test]
fn a_budget_nearly_spent_leaves_an_hour_for_each_instance() {
    let (launch, _) = capped(|_, seen| {
        seen.money.budget.monthly_usd = Some(50.0);
        seen.instances = vec![busy(secs(900))];
        seen.money.month_to_date_usd = Some(49.0);
        seen.money.instance_hour_usd = Some(0.25);
    });
    assert_eq!(
        launch, 3,
        "four hours are left, and one instance lives already"
    );
}

/// Launches of the original with its defaults, for zero to fourteen unfinished jobs: by the instances that live.
const ORIGINAL: [[u32; 15]; 4] = [
    [0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3],
    [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3],
    [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];

/// Where the original launched beyond its maximum of three in total, as (instances, unfinished jobs).
/// These cells are mended and the only ones that differ.
const MENDED: [(usize, usize); 10] = [
    (1, 10),
    (1, 11),
    (1, 12),
    (1, 13),
    (1, 14),
    (2, 10),
    (2, 11),
    (2, 12),
    (2, 13),
    (2, 14),
];

#[test]
fn threshold_launches_as_the_original_did_but_never_above_the_maximum() {
    let settings = FleetSettings {
        policy: Policy::Threshold,
        ..FleetSettings::default()
    };
    let mut mended = Vec::new();
    for (alive, row) in ORIGINAL.iter().enumerate() {
        for (unfinished, &original) in row.iter().enumerate() {
            let idle = vec![instance(InstanceState::Ready, &[]); alive];
            let plan = plan_scale(&observed(waiting(unfinished, None), idle), &settings, NOW);
            let allowed = settings.max - count(alive);
            assert_eq!(
                plan.launch,
                original.min(allowed),
                "{alive} alive, {unfinished} jobs"
            );
            if plan.launch != original {
                mended.push((alive, unfinished));
            }
        }
    }
    assert_eq!(mended, MENDED);
}

#[test]
fn threshold_counts_jobs_that_run_as_well_as_those_that_wait() {
    let settings = FleetSettings {
        policy: Policy::Threshold,
        ..FleetSettings::default()
    };
    let seen = observed(waiting(3, None), vec![busy(secs(1))]);
    let plan = plan_scale(&seen, &settings, NOW);
    assert_eq!(
        plan.reason,
        "5 unfinished, capacity 2, threshold 2: launch 1"
    );
}

#[test]
fn a_tick_with_a_hundred_thousand_jobs_takes_less_than_fifty_milliseconds() {
    let seen = observed(waiting(100_000, Some(secs(1))), vec![busy(secs(60)); 100]);
    #[expect(
        clippy::disallowed_methods,
        reason = "the test measures; the planner does not"
    )]
    let tick = || {
        let start = std::time::Instant::now();
        assert_eq!(plan_scale(&seen, &settings(1_000), NOW).launch, 50);
        start.elapsed()
    };
    // The quickest of a few, as the machine may be busy with other things.
    let quickest = (0..5).map(|_| tick()).min().unwrap();
    assert!(quickest < Duration::from_millis(50), "{quickest:?}");
}

/// Generated cases of each property: 100,000 in all.
const CASES: u32 = 25_000;

fn any_duration() -> impl Strategy<Value = Option<Duration>> {
    proptest::option::of((0_u64..400).prop_map(secs))
}

fn any_instance() -> impl Strategy<Value = InstanceView> {
    let state = prop_oneof![
        (0_i64..900).prop_map(|ago| InstanceState::Booting {
            since: Timestamp::from_second(-ago).unwrap(),
        }),
        Just(InstanceState::Ready),
        Just(InstanceState::Draining),
        Just(InstanceState::Silent),
    ];
    let jobs = proptest::collection::vec(any_duration(), 0..4);
    (state, 1_u32..4, jobs).prop_map(|(state, job_slots, mut jobs)| {
        jobs.truncate(job_slots as usize);
        InstanceView {
            state,
            job_slots,
            jobs,
        }
    })
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let job = (any_duration(), 0_i64..900).prop_map(|(work, ago)| WaitingJob {
        work,
        since: Timestamp::from_second(-ago).unwrap(),
    });
    let waiting = proptest::collection::vec(job, 0..24);
    let instances = proptest::collection::vec(any_instance(), 0..8);
    (waiting, instances, any_duration(), any_money()).prop_map(
        |(waiting, instances, average_work, money)| Observation {
            waiting,
            instances,
            average_work,
            money,
            hold: None,
        },
    )
}

fn any_money() -> impl Strategy<Value = Money> {
    let usd = || proptest::option::weighted(0.9, 0.0..80.0_f64);
    (usd(), usd(), proptest::option::of(0.0..80.0_f64)).prop_map(|(spent, hour, monthly_usd)| {
        Money {
            budget: Budget {
                monthly_usd,
                action: BudgetAction::StopScaling,
            },
            month_to_date_usd: spent,
            instance_hour_usd: hour.map(|usd| usd / 40.0),
        }
    })
}

fn any_settings() -> impl Strategy<Value = FleetSettings> {
    let numbers = (1_u32..30, 0_u32..5, 1_u32..4, 0_u32..4, 0_u32..5);
    let policy = prop_oneof![Just(Policy::Backlog), Just(Policy::Threshold)];
    let settings = (numbers, policy).prop_map(|(numbers, policy)| {
        let (max, min, jobs_per_instance, overflow_threshold, warm_spare) = numbers;
        FleetSettings {
            policy,
            min,
            max,
            jobs_per_instance,
            overflow_threshold,
            warm_spare,
            ..FleetSettings::default()
        }
    });
    settings.prop_filter("valid settings", |settings| settings.validate().is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn running_and_launching_never_exceed_the_maximum(seen in any_observation(), settings in any_settings()) {
        let plan = plan_scale(&seen, &settings, NOW);
        let alive = count(seen.instances.len());
        prop_assert!(plan.launch <= settings.max.saturating_sub(alive), "{}", plan.reason);
    }

    #[test]
    fn planning_twice_without_news_launches_nothing(seen in any_observation(), settings in any_settings()) {
        let settings = FleetSettings { policy: Policy::Backlog, ..settings };
        let plan = plan_scale(&seen, &settings, NOW);
        let after = carried_out(seen, &plan, settings.jobs_per_instance);
        let again = plan_scale(&after, &settings, NOW);
        prop_assert_eq!(again.launch, 0, "after {}: {}", plan.reason, again.reason);
    }

    #[test]
    fn one_job_and_an_empty_fleet_launch_exactly_one(work in any_duration(), settings in any_settings()) {
        let settings = FleetSettings { min: 0, warm_spare: 0, ..settings };
        let plan = plan_scale(&observed(waiting(1, work), vec![]), &settings, NOW);
        prop_assert_eq!(plan.launch, 1);
    }

    #[test]
    fn more_waiting_work_never_launches_less(seen in any_observation(), settings in any_settings(), work in any_duration()) {
        let before = plan_scale(&seen, &settings, NOW).launch;
        let mut more = seen;
        more.waiting.push(WaitingJob { work, since: Timestamp::from_second(-900).unwrap() });
        prop_assert!(plan_scale(&more, &settings, NOW).launch >= before);
    }
}

/// The original's formula rounds down and then launches at least one, so that a second look may find one more to
/// launch; it is kept as it was, and this is how far it goes.
#[test]
fn threshold_thinks_twice_at_most() {
    let settings = FleetSettings {
        policy: Policy::Threshold,
        ..settings(100)
    };
    for jobs in 0..60 {
        let mut seen = observed(waiting(jobs, None), vec![busy(secs(60))]);
        let mut launches = Vec::new();
        for _ in 0..3 {
            let plan = plan_scale(&seen, &settings, NOW);
            launches.push(plan.launch);
            seen = carried_out(seen, &plan, 2);
        }
        assert!(
            launches[1] <= 1 && launches[2] == 0,
            "{jobs} jobs: {launches:?}"
        );
    }
}
