//! Every state × every event, and the promises that hang on single cells.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    error::Code,
    lease::LeaseToken,
    testing::{LEASE, at, change, claim, instance, job, job_at, token},
};

/// Every state that a job can be in, held by instance `a` with attempts left, at time 0.
fn states() -> Vec<(&'static str, Job)> {
    let failed = |code| {
        let mut job = job_at("encoding", "a");
        let event = Event::Fail {
            token: token(&job),
            error: JobError::new(code, "no"),
        };
        change(&mut job, event, at(0));
        job
    };
    let mut abandoned = job(&json!({}));
    change(
        &mut abandoned,
        Event::Abandon {
            silence: Duration::ZERO,
        },
        at(0),
    );
    let mut canceled = job(&json!({}));
    change(&mut canceled, Event::Cancel, at(0));
    vec![
        ("pending", job(&json!({}))),
        ("cooling off", failed(Code::Unavailable)),
        ("downloading", job_at("downloading", "a")),
        ("encoding", job_at("encoding", "a")),
        ("uploading", job_at("uploading", "a")),
        ("publishing", job_at("publishing", "a")),
        ("finished", job_at("finished", "a")),
        ("error", failed(Code::EncoderFailed)),
        ("abandoned", abandoned),
        ("canceled", canceled),
    ]
}

/// Every event, from the holder of the present lease if there is one, at the time given beside it.
#[expect(clippy::too_many_lines, reason = "a table: one entry for each event")]
fn events(job: &Job) -> Vec<(&'static str, Event, Timestamp)> {
    let valid = job
        .state
        .lease()
        .map_or_else(|| stale("a", job.epoch), |lease| lease.token.clone());
    let old = stale("a", job.epoch.wrapping_sub(1));
    let error = JobError::new(Code::EncoderFailed, "no");
    let none = Duration::ZERO;
    vec![
        ("claim", claim("b"), at(1)),
        ("claim late", claim("b"), at(60)),
        (
            "beat",
            Event::Beat {
                token: valid.clone(),
                lease: LEASE,
                progress: None,
            },
            at(1),
        ),
        (
            "stale beat",
            Event::Beat {
                token: old.clone(),
                lease: LEASE,
                progress: None,
            },
            at(1),
        ),
        (
            "encode",
            Event::Encode {
                token: valid.clone(),
                report: Box::default(),
            },
            at(1),
        ),
        (
            "upload",
            Event::Upload {
                token: valid.clone(),
                warnings: Vec::new(),
            },
            at(1),
        ),
        (
            "publish",
            Event::Publish {
                token: valid.clone(),
                lease: LEASE,
            },
            at(1),
        ),
        (
            "finish",
            Event::Finish {
                token: valid.clone(),
                outputs: Vec::new(),
            },
            at(1),
        ),
        (
            "stale finish",
            Event::Finish {
                token: old.clone(),
                outputs: Vec::new(),
            },
            at(1),
        ),
        (
            "fail",
            Event::Fail {
                token: valid.clone(),
                error: error.clone(),
            },
            at(1),
        ),
        ("stale fail", Event::Fail { token: old, error }, at(1)),
        (
            "release",
            Event::Release {
                token: valid,
                reason: "spot".to_owned(),
            },
            at(1),
        ),
        ("lapse", Event::Lapse { margin: none }, at(1)),
        ("lapse late", Event::Lapse { margin: none }, at(60)),
        ("abandon", Event::Abandon { silence: LEASE }, at(59)),
        ("abandon late", Event::Abandon { silence: LEASE }, at(60)),
        ("resent", Event::Resent, at(1)),
        ("dead letter", Event::DeadLetter, at(1)),
        ("cancel", Event::Cancel, at(1)),
    ]
}

fn stale(by: &str, epoch: u64) -> LeaseToken {
    LeaseToken {
        epoch,
        instance: instance(by),
    }
}

