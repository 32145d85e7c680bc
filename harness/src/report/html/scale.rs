//! Maps values to places on an axis, and chooses round numbers for its ticks.

use crate::measure::metric::Unit;
use harness_base::units::grouped;

/// How an axis spaces its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Equal distances are equal differences.
    Linear,
    /// Equal distances are equal ratios; for values above 0.
    Log,
}

/// The range of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    spread: Spread,
    low: f64,
    high: f64,
}

/// A unit that suits the size of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Readable {
    /// Values are divided by this.
    pub(crate) divisor: f64,
    pub(crate) unit: &'static str,
}

/// The most ticks of an axis.
const MOST_TICKS: usize = 6;

impl Scale {
    /// Spans from 0 to a little above the largest of `values`; to 1 if none is above 0.
    pub(crate) fn from_zero(values: impl IntoIterator<Item = f64>) -> Self {
        let high = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let high = if high > 0.0 { high * 1.06 } else { 1.0 };
        Self { spread: Spread::Linear, low: 0.0, high }
    }

    /// Spans from `low` to `high`.
    pub(crate) const fn between(low: f64, high: f64) -> Self {
        Self { spread: Spread::Linear, low, high }
    }

    /// Creates a logarithmic scale, a little wider than `values`; `None` if none is above 0.
    pub(crate) fn log(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let usable = values.into_iter().filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) = usable.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        (high > 0.0).then(|| Self { spread: Spread::Log, low: low / 1.15, high: high * 1.15 })
    }

    /// Maps a value to its position, from 0 at the low end to 1 at the high end; `None` if it is not on the scale.
    pub(crate) fn at(&self, value: f64) -> Option<f64> {
        let place = match self.spread {
            Spread::Linear => (value - self.low) / (self.high - self.low),
            Spread::Log if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            Spread::Log => return None,
        };
        place.is_finite().then(|| place.clamp(0.0, 1.0))
    }

    /// Returns round values on the axis with their text.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        match self.spread {
            Spread::Linear => self.even_ticks(),
            Spread::Log => self.log_ticks(),
        }
    }

    fn even_ticks(&self) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / (MOST_TICKS - 1) as f64;
        if !(rough > 0.0 && rough.is_finite()) {
            return Vec::new();
        }
        let step = round_step(rough);
        let decimals = decimals_of(step);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|n| (n as f64 * step, number(n as f64 * step, decimals))).collect()
    }

    /// Returns 1, 2, 3, 5 and 7 of every decade, or fewer if those are too many.
    fn log_ticks(&self) -> Vec<(f64, String)> {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let of = |mantissas: &'static [f64]| -> Vec<(f64, String)> {
            let all =
                decades.clone().flat_map(|decade| mantissas.iter().map(move |m| (m * 10_f64.powi(decade), decade)));
            let inside = all.filter(|(value, _)| (self.low..=self.high).contains(value));
            inside.map(|(value, decade)| (value, number(value, usize::try_from(-decade).unwrap_or(0)))).collect()
        };
        let candidates: [&'static [f64]; 3] = [&[1.0, 2.0, 3.0, 5.0, 7.0], &[1.0, 2.0, 5.0], &[1.0]];
        let fitting = candidates.into_iter().map(of).find(|ticks| ticks.len() <= MOST_TICKS);
        fitting.unwrap_or_else(|| of(&[1.0]))
    }
}

/// Rounds up to 1, 2 or 5 times a power of ten.
fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powi(rough.log10().floor() as i32);
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= rough * 0.999).unwrap_or(power * 10.0)
}

fn decimals_of(step: f64) -> usize {
    usize::try_from(-(step.log10() + 1e-9).floor() as i64).unwrap_or(0)
}

fn number(value: f64, decimals: usize) -> String {
    if decimals == 0 { grouped(value) } else { format!("{value:.decimals$}") }
}

impl Readable {
    /// Chooses a unit for spans up to `longest` nanoseconds.
    pub(crate) fn span(longest: f64) -> Self {
        match longest {
            ns if ns < 1e5 => Self { divisor: 1e3, unit: "µs" },
            ns if ns < 10e9 => Self { divisor: 1e6, unit: "ms" },
            _ => Self { divisor: 1e9, unit: "s" },
        }
    }

    /// Chooses a unit for sizes up to `largest` bytes.
    pub(crate) fn size(largest: f64) -> Self {
        match largest {
            bytes if bytes < 1_048_576.0 => Self { divisor: 1024.0, unit: "KiB" },
            bytes if bytes < 4.0 * 1_073_741_824.0 => Self { divisor: 1_048_576.0, unit: "MiB" },
            _ => Self { divisor: 1_073_741_824.0, unit: "GiB" },
        }
    }

    /// Keeps the unit of a metric.
    pub(crate) const fn plain(unit: Unit) -> Self {
        Self { divisor: 1.0, unit: unit.label() }
    }

    /// Formats a value with its unit, to three digits: `0.185 ms`.
    pub(crate) fn show(&self, value: f64) -> String {
        let value = value / self.divisor;
        let text = if value.abs() >= 999.5 { grouped(value) } else { harness_base::units::three_digits(value) };
        format!("{text} {}", self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(texts(&Scale::from_zero([0.337])), ["0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(texts(&Scale::from_zero([53_200.0])), ["0", "20,000", "40,000"]);
        assert_eq!(texts(&Scale::from_zero([0.0])), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        for exponent in -12..12 {
            for mantissa in [1.0, 1.7, 2.0, 3.3, 5.0, 9.9] {
                let value = mantissa * 10_f64.powi(exponent);
                let n = Scale::from_zero([value]).ticks().len();
                assert!((2..=MOST_TICKS + 1).contains(&n), "{value}: {n}");
            }
        }
    }

    #[test]
    fn logarithmic_ticks_fit_their_range() {
        assert_eq!(texts(&Scale::log([0.1, 1.0]).unwrap()), ["0.1", "0.2", "0.3", "0.5", "0.7", "1"]);
        assert_eq!(texts(&Scale::log([0.1, 5.0]).unwrap()), ["0.1", "0.2", "0.5", "1", "2", "5"]);
        assert_eq!(texts(&Scale::log([0.1, 10.0]).unwrap()), ["0.1", "1", "10"]);
        assert_eq!(texts(&Scale::log([0.001, 1000.0]).unwrap()).first().map(String::as_str), Some("0.001"));
        assert_eq!(Scale::log([0.0, -1.0, f64::NAN]), None);
    }

    #[test]
    fn every_value_has_a_place_or_none() {
        let scale = Scale::log([1.0, 100.0]).unwrap();
        assert!(scale.at(10.0).is_some_and(|place| (place - 0.5).abs() < 1e-9));
        assert_eq!(scale.at(0.0), None);
        assert_eq!(Scale::from_zero([1.0]).at(f64::NAN), None);
        assert_eq!(Scale::from_zero([1.0]).at(99.0), Some(1.0));
        assert_eq!(Scale::between(1.0, 1.0).at(1.0), None);
    }
}
