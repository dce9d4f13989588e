//! The protocol as a model: what there is, what can happen next, and what must always hold.

use std::time::Duration;

use jiff::Timestamp;
use nommer_core::{
    error::{Code, JobError},
    id::{InstanceId, JobId},
    job::{Applied, Event, Job, JobState, Report, StateName},
    lease::LeaseToken,
    sealed::SealedSecrets,
    spec::{SpecRules, parse_v1},
};
use serde_json::json;
use stateright::{Model, Property};
use uuid::Uuid;

/// One step of time.
const TICK: Duration = Duration::from_secs(30);

/// Two steps, and one for clocks that disagree.
const LEASE: Duration = Duration::from_secs(60);
const MARGIN: Duration = Duration::from_secs(30);

/// How often a job may be tried here.
const ATTEMPTS: u32 = 2;

/// Claims of one job, those after a release included. Releases cost no attempt, so nothing else ends them.
const EPOCHS: u64 = 3;

/// A rule to be left out, to see that the model would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// None.
    No,
    /// Whoever holds any lease is taken for the holder of the present one.
    NoFencing,
    /// An output replaces whatever is there.
    UnconditionalCommit,
    /// A claim does not raise the epoch.
    SameEpoch,
    /// A job that ended may be canceled.
    EndsAreNotFinal,
    /// Claims are not counted.
    AttemptsUncounted,
}

/// The model.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    jobs: usize,
    encoders: usize,
    ticks: u8,
    flaw: Flaw,
}

/// What of a job decides what can become of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    state: JobState,
    epoch: u64,
    attempts: u32,
    heard_at: Timestamp,
    /// Claims that were not given back: what `attempts` must be.
    charged: u32,
    /// Whether there is a message for it.
    hinted: bool,
    /// The epoch that wrote what is at the destination.
    output: Option<u64>,
    /// The first end that it came to.
    ended: Option<StateName>,
}

/// What an encoder is at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Encoder {
    Idle,
    Busy {
        job: usize,
        token: LeaseToken,
        before: Before,
        step: Step,
    },
}

/// What an encoder knows of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Before {
    NotLooked,
    Was(Option<u64>),
}

/// How far an encoder has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Claimed,
    Encoding,
    Uploading,
    Publishing,
    Committed,
    Conflict,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    now: u8,
    jobs: Vec<Record>,
    encoders: Vec<Encoder>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    Claim(usize, usize),
    Look(usize),
    /// The next step; its answer may be lost, and then it comes again.
    Advance(usize, Answer),
    Beat(usize),
    Release(usize),
    Fail(usize),
    Crash(usize),
    LoseHint(usize),
    Lapse(usize),
    Resend(usize),
    Abandon(usize),
    Cancel(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Arrives,
    Lost,
}

fn instance(number: usize) -> InstanceId {
    format!("i-{number}").parse().unwrap()
}

fn at(tick: u8) -> Timestamp {
    Timestamp::from_second(1_000_000).unwrap() + TICK * u32::from(tick)
}

fn template() -> Job {
    let body = json!({
        "source_path": "s3://in-bucket/a.mov", "dest_path": "s3://out-bucket/a.mp4", "preset": "copy", "max_attempts": ATTEMPTS,
    });
    let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
    Job::new(
        JobId::from_uuid(Uuid::nil()),
        spec,
        SealedSecrets::default(),
        at(0),
    )
}

thread_local! {
    static TEMPLATE: Job = template();
}

impl Protocol {
    pub(crate) fn new(jobs: usize, encoders: usize, ticks: u8) -> Self {
        Self {
            jobs,
            encoders,
            ticks,
            flaw: Flaw::No,
        }
    }

    /// The same with a rule left out.
    pub(crate) fn with(self, flaw: Flaw) -> Self {
        Self { flaw, ..self }
    }

    /// What the production code makes of an event. False if it was denied.
    fn apply(&self, record: &mut Record, event: Event, now: u8) -> bool {
        let mut job = TEMPLATE.with(Clone::clone);
        job.state = record.state.clone();
        (job.epoch, job.attempts, job.heard_at) = (record.epoch, record.attempts, record.heard_at);
        let claims = matches!(event, Event::Claim { .. });
        let releases = matches!(event, Event::Release { .. });
        let effects = match job.apply(event, at(now)) {
            Applied::Changed(effects) => effects,
            Applied::Ignored => return true,
            Applied::Denied(_) => return false,
        };
        if claims && self.flaw == Flaw::AttemptsUncounted {
            job.attempts = 1;
        }
        if claims && self.flaw == Flaw::SameEpoch && record.epoch > 0 {
            job.epoch = record.epoch;
            if let JobState::Running { lease, .. } = &mut job.state {
                lease.token.epoch = record.epoch;
            }
        }
        let taken = claims && job.state.lease().is_some();
        record.charged = record.charged + u32::from(taken) - u32::from(releases);
        record.state = job.state;
        (record.epoch, record.attempts, record.heard_at) = (job.epoch, job.attempts, job.heard_at);
        let enqueues = |effect: &nommer_core::job::Effect| {
            matches!(effect, nommer_core::job::Effect::Enqueue { .. })
        };
        record.hinted |= effects.iter().any(enqueues);
        if record.state.ended() {
            record.ended.get_or_insert(record.state.name());
        }
        true
    }

