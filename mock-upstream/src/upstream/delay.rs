//! Delays of answers, constant or drawn from a distribution.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::flags::{FlagError, parse_duration};

/// The longest delay: the tail of a Pareto distribution can reach hours.
const CAP: Duration = Duration::from_secs(60);

/// The delay of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always the same; zero uses no timer.
    Constant(Duration),
    Uniform {
        low: Duration,
        high: Duration,
    },
    /// `median · exp(sigma · z)`, z standard normal.
    LogNormal {
        median: Duration,
        /// Standard deviation of their natural logarithm.
        sigma: f64,
    },
    /// `minimum · u^(−1/alpha)`, u uniform in (0, 1]; median `minimum · 2^(1/alpha)`.
    Pareto {
        minimum: Duration,
        /// Tail index; smaller is heavier.
        alpha: f64,
    },
}

/// The reason why a text is not a distribution of delays.
#[derive(Debug, thiserror::Error)]
pub enum DelayError {
    #[error(transparent)]
    Duration(#[from] FlagError),
    #[error("uniform needs LOW below HIGH, and this is {0}")]
    Order(String),
    #[error("{name} must be a number above 0, and is `{text}`")]
    NotPositive { name: &'static str, text: String },
    #[error("`{0}` is not a distribution; write uniform:1ms:5ms, lognormal:5ms:0.5 or pareto:1ms:2")]
    Unknown(String),
}

impl FromStr for Delay {
    type Err = DelayError;

    fn from_str(text: &str) -> Result<Self, DelayError> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["uniform", low, high] => {
                let (low, high) = (parse_duration(low)?, parse_duration(high)?);
                if low >= high {
                    return Err(DelayError::Order(text.to_owned()));
                }
                Ok(Self::Uniform { low, high })
            }
            ["lognormal", median, sigma] => {
                Ok(Self::LogNormal { median: parse_duration(median)?, sigma: positive("SIGMA", sigma)? })
            }
            ["pareto", minimum, alpha] => {
                Ok(Self::Pareto { minimum: parse_duration(minimum)?, alpha: positive("ALPHA", alpha)? })
            }
            _ => Err(DelayError::Unknown(text.to_owned())),
        }
    }
}

fn positive(name: &'static str, text: &str) -> Result<f64, DelayError> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(DelayError::NotPositive { name, text: text.to_owned() }),
    }
}

/// Draws delays. The same seed gives the same sequence.
#[derive(Debug)]
pub struct Sampler {
    delay: Delay,
    rng: Mutex<ChaCha8Rng>,
}

impl Sampler {
    #[must_use]
    pub fn new(delay: Delay, seed: u64) -> Self {
        Self { delay, rng: Mutex::new(ChaCha8Rng::seed_from_u64(seed)) }
    }

    /// Draws the next delay, at most 60 s.
    pub fn draw(&self) -> Duration {
        let drawn = match self.delay {
            Delay::Constant(delay) => delay,
            Delay::Uniform { low, high } => low + (high - low).mul_f64(self.unit()),
            Delay::LogNormal { median, sigma } => scale(median, (sigma * self.normal()).exp()),
            Delay::Pareto { minimum, alpha } => scale(minimum, (1.0 - self.unit()).powf(-1.0 / alpha)),
        };
        drawn.min(CAP)
    }

    /// Draws from the uniform distribution on [0, 1).
    fn unit(&self) -> f64 {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        rng.random()
    }

    /// Draws from the standard normal distribution by the method of Box and Muller.
    fn normal(&self) -> f64 {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let (a, b): (f64, f64) = rng.random();
        (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}

fn scale(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted_draws(text: &str, seed: u64) -> Vec<Duration> {
        let sampler = Sampler::new(text.parse().unwrap(), seed);
        let mut draws: Vec<_> = (0..10_000).map(|_| sampler.draw()).collect();
        draws.sort_unstable();
        draws
    }

    fn assert_quantile(draws: &[Duration], q: f64, expected_us: f64) {
        let got = draws[(draws.len() as f64 * q) as usize].as_secs_f64() * 1e6;
        let off = (got / expected_us - 1.0).abs();
        assert!(off < 0.04, "quantile {q}: {got:.1} µs, expected {expected_us} µs");
    }

    #[test]
    fn quantiles_are_those_of_the_distribution() {
        let uniform = sorted_draws("uniform:1ms:5ms", 1);
        assert_quantile(&uniform, 0.5, 3000.0);
        assert!(uniform[0] >= Duration::from_millis(1));
        assert!(uniform[9_999] < Duration::from_millis(5));

        // z at 0.9 is 1.28155, so the quantile is 5 ms · e^(0.5 · 1.28155).
        let lognormal = sorted_draws("lognormal:5ms:0.5", 1);
        assert_quantile(&lognormal, 0.5, 5000.0);
        assert_quantile(&lognormal, 0.9, 5000.0 * (0.5_f64 * 1.281_55).exp());

        let pareto = sorted_draws("pareto:1ms:2", 1);
        assert_quantile(&pareto, 0.5, 1000.0 * 2_f64.sqrt());
        assert_quantile(&pareto, 0.9, 1000.0 * 10_f64.sqrt());
        assert!(pareto[0] >= Duration::from_millis(1));
    }

    #[test]
    fn a_seed_is_a_sequence() {
        let text = "lognormal:5ms:0.5";
        assert_eq!(sorted_draws(text, 7), sorted_draws(text, 7));
        assert_ne!(sorted_draws(text, 7), sorted_draws(text, 8));
    }

    #[test]
    fn no_draw_exceeds_the_cap() {
        let draws = sorted_draws("pareto:10s:0.1", 3);
        assert_eq!(draws[9_999], CAP);
    }

    #[test]
    fn a_wrong_distribution_says_what_to_write() {
        let error = |text: &str| text.parse::<Delay>().unwrap_err().to_string();
        assert!(error("gauss:1ms:2").contains("lognormal:5ms:0.5"));
        assert!(error("uniform:5ms:1ms").contains("LOW below HIGH"));
        assert!(error("pareto:1ms:0").contains("ALPHA"));
        assert!(error("lognormal:5:0.5").contains("units: ns"));
    }
}
