use serde_json::json;

use super::*;
use crate::testing::{at, instance, job, job_at};

fn policy() -> PrunePolicy {
    PrunePolicy {
        lease_margin: Duration::from_secs(30),
        abandon_after: Duration::from_secs(9 * 3_600),
        paused: false,
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
    }
}

#[test]
fn a_healthy_system_needs_no_repair() {
    let jobs = [
        job(&json!({})),
        job_at("encoding", "a"),
        job_at("finished", "a"),
    ];
    assert_eq!(plan_prune(&jobs, &[row("a", at(0))], &policy(), at(30)), []);
}

#[test]
fn a_lapsed_lease_is_taken_back_only_after_the_margin() {
    let job = job_at("encoding", "a");
    let jobs = [job.clone()];
    assert_eq!(plan_prune(&jobs, &[], &policy(), at(89)), []);
    assert_eq!(
        plan_prune(&jobs, &[], &policy(), at(90)),
        [PruneAction::Lapse(job.id)]
    );
}

#[test]
fn a_waiting_job_whose_message_may_be_lost_is_queued_again() {
    let job = job(&json!({}));
    let jobs = [job.clone()];
    assert_eq!(plan_prune(&jobs, &[], &policy(), at(119)), []);
    assert_eq!(
        plan_prune(&jobs, &[], &policy(), at(120)),
        [PruneAction::Resend(job.id)]
    );
}

#[test]
fn silence_of_nine_hours_ends_a_job_unless_the_fleet_is_paused() {
    let job = job(&json!({}));
    let jobs = [job.clone()];
    let late = at(9 * 3_600);
    assert_eq!(
        plan_prune(&jobs, &[], &policy(), late),
        [PruneAction::Abandon(job.id.clone())]
    );
    let paused = PrunePolicy {
        paused: true,
        ..policy()
    };
    assert_eq!(
        plan_prune(&jobs, &[], &paused, late),
        [PruneAction::Resend(job.id)]
    );
}

#[test]
fn a_silent_instance_is_ended_but_never_one_with_a_valid_lease() {
    let silent = [row("a", at(0)), row("b", at(100))];
    assert_eq!(
        plan_prune(&[], &silent, &policy(), at(180)),
        [PruneAction::Terminate(instance("a"))]
    );
    let mut held = job_at("encoding", "a");
    let beat = crate::job::Event::Beat {
        token: crate::testing::token(&held),
        lease: Duration::from_secs(60),
        progress: None,
    };
    crate::testing::change(&mut held, beat, at(150));
    assert_eq!(plan_prune(&[held], &silent, &policy(), at(180)), []);
}