/// What each event does to each state: the new state, `-` for ignored, or the reason of a denial.
const TABLE: &str = "\
pending: claim=DOWNLOADING claim late=DOWNLOADING beat=lost stale beat=lost encode=lost upload=lost publish=lost finish=lost stale finish=lost fail=lost stale fail=lost release=lost lapse=- lapse late=- abandon=- abandon late=ABANDONED resent=PENDING dead letter=PENDING cancel=CANCELED
cooling off: claim=not yet claim late=DOWNLOADING beat=lost stale beat=lost encode=lost upload=lost publish=lost finish=lost stale finish=lost fail=lost stale fail=lost release=lost lapse=- lapse late=- abandon=- abandon late=ABANDONED resent=PENDING dead letter=PENDING cancel=CANCELED
downloading: claim=held claim late=DOWNLOADING beat=DOWNLOADING stale beat=lost encode=ENCODING upload=order publish=order finish=order stale finish=lost fail=ERROR stale fail=lost release=PENDING lapse=- lapse late=PENDING abandon=- abandon late=ABANDONED resent=- dead letter=- cancel=CANCELED
encoding: claim=held claim late=DOWNLOADING beat=ENCODING stale beat=lost encode=- upload=UPLOADING publish=order finish=order stale finish=lost fail=ERROR stale fail=lost release=PENDING lapse=- lapse late=PENDING abandon=- abandon late=ABANDONED resent=- dead letter=- cancel=CANCELED
uploading: claim=held claim late=DOWNLOADING beat=UPLOADING stale beat=lost encode=- upload=- publish=UPLOADING finish=order stale finish=lost fail=ERROR stale fail=lost release=PENDING lapse=- lapse late=PENDING abandon=- abandon late=ABANDONED resent=- dead letter=- cancel=CANCELED
publishing: claim=held claim late=DOWNLOADING beat=UPLOADING stale beat=lost encode=- upload=- publish=UPLOADING finish=FINISHED stale finish=lost fail=ERROR stale fail=lost release=PENDING lapse=- lapse late=PENDING abandon=- abandon late=ABANDONED resent=- dead letter=- cancel=publishing
finished: claim=ended claim late=ended beat=ended stale beat=ended encode=ended upload=ended publish=ended finish=- stale finish=ended fail=ended stale fail=ended release=ended lapse=- lapse late=- abandon=- abandon late=- resent=- dead letter=- cancel=ended
error: claim=ended claim late=ended beat=ended stale beat=ended encode=ended upload=ended publish=ended finish=ended stale finish=ended fail=ended stale fail=ended release=ended lapse=- lapse late=- abandon=- abandon late=- resent=- dead letter=- cancel=ended
abandoned: claim=ended claim late=ended beat=ended stale beat=ended encode=ended upload=ended publish=ended finish=ended stale finish=ended fail=ended stale fail=ended release=ended lapse=- lapse late=- abandon=- abandon late=- resent=- dead letter=- cancel=ended
canceled: claim=ended claim late=ended beat=ended stale beat=ended encode=ended upload=ended publish=ended finish=ended stale finish=ended fail=ended stale fail=ended release=ended lapse=- lapse late=- abandon=- abandon late=- resent=- dead letter=- cancel=-";

#[test]
fn every_event_does_to_every_state_what_the_table_says() {
    let mut rows = Vec::new();
    for (name, job) in states() {
        let cells = events(&job).into_iter().map(|(event_name, event, now)| {
            let mut after = job.clone();
            let outcome = match after.apply(event, now) {
                Applied::Changed(_) => after.state.name().as_str(),
                Applied::Ignored => "-",
                Applied::Denied(reason) => match reason {
                    Denied::Ended(_) => "ended",
                    Denied::LeaseLost => "lost",
                    Denied::LeaseHeld { .. } => "held",
                    Denied::NotYet { .. } => "not yet",
                    Denied::OutOfOrder => "order",
                    Denied::Publishing => "publishing",
                },
            };
            if outcome
                .chars()
                .all(|letter| letter.is_lowercase() || letter == '-' || letter == ' ')
            {
                assert_eq!(
                    after, job,
                    "{event_name} changed a job that it did not change"
                );
            }
            format!("{event_name}={outcome}")
        });
        rows.push(format!("{name}: {}", cells.collect::<Vec<_>>().join(" ")));
    }
    assert_eq!(rows.join("\n"), TABLE);
}