    fn claim(&self, state: &mut State, encoder: usize, job: usize) -> bool {
        let now = state.now;
        let event = Event::Claim {
            instance: instance(encoder),
            lease: LEASE,
            margin: MARGIN,
            slot_hour_usd: None,
        };
        let record = &mut state.jobs[job];
        if !self.apply(record, event, now) {
            return false;
        }
        if let Some(lease) = record.state.lease() {
            state.encoders[encoder] = Encoder::Busy {
                job,
                token: lease.token.clone(),
                before: Before::NotLooked,
                step: Step::Claimed,
            };
        }
        true
    }

    /// The token that an encoder shows.
    fn shown(&self, token: &LeaseToken, record: &Record) -> LeaseToken {
        match (self.flaw, record.state.lease()) {
            (Flaw::NoFencing, Some(lease)) => lease.token.clone(),
            _ => token.clone(),
        }
    }

    /// The next step of an encoder at work.
    fn advance(&self, state: &mut State, number: usize, answer: Answer) {
        let now = state.now;
        let Encoder::Busy {
            job,
            token,
            before,
            step,
        } = state.encoders[number].clone()
        else {
            return;
        };
        let record = &mut state.jobs[job];
        let shown = self.shown(&token, record);
        if step == Step::Publishing {
            let same = before == Before::Was(record.output);
            let allowed = same || self.flaw == Flaw::UnconditionalCommit;
            if allowed {
                record.output = Some(token.epoch);
            }
            return state.encoders[number].to(if allowed {
                Step::Committed
            } else {
                Step::Conflict
            });
        }
        let (event, next) = written(step, shown);
        let allowed = self.apply(record, event, now);
        match next {
            Some(next) if allowed && answer == Answer::Arrives => state.encoders[number].to(next),
            Some(_) if allowed => {}
            None if answer == Answer::Lost => {}
            Some(_) | None => state.encoders[number] = Encoder::Idle,
        }
    }

    /// An event of the encoder's that ends its attempt, or does not.
    fn report(
        &self,
        state: &mut State,
        number: usize,
        event: impl Fn(LeaseToken) -> Event,
    ) -> bool {
        let Encoder::Busy { job, token, .. } = state.encoders[number].clone() else {
            return false;
        };
        let record = &mut state.jobs[job];
        let shown = self.shown(&token, record);
        self.apply(record, event(shown), state.now)
    }
}

/// What an encoder writes next, and where it is then; nowhere if that is the end of the attempt.
fn written(step: Step, token: LeaseToken) -> (Event, Option<Step>) {
    match step {
        Step::Claimed => {
            let report = Box::new(Report::default());
            (Event::Encode { token, report }, Some(Step::Encoding))
        }
        Step::Encoding => (
            Event::Upload {
                token,
                warnings: Vec::new(),
            },
            Some(Step::Uploading),
        ),
        Step::Uploading | Step::Publishing => {
            let lease = LEASE;
            (Event::Publish { token, lease }, Some(Step::Publishing))
        }
        Step::Committed => {
            let outputs = Vec::new();
            (Event::Finish { token, outputs }, None)
        }
        Step::Conflict => {
            let error = JobError::new(Code::DestConflict, "changed");
            (Event::Fail { token, error }, None)
        }
    }
}

