//! Which of the two job queues a job waits in. Encoders look into the bulk queue only when the other gives them nothing.

/// Priorities that a job may ask for. Those below zero wait in the bulk queue.
pub const PRIORITIES: std::ops::RangeInclusive<i8> = -50..=50;

/// One of the two job queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lane {
    /// For what somebody waits for.
    #[default]
    Default,
    /// For what may wait until nothing else does.
    Bulk,
}

impl Lane {
    /// The queue for this priority.
    pub fn of(priority: i8) -> Self {
        if priority < 0 {
            Self::Bulk
        } else {
            Self::Default
        }
    }
}