#[test]
fn a_zombie_cannot_touch_a_job_that_another_took_over() {
    let mut job = job_at("uploading", "a");
    let zombie = token(&job);
    change(&mut job, claim("b"), at(61));
    for event in [
        Event::Beat {
            token: zombie.clone(),
            lease: LEASE,
            progress: None,
        },
        Event::Publish {
            token: zombie.clone(),
            lease: LEASE,
        },
        Event::Finish {
            token: zombie.clone(),
            outputs: Vec::new(),
        },
        Event::Fail {
            token: zombie.clone(),
            error: JobError::new(Code::Unavailable, "late"),
        },
        Event::Release {
            token: zombie,
            reason: String::new(),
        },
    ] {
        assert_eq!(job.apply(event, at(62)), Applied::Denied(Denied::LeaseLost));
    }
    assert_eq!((job.epoch, job.attempts), (2, 2));
}

#[test]
fn an_encoder_that_started_anew_may_take_its_own_job_again() {
    let mut job = job_at("encoding", "a");
    change(&mut job, claim("a"), at(1));
    assert_eq!(
        (job.epoch, job.attempts, job.state.name()),
        (2, 2, StateName::Downloading)
    );
}

#[test]
fn a_job_whose_encoders_die_is_abandoned_after_its_attempts() {
    let mut job = job(&json!({"max_attempts": 2}));
    change(&mut job, claim("a"), at(0));
    change(
        &mut job,
        Event::Lapse {
            margin: Duration::ZERO,
        },
        at(60),
    );
    assert_eq!(job.state.name(), StateName::Pending);
    change(&mut job, claim("b"), at(61));
    // Both ways in which a lapse is noticed end it: prune's and another encoder's.
    let mut claimed = job.clone();
    change(
        &mut job,
        Event::Lapse {
            margin: Duration::ZERO,
        },
        at(121),
    );
    change(&mut claimed, claim("c"), at(121));
    for job in [job, claimed] {
        assert_eq!(job.state.name(), StateName::Abandoned);
        assert_eq!(job.error().unwrap().code, Code::AttemptsExhausted);
        assert_eq!(job.live_destination(), None);
    }
}

#[test]
fn what_cannot_succeed_is_not_tried_again() {
    let mut job = job_at("downloading", "a");
    let event = Event::Fail {
        token: token(&job),
        error: JobError::new(Code::SourceNotFound, "nothing there"),
    };
    change(&mut job, event, at(1));
    assert_eq!((job.state.name(), job.attempts), (StateName::Error, 1));
}

#[test]
fn what_may_pass_is_tried_again_after_a_growing_pause() {
    let mut job = job_at("downloading", "a");
    let mut now = at(0);
    let mut pauses = Vec::new();
    loop {
        let event = Event::Fail {
            token: token(&job),
            error: JobError::new(Code::Unavailable, "down"),
        };
        change(&mut job, event, now);
        let JobState::Pending {
            not_before: Some(until),
        } = job.state
        else {
            break;
        };
        pauses.push(elapsed(until, now).as_secs());
        now = until;
        change(&mut job, claim("a"), now);
    }
    assert_eq!(pauses, [5, 10]);
    assert_eq!((job.state.name(), job.attempts), (StateName::Error, 3));
}

#[test]
fn an_interrupted_encoder_costs_the_job_no_attempt() {
    let mut job = job_at("encoding", "a");
    let event = Event::Release {
        token: token(&job),
        reason: "spot interruption".to_owned(),
    };
    let effects = change(&mut job, event, at(1));
    assert_eq!((job.attempts, job.epoch), (0, 1));
    assert_eq!(
        effects,
        [Effect::Enqueue {
            delay: Duration::ZERO
        }]
    );
    assert_eq!(job.state_details(), "spot interruption");
}

