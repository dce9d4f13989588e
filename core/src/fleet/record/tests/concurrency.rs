//! Many runs of scale at once, interleaved step by step, with stale listings, lost answers and crashes.

use proptest::prelude::*;

use super::*;

/// Jobs that wait all the time: every run wants to launch as many as it may.
const BACKLOG: usize = 100;

const MAX: u32 = 4;

/// A cloud in which a token launches one instance, however often it is sent.
#[derive(Debug, Default)]
struct Cloud {
    instances: Vec<Instance>,
}

#[derive(Debug)]
struct Instance {
    token: String,
    alive: bool,
    launched: Timestamp,
    changed: Timestamp,
    reported: bool,
}

impl Cloud {
    fn alive(&self) -> u32 {
        count(
            self.instances
                .iter()
                .filter(|instance| instance.alive)
                .count(),
        )
    }

    fn launch(&mut self, token: &str, now: Timestamp) -> InstanceId {
        let known = self
            .instances
            .iter()
            .position(|instance| instance.token == token);
        let index = known.unwrap_or_else(|| {
            self.instances.push(Instance {
                token: token.to_owned(),
                alive: true,
                launched: now,
                changed: now,
                reported: false,
            });
            self.instances.len() - 1
        });
        id(&format!("i-{index}"))
    }

    /// A stale listing misses new instances and shows recent ends as alive.
    fn list(&self, stale: bool, now: Timestamp) -> Vec<SeenInstance> {
        let settled = |then| has_passed(then, LISTING_GRACE, now);
        let instances = self.instances.iter().enumerate();
        instances
            .filter(|(_, instance)| !stale || settled(instance.launched))
            .map(|(index, instance)| SeenInstance {
                id: id(&format!("i-{index}")),
                token: Some(instance.token.clone()),
                alive: instance.alive || (stale && !settled(instance.changed)),
                reported: instance.reported,
            })
            .collect()
    }
}

/// What a run of scale has in hand between two steps.
#[derive(Debug, Clone, Default)]
enum Run {
    #[default]
    Idle,
    /// It read the record and the listing.
    Read {
        at: Timestamp,
        record: Box<FleetRecord>,
        listing: Vec<SeenInstance>,
    },
    /// It wrote its reservations, and these are still to be launched.
    Launching { at: Timestamp, tokens: Vec<String> },
    /// The cloud answered, and the record does not know yet.
    Answered {
        at: Timestamp,
        tokens: Vec<String>,
        token: String,
        answer: Option<InstanceId>,
    },
}

#[derive(Debug, Clone, Copy)]
enum Action {
    /// A run takes its next step; the listing it reads may be stale, the launch it asks for may be refused.
    Step {
        run: usize,
        stale: bool,
        refused: bool,
    },
    Crash(usize),
    Wait(u64),
    /// An instance ends by itself.
    End(usize),
    Report(usize),
}

#[derive(Debug)]
struct World {
    store: FleetRecord,
    cloud: Cloud,
    runs: Vec<Run>,
    now: Timestamp,
}

impl World {
    fn new(runs: usize) -> Self {
        Self {
            store: proven(),
            cloud: Cloud::default(),
            runs: vec![Run::Idle; runs],
            now: NOW,
        }
    }

    /// A write that reads the record afresh and tries until it succeeds.
    fn update(&mut self, change: impl FnOnce(&mut FleetRecord)) {
        change(&mut self.store);
        self.store.version += 1;
    }

    fn step(&mut self, index: usize, stale: bool, refused: bool) {
        self.runs[index] = match std::mem::take(&mut self.runs[index]) {
            Run::Idle => Run::Read {
                at: self.now,
                record: Box::new(self.store.clone()),
                listing: self.cloud.list(stale, self.now),
            },
            Run::Read {
                at,
                record,
                listing,
            } => self.reserve(at, *record, &listing),
            Run::Launching { at, mut tokens } => match tokens.pop() {
                Some(token) => {
                    let answer = (!refused).then(|| self.cloud.launch(&token, self.now));
                    Run::Answered {
                        at,
                        tokens,
                        token,
                        answer,
                    }
                }
                None => Run::Idle,
            },
            Run::Answered {
                at,
                tokens,
                token,
                answer,
            } => {
                let now = self.now;
                self.update(|record| match answer {
                    Some(instance) => drop(record.launched(&token, &instance, now)),
                    None => record.refused(&token, "no capacity", now),
                });
                Run::Launching { at, tokens }
            }
        };
    }

