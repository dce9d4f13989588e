//! What goes wrong in one run: drawn from its seed, a different mixture for each.
//!
//! Rates are probabilities per call of a port, unless they say otherwise. Each kind is off in half of the runs, so that rare
//! combinations are met without the others drowning them.

use std::time::Duration;

use nommer_core::simulate::Random;

/// The mixture of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// A call fails before it has any effect.
    pub error: f64,
    /// A call has its effect and its answer is lost.
    pub lost: f64,
    /// A call takes 20 to 300 s.
    pub hang: f64,
    /// The process dies, right before or right after the effect.
    pub crash: f64,
    /// The process stands still for 10 to 400 s and then goes on as if nothing had happened.
    pub freeze: f64,
    /// Most milliseconds that a call takes.
    pub latency: u32,
    /// A queue loses a message that it accepted.
    pub drop: f64,
    /// A queue delivers a message once more.
    pub duplicate: f64,
    /// Most seconds by which a message is late.
    pub delay: u32,
    /// A listing is up to 30 s old.
    pub stale: f64,
    /// Most milliseconds that an encoder's clock is off.
    pub skew: u32,
    /// A clock jumps, per call.
    pub jump: f64,
    /// An instance never comes up, per launch.
    pub stillborn: f64,
    /// A launch is refused.
    pub refused: f64,
    /// Most seconds that the listing of instances lags: less than a boot takes. Scale takes an instance that has reported and is
    /// not listed for gone.
    pub lag: u32,
    /// An instance is taken away after a notice, per instance.
    pub notice: f64,
    /// An instance is taken away without one, per instance.
    pub vanish: f64,
    /// A schedule skips a run, or runs twice at once.
    pub schedule: f64,
    /// A receiver does not answer with success.
    pub receiver: f64,
    /// When all of this ends.
    pub until: Duration,
}

impl Faults {
    /// The mixture of a seed.
    pub fn draw(random: &mut Random) -> Self {
        let until = Duration::from_secs(60 + whole(random, 2_400));
        if random.unit() < 0.1 {
            return Self::gentle(random, until);
        }
        Self {
            error: some(random, 0.1),
            lost: some(random, 0.1),
            hang: some(random, 0.01),
            crash: some(random, 0.02),
            freeze: some(random, 0.01),
            latency: limit(random, 5_000),
            drop: some(random, 0.5),
            duplicate: some(random, 0.3),
            delay: limit(random, 120),
            stale: some(random, 0.5),
            skew: skew(random),
            jump: some(random, 0.002),
            stillborn: some(random, 0.3),
            refused: some(random, 0.3),
            lag: limit(random, 20),
            notice: some(random, 0.3),
            vanish: some(random, 0.3),
            schedule: some(random, 0.3),
            receiver: some(random, 0.5),
            until,
        }
    }

    /// Only what a healthy system meets every day: messages twice, late and out of order, stale listings, concurrent runs.
    /// In such a run no attempt may be wasted.
    fn gentle(random: &mut Random, until: Duration) -> Self {
        Self {
            latency: limit(random, 500),
            duplicate: some(random, 0.5),
            delay: limit(random, 60),
            stale: some(random, 0.5),
            lag: limit(random, 20),
            schedule: some(random, 0.3),
            receiver: some(random, 0.5),
            until,
            ..Self::default()
        }
    }

    /// Whether nothing happens that may cost an attempt.
    pub fn is_gentle(&self) -> bool {
        let costly = [
            self.error,
            self.lost,
            self.hang,
            self.crash,
            self.freeze,
            self.jump,
            self.notice,
            self.vanish,
            self.drop,
        ];
        costly.iter().all(|rate| *rate == 0.0) && self.skew == 0 && self.latency <= 500
    }
}

/// A rate up to `most`, or none at all.
fn some(random: &mut Random, most: f64) -> f64 {
    if random.unit() < 0.5 {
        return 0.0;
    }
    random.unit() * most
}

/// A limit up to `most`, or none at all.
fn limit(random: &mut Random, most: u32) -> u32 {
    if random.unit() < 0.5 {
        return 0;
    }
    u32::try_from(whole(random, most.into())).unwrap_or(most)
}

/// Mostly within what the margin covers, sometimes far beyond.
fn skew(random: &mut Random) -> u32 {
    match random.below(4) {
        0 => 10_000,
        1 => 600_000,
        _ => 0,
    }
}

/// A whole number below `most`.
pub(crate) fn whole(random: &mut Random, most: u64) -> u64 {
    random.bits() % most.max(1)
}