impl Encoder {
    fn to(&mut self, next: Step) {
        if let Self::Busy { step, .. } = self {
            *step = next;
        }
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let job = template();
        let record = Record {
            state: job.state,
            epoch: 0,
            attempts: 0,
            heard_at: at(0),
            charged: 0,
            hinted: true,
            output: None,
            ended: None,
        };
        vec![State {
            now: 0,
            jobs: vec![record; self.jobs],
            encoders: vec![Encoder::Idle; self.encoders],
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tick);
        for (number, encoder) in state.encoders.iter().enumerate() {
            match encoder {
                Encoder::Idle => {
                    let hinted = |job: &usize| state.jobs[*job].hinted;
                    let claims = (0..self.jobs).filter(hinted);
                    actions.extend(claims.map(|job| Action::Claim(number, job)));
                }
                Encoder::Busy {
                    before: Before::NotLooked,
                    ..
                } => {
                    actions.extend([Action::Look(number), Action::Crash(number)]);
                }
                Encoder::Busy { .. } => actions.extend([
                    Action::Advance(number, Answer::Arrives),
                    Action::Advance(number, Answer::Lost),
                    Action::Beat(number),
                    Action::Release(number),
                    Action::Fail(number),
                    Action::Crash(number),
                ]),
            }
        }
        for job in 0..self.jobs {
            actions.extend([
                Action::LoseHint(job),
                Action::Lapse(job),
                Action::Resend(job),
                Action::Abandon(job),
                Action::Cancel(job),
            ]);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let now = state.now;
        let silence = TICK * 4;
        match action {
            Action::Tick => state.now += 1,
            Action::Claim(encoder, job) => {
                self.claim(&mut state, encoder, job);
            }
            Action::Look(encoder) => {
                if let Encoder::Busy { job, before, .. } = &mut state.encoders[encoder] {
                    *before = Before::Was(state.jobs[*job].output);
                }
            }
            Action::Advance(encoder, answer) => self.advance(&mut state, encoder, answer),
            Action::Beat(encoder) => {
                let beat = |token| Event::Beat {
                    token,
                    lease: LEASE,
                    progress: None,
                };
                if !self.report(&mut state, encoder, beat) {
                    state.encoders[encoder] = Encoder::Idle;
                }
            }
            Action::Release(encoder) => {
                let reason = String::new();
                self.report(&mut state, encoder, |token| Event::Release {
                    token,
                    reason: reason.clone(),
                });
                state.encoders[encoder] = Encoder::Idle;
            }
            Action::Fail(encoder) => {
                let error = JobError::new(Code::Unavailable, "try again");
                self.report(&mut state, encoder, |token| Event::Fail {
                    token,
                    error: error.clone(),
                });
                state.encoders[encoder] = Encoder::Idle;
            }
            Action::Crash(encoder) => state.encoders[encoder] = Encoder::Idle,
            Action::LoseHint(job) => state.jobs[job].hinted = false,
            Action::Lapse(job) => {
                self.apply(&mut state.jobs[job], Event::Lapse { margin: MARGIN }, now);
            }
            Action::Resend(job) => {
                self.apply(&mut state.jobs[job], Event::Resent, now);
            }
            Action::Abandon(job) => {
                self.apply(&mut state.jobs[job], Event::Abandon { silence }, now);
            }
            Action::Cancel(job) => {
                let record = &mut state.jobs[job];
                if record.state.ended() && self.flaw == Flaw::EndsAreNotFinal {
                    record.state = JobState::Canceled;
                }
                self.apply(record, Event::Cancel, now);
            }
        }
        (state != *last).then_some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.now <= self.ticks && state.jobs.iter().all(|job| job.epoch <= EPOCHS)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("ends once", |_, state: &State| {
                let same = |job: &Record| job.ended.is_none_or(|end| end == job.state.name());
                state.jobs.iter().all(same)
            }),
            Property::always("output of the attempt", |_, state: &State| {
                let own =
                    |job: &Record| job.state != JobState::Finished || job.output == Some(job.epoch);
                state.jobs.iter().all(own)
            }),
            Property::always("one holder per epoch", |_, state: &State| {
                let held = |encoder: &Encoder| match encoder {
                    Encoder::Idle => None,
                    Encoder::Busy { job, token, .. } => Some((*job, token.epoch)),
                };
                let mut held: Vec<_> = state.encoders.iter().filter_map(held).collect();
                let all = held.len();
                held.sort_unstable();
                held.dedup();
                held.len() == all
            }),
            Property::always("attempts are bounded", |_, state: &State| {
                state.jobs.iter().all(|job| job.charged <= ATTEMPTS)
            }),
            Property::sometimes("finishes", |_, state: &State| {
                reaches(state, StateName::Finished)
            }),
            Property::sometimes("fails", |_, state: &State| reaches(state, StateName::Error)),
            Property::sometimes("is abandoned", |_, state: &State| {
                reaches(state, StateName::Abandoned)
            }),
            Property::sometimes("is canceled", |_, state: &State| {
                reaches(state, StateName::Canceled)
            }),
        ]
    }
}

fn reaches(state: &State, name: StateName) -> bool {
    state.jobs.iter().all(|job| job.state.name() == name)
}