#[test]
fn a_job_that_keeps_beating_is_never_abandoned() {
    let mut job = job_at("encoding", "a");
    let silence = Duration::from_secs(100);
    for second in (50..2_000).step_by(50) {
        let event = Event::Beat {
            token: token(&job),
            lease: LEASE,
            progress: None,
        };
        change(&mut job, event, at(second));
        assert_eq!(
            job.apply(Event::Abandon { silence }, at(second + 49)),
            Applied::Ignored
        );
    }
}

#[test]
fn credentials_are_dropped_when_the_job_ends() {
    use crate::sealed::{SealedSecrets, SealedText};
    let sealed = || Some(SealedText("cipher".to_owned()));
    let mut job = job(&json!({}));
    job.sealed = SealedSecrets {
        source: sealed(),
        destination: sealed(),
        notify: sealed(),
        ..SealedSecrets::default()
    };
    change(&mut job, Event::Cancel, at(1));
    assert_eq!(
        (&job.sealed.source, &job.sealed.destination),
        (&None, &None)
    );
    assert!(job.sealed.notify.is_some(), "the end is still to be told");
}

#[test]
fn sequences_count_state_changes_and_history_stays_bounded() {
    let mut job = job(&json!({}));
    for round in 0..100 {
        change(&mut job, claim("a"), at(round));
        let event = Event::Release {
            token: token(&job),
            reason: "again".to_owned(),
        };
        change(&mut job, event, at(round));
    }
    assert_eq!(job.sequence, 201);
    assert_eq!(job.history.len(), HISTORY_LIMIT);
    assert!(
        job.history
            .windows(2)
            .all(|pair| pair[1].sequence == pair[0].sequence + 1)
    );
}

#[test]
fn a_waiting_job_is_queued_again_ever_less_often() {
    let mut job = job(&json!({}));
    let mut now = job.resend_at.unwrap();
    let mut sent = 0;
    while now < at(86_400) {
        change(&mut job, Event::Resent, now);
        now = job.resend_at.unwrap();
        sent += 1;
    }
    assert!((20..60).contains(&sent), "{sent} messages in a day");
}

#[test]
fn a_job_that_no_encoder_can_begin_ends_in_an_error() {
    let mut job = job(&json!({}));
    let mut pauses = Vec::new();
    while let JobState::Pending { not_before } = job.state {
        pauses.push(not_before);
        change(&mut job, Event::DeadLetter, at(0));
    }
    assert_eq!(pauses, [None, Some(at(5)), Some(at(10))]);
    assert_eq!(job.state.name(), StateName::Error);
    assert_eq!(job.error().unwrap().code, Code::AttemptsExhausted);
}

#[test]
fn a_record_survives_its_storage() {
    for (_, job) in states() {
        let text = serde_json::to_string(&job).unwrap();
        assert_eq!(serde_json::from_str::<Job>(&text).unwrap(), job);
    }
}

#[test]
fn states_carry_the_names_of_the_original() {
    for name in StateName::ALL {
        assert_eq!(serde_json::to_string(&name).unwrap(), format!("\"{name}\""));
        assert_eq!(StateName::parse(name.as_str()), Some(name));
    }
}

/// A claim by `by` of a slot that costs 36 dollars an hour: a cent a second.
fn cent_a_second(by: &str) -> Event {
    Event::Claim {
        instance: instance(by),
        lease: LEASE,
        margin: Duration::ZERO,
        slot_hour_usd: Some(36.0),
    }
}

fn assert_cost(job: &Job, now: i64, cents: f64) {
    let usd = job.cost.usd(at(now)).unwrap();
    assert!(
        (usd * 100.0 - cents).abs() < 1e-6,
        "{usd} USD, not {cents} cents"
    );
}

