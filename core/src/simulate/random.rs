//! A small seeded generator (`SplitMix64`, Steele, Lea and Flood 2014) and the distributions the simulator draws from.
//!
//! For simulation only: it is neither secret nor meant to be.

use std::f64::consts::TAU;

/// A stream of pseudo-random numbers; equal seeds give equal streams.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts the stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits. The constants are those of the published algorithm.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1), in steps of 2^-32.
    pub fn unit(&mut self) -> f64 {
        let high = u32::try_from(self.bits() >> 32).expect("a shift by 32 leaves 32 bits");
        f64::from(high) / 4_294_967_296.0
    }

    /// Uniform among the first `len` indices; `len` is at least one.
    pub fn below(&mut self, len: usize) -> usize {
        let len = u64::try_from(len).expect("a length has at most 64 bits");
        usize::try_from(self.bits() % len.max(1)).expect("below a length that was a usize")
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Log-normal with this median, and sigma of the logarithm.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        // Box and Muller's transform; 1 - u is never zero.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (TAU * self.unit()).cos();
        median * (sigma * normal).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_the_published_algorithm() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.bits(), 6_457_827_717_110_365_317);
        assert_eq!(random.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn distributions_have_the_means_they_claim() {
        let mut random = Random::new(7);
        let draws = 20_000;
        let mean = |draw: &mut dyn FnMut() -> f64| {
            (0..draws).map(|_| draw()).sum::<f64>() / f64::from(draws)
        };
        let exponential = mean(&mut || random.exponential(50.0));
        assert!((exponential - 50.0).abs() < 2.0, "{exponential}");
        // The mean of a log-normal is its median times exp(sigma^2 / 2).
        let log_normal = mean(&mut || random.log_normal(100.0, 0.5));
        assert!((log_normal - 113.3).abs() < 2.0, "{log_normal}");
    }
}
