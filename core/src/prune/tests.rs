use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    job::Job,
    testing::{at, instance, job, job_at},
};

fn policy() -> PrunePolicy {
    PrunePolicy {
        lease_margin: Duration::from_secs(30),
        abandon_after: Duration::from_secs(9 * 3_600),
        silence: Duration::from_secs(180),
    }
}

fn row(name: &str, beat_at: Timestamp) -> Instance {
    Instance {
        id: instance(name),
        state: InstanceState::Ready,
        slots: 2,
        jobs: Vec::new(),
        started_at: at(0),
        beat_at,
        drain_requested: false,
        ffmpeg_version: None,
        instance_type: None,
        market: None,
        work: None,
    }
}

fn outlines(jobs: &[Job]) -> Vec<JobOutline> {
    jobs.iter().map(JobOutline::from).collect()
}

#[test]
fn a_healthy_system_needs_no_repair() {
    let jobs = [
        job(&json!({})),
        job_at("encoding", "a"),
        job_at("finished", "a"),
    ];
    assert_eq!(
        plan_prune(
            &outlines(&jobs),
            &[row("a", at(0))],
            &Standstill::default(),
            &policy(),
            at(30)
        ),
        []
    );
}

#[test]
fn a_lapsed_lease_is_taken_back_only_after_the_margin() {
    let job = job_at("encoding", "a");
    let jobs = [job.clone()];
    assert_eq!(
        plan_prune(
            &outlines(&jobs),
            &[],
            &Standstill::default(),
            &policy(),
            at(89)
        ),
        []
    );
    assert_eq!(
        plan_prune(
            &outlines(&jobs),
            &[],
            &Standstill::default(),
            &policy(),
            at(90)
        ),
        [PruneAction::Lapse(job.id)]
    );
}

#[test]
fn a_waiting_job_whose_message_may_be_lost_is_queued_again() {
    let job = job(&json!({}));
    let jobs = [job.clone()];
    assert_eq!(
        plan_prune(
            &outlines(&jobs),
            &[],
            &Standstill::default(),
            &policy(),
            at(119)
        ),
        []
    );
    assert_eq!(
        plan_prune(
            &outlines(&jobs),
            &[],
            &Standstill::default(),
            &policy(),
            at(120)
        ),
        [PruneAction::Resend(job.id)]
    );
}

#[test]
fn silence_of_nine_hours_ends_a_job_unless_the_fleet_is_paused() {
    let late = at(9 * 3_600);
    let mut job = job(&json!({}));
    // Prune has sent messages all the time.
    job.resend_at = Some(late);
    let jobs = [job.clone()];
    assert_eq!(
        plan_prune(
            &outlines(&jobs),
            &[],
            &Standstill::default(),
            &policy(),
            late
        ),
        [PruneAction::Abandon(job.id.clone())]
    );
    let paused = |until: i64| {
        let mut standstill = Standstill::default();
        standstill.begin(at(10));
        standstill.end(at(until));
        standstill
    };
    for (until, abandoned) in [(10, true), (11, false), (9 * 3_600, false)] {
        let plan = plan_prune(&outlines(&jobs), &[], &paused(until), &policy(), late);
        assert_eq!(
            plan.contains(&PruneAction::Abandon(job.id.clone())),
            abandoned,
            "until {until}"
        );
    }
    let later = at(10 * 3_600);
    let plan = plan_prune(&outlines(&jobs), &[], &paused(3_611), &policy(), later);
    assert_eq!(
        plan,
        [PruneAction::Resend(job.id.clone())],
        "the clock stood still for a second more than an hour"
    );
}

#[test]
fn silence_while_prune_did_not_run_ends_no_job() {
    let still = Standstill::default();
    let mut job = job(&json!({}));
    let tomorrow = at(24 * 3_600);
    job.resend_at = Some(at(120));
    let plan = |job: &Job| plan_prune(&[JobOutline::from(job)], &[], &still, &policy(), tomorrow);
    assert_eq!(plan(&job), [PruneAction::Resend(job.id.clone())]);
    // It ran for ten hours before that.
    job.resend_at = Some(at(10 * 3_600));
    assert_eq!(plan(&job), [PruneAction::Abandon(job.id.clone())]);
}

#[test]
fn a_silent_instance_is_ended_but_never_one_with_a_valid_lease() {
    let silent = [row("a", at(0)), row("b", at(100))];
    assert_eq!(
        plan_prune(&[], &silent, &Standstill::default(), &policy(), at(180)),
        [PruneAction::Terminate(instance("a"))]
    );
    let mut held = job_at("encoding", "a");
    let beat = crate::job::Event::Beat {
        token: crate::testing::token(&held),
        lease: Duration::from_secs(60),
        progress: None,
    };
    crate::testing::change(&mut held, beat, at(150));
    assert_eq!(
        plan_prune(
            &outlines(&[held]),
            &silent,
            &Standstill::default(),
            &policy(),
            at(180)
        ),
        []
    );
}

/// What a job may be, by a number: where it stands, who holds it and when that began.
fn any_job() -> impl Strategy<Value = (u8, u8, i64)> {
    (0_u8..4, 0_u8..4, 0_i64..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn no_instance_with_a_valid_lease_is_terminated(
        jobs in proptest::collection::vec(any_job(), 0..6),
        beats in proptest::collection::vec(0_i64..400, 4),
        now in 0_i64..900,
    ) {
        let names = ["a", "b", "c", "d"];
        let rows: Vec<_> = names.iter().zip(&beats).map(|(name, beat)| row(name, at(*beat))).collect();
        let jobs: Vec<_> = jobs.into_iter().map(|(stage, holder, began)| {
            let mut held = job(&json!({}));
            if stage > 0 {
                crate::testing::change(&mut held, crate::testing::claim(names[usize::from(holder)]), at(began));
            }
            if stage > 2 {
                crate::testing::change(&mut held, crate::job::Event::Cancel, at(began));
            }
            held
        }).collect();
        let plan = plan_prune(&outlines(&jobs), &rows, &Standstill::default(), &policy(), at(now));
        for held in &jobs {
            let Some(lease) = held.state.lease() else { continue };
            let ended = PruneAction::Terminate(lease.token.instance.clone());
            prop_assert!(lease.lapsed(at(now), policy().lease_margin) || !plan.contains(&ended));
        }
    }
}