    /// Plans on what was read, and writes if nobody else has written since.
    fn reserve(&mut self, at: Timestamp, mut record: FleetRecord, listing: &[SeenInstance]) -> Run {
        record.reconcile(listing, at);
        let overdue = record.overdue(at);
        let plan = plan_scale(&observe(&record, BACKLOG, at), &settings(MAX), at);
        let new = record.reserve(&plan, &settings(MAX), at);
        if record.version != self.store.version {
            return Run::Idle;
        }
        record.version += 1;
        self.store = record;
        Run::Launching {
            at,
            tokens: overdue
                .into_iter()
                .chain(new)
                .map(|place| place.token)
                .collect(),
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Step {
                run,
                stale,
                refused,
            } => self.step(run, stale, refused),
            Action::Crash(run) => self.runs[run] = Run::Idle,
            Action::Wait(secs) => self.wait(secs),
            Action::End(index) => {
                if let Some(instance) = self.cloud.instances.get_mut(index) {
                    instance.alive = false;
                    instance.changed = self.now;
                }
            }
            Action::Report(index) => {
                if let Some(instance) = self.cloud.instances.get_mut(index) {
                    instance.reported = instance.reported || instance.alive;
                }
            }
        }
    }

    /// Time passes, and runs that took too long are cut off by their host.
    fn wait(&mut self, secs: u64) {
        self.now += Duration::from_secs(secs);
        let now = self.now;
        for run in &mut self.runs {
            let started = match run {
                Run::Idle => continue,
                Run::Read { at, .. } | Run::Launching { at, .. } | Run::Answered { at, .. } => *at,
            };
            if has_passed(started, RESERVATION_PATIENCE, now) {
                *run = Run::Idle;
            }
        }
    }
}

fn any_action(runs: usize) -> impl Strategy<Value = Action> {
    prop_oneof![
        12 => (0..runs, any::<bool>(), proptest::bool::weighted(0.1))
            .prop_map(|(run, stale, refused)| Action::Step { run, stale, refused }),
        1 => (0..runs).prop_map(Action::Crash),
        3 => (1_u64..400).prop_map(Action::Wait),
        1 => (0_usize..12).prop_map(Action::End),
        2 => (0_usize..12).prop_map(Action::Report),
    ]
}

#[test]
fn twenty_runs_at_once_launch_up_to_the_maximum_and_no_more() {
    let mut world = World::new(20);
    for round in 0..40 {
        for run in 0..20 {
            world.step(run, round % 2 == 0, false);
            assert!(world.cloud.alive() <= MAX);
        }
    }
    assert_eq!(world.cloud.instances.len(), MAX as usize);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_interleaving_of_runs_exceeds_the_maximum(
        actions in proptest::collection::vec(any_action(5), 1..160),
    ) {
        let mut world = World::new(5);
        for action in actions {
            world.act(action);
            let alive = world.cloud.alive();
            prop_assert!(alive <= MAX, "{alive} alive after {action:?}: {:?}", world.store);
        }
    }

    #[test]
    fn whatever_happened_the_fleet_fills_up_again(
        actions in proptest::collection::vec(any_action(3), 1..80),
    ) {
        let mut world = World::new(3);
        for action in actions {
            world.act(action);
        }
        // Hours of undisturbed runs, in which instances report and stay.
        for _ in 0..30 {
            world.wait(600);
            for step in 0..20 {
                world.step(step % 3, false, false);
            }
            for index in 0..world.cloud.instances.len() {
                world.act(Action::Report(index));
            }
        }
        prop_assert_eq!(world.cloud.alive(), MAX, "{:?}", world.store);
    }
}
