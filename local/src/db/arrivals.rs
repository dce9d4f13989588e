//! What the writer remembers of jobs that came together and are not where they belong yet. The jobs themselves are on disk.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a job waits for others at most. Encoders do not see it before it is settled.
const SETTLE_AFTER: Duration = Duration::from_millis(100);

/// Most jobs that are settled at once. Bounds how long other writes wait.
const MOST: usize = 256;

/// Pause before the next try after the disk was full, or another process held the database too long.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Jobs that are not settled.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    names: HashSet<String>,
    jobs: usize,
    due: Option<Instant>,
    any: Arc<AtomicBool>,
}

impl Arrivals {
    /// With what says to readers whether there are any.
    pub(super) fn new(any: Arc<AtomicBool>) -> Self {
        Self {
            any,
            ..Self::default()
        }
    }

    /// Takes names that no other arrival may have; whether none was taken. What was taken in vain is given back when all is settled.
    pub(crate) fn claim<'a>(&mut self, mut names: impl Iterator<Item = &'a str>) -> bool {
        names.all(|name| self.names.insert(name.to_owned()))
    }

    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        self.due.is_some()
    }

    /// How long until they are to be settled, if there are any.
    pub(super) fn due_in(&self) -> Option<Duration> {
        self.due
            .map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Whether so many more may be put with them. What comes alone is not worth the detour.
    pub(super) fn may_grow(&self, by: usize) -> bool {
        let due = self.due_in().is_some_and(|wait| wait.is_zero());
        by > 0 && (by > 1 || self.any()) && !due && self.jobs < MOST
    }

    /// So many more are on disk.
    pub(super) fn grown(&mut self, by: usize) {
        self.jobs += by;
        self.due
            .get_or_insert_with(|| Instant::now() + SETTLE_AFTER);
        self.any.store(true, Ordering::Release);
    }

    /// All are where they belong.
    pub(super) fn settled(&mut self) {
        self.names.clear();
        self.jobs = 0;
        self.due = None;
        self.any.store(false, Ordering::Release);
    }

    /// They could not be settled now.
    pub(super) fn put_off(&mut self) {
        self.due = self.due.map(|_| Instant::now() + TRY_AGAIN);
    }
}