#[test]
fn a_job_costs_the_time_of_its_leases_and_nothing_while_it_waits() {
    let mut job = job(&json!({}));
    assert_cost(&job, 100, 0.0);
    change(&mut job, cent_a_second("a"), at(100));
    assert_cost(&job, 110, 10.0);
    let reason = "a spot notice".to_owned();
    let release = Event::Release {
        token: token(&job),
        reason,
    };
    change(&mut job, release, at(120));
    assert_cost(&job, 1_000, 20.0);
    change(&mut job, cent_a_second("b"), at(1_000));
    // Nobody hears of "b" again: it is paid until its lease ended, not until somebody noticed.
    change(
        &mut job,
        Event::Lapse {
            margin: Duration::ZERO,
        },
        at(5_000),
    );
    assert_cost(&job, 9_000, 20.0 + LEASE.as_secs_f64());
    change(&mut job, cent_a_second("c"), at(9_000));
    change(&mut job, Event::Cancel, at(9_010));
    assert_cost(&job, 99_000, 30.0 + LEASE.as_secs_f64());
}

#[test]
fn a_job_that_costs_more_than_it_may_ends_at_the_next_heartbeat() {
    let mut job = job(&json!({"max_cost_usd": 0.25}));
    change(&mut job, cent_a_second("a"), at(0));
    let beat = |job: &Job| Event::Beat {
        token: token(job),
        lease: LEASE,
        progress: None,
    };
    let in_time = beat(&job);
    change(&mut job, in_time, at(20));
    assert_eq!(job.state.name(), StateName::Downloading);
    let too_much = beat(&job);
    change(&mut job, too_much, at(40));
    let error = job.error().unwrap();
    assert_eq!(
        (job.state.name(), error.code),
        (StateName::Error, Code::OverBudget)
    );
    assert_cost(&job, 1_000, 40.0);
}

#[test]
fn a_job_over_its_limit_is_not_tried_again_and_one_of_unknown_cost_is() {
    let lapse = Event::Lapse {
        margin: Duration::ZERO,
    };
    let mut over = job(&json!({"max_cost_usd": 0.01}));
    change(&mut over, cent_a_second("a"), at(0));
    change(&mut over, lapse.clone(), at(1_000));
    assert_eq!(over.error().map(|error| error.code), Some(Code::OverBudget));
    let mut unknown = job(&json!({"max_cost_usd": 0.01}));
    let claim = Event::Claim {
        instance: instance("a"),
        lease: LEASE,
        margin: Duration::ZERO,
        slot_hour_usd: None,
    };
    change(&mut unknown, claim, at(0));
    change(&mut unknown, lapse, at(1_000));
    assert_eq!(unknown.state.name(), StateName::Pending);
    assert_eq!(unknown.cost.usd(at(1_000)), None);
}

#[test]
fn an_output_that_may_be_visible_is_not_taken_back_for_its_cost() {
    let mut job = job_at("publishing", "a");
    job.spec.max_cost_usd = Some(0.000_001);
    let beat = Event::Beat {
        token: token(&job),
        lease: LEASE,
        progress: None,
    };
    change(&mut job, beat, at(50));
    assert_eq!(job.state.name(), StateName::Uploading);
}

#[test]
fn a_probe_ends_with_what_was_found_and_never_encodes() {
    let mut probe = job(&json!({}));
    probe.spec.dest_path = None;
    change(&mut probe, claim("a"), at(1));
    let held = token(&probe);
    for step in [
        Event::Upload {
            token: held.clone(),
            warnings: Vec::new(),
        },
        Event::Publish {
            token: held.clone(),
            lease: LEASE,
        },
        Event::Finish {
            token: held.clone(),
            outputs: Vec::new(),
        },
    ] {
        assert_eq!(
            probe.clone().apply(step, at(2)),
            Applied::Denied(Denied::OutOfOrder)
        );
    }
    let found = Event::Encode {
        token: held.clone(),
        report: Box::new(Report {
            source_bytes: Some(7),
            ..Report::default()
        }),
    };
    change(&mut probe, found.clone(), at(2));
    assert_eq!(
        (probe.state.name(), probe.report.source_bytes),
        (StateName::Finished, Some(7))
    );
    // The answer to a write may be lost, and the encoder ends what it began.
    let finish = Event::Finish {
        token: held,
        outputs: Vec::new(),
    };
    for again in [found, finish] {
        assert_eq!(probe.apply(again, at(3)), Applied::Ignored);
    }
    assert_eq!(
        (probe.destination(), probe.live_destination()),
        (None, None)
    );
}
