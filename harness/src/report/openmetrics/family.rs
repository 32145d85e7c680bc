//! Derives the name of a metric in OpenMetrics: `overhead/latency_p50` in ms becomes
//! `harness_overhead_latency_seconds{quantile="0.5"}`.

use crate::measure::metric::{Unit, bare};
use crate::verdict::judgement::Measured;

/// All samples of one name.
#[derive(Debug)]
pub(super) struct Family {
    /// The name, ending in the unit.
    pub(super) name: String,
    /// Factor from the value of the metric to the base unit.
    pub(super) scale: f64,
    pub(super) samples: Vec<(String, f64)>,
    unit: Option<&'static str>,
    help: String,
}

impl Family {
    pub(super) fn written(&self) -> String {
        let Self { name, help, .. } = self;
        let unit = self.unit.map(|unit| format!("# UNIT {name} {unit}\n")).unwrap_or_default();
        let samples: String =
            self.samples.iter().map(|(labels, value)| format!("{name}{{{labels}}} {}\n", written(*value))).collect();
        format!("# TYPE {name} gauge\n{unit}# HELP {name} {help}\n{samples}")
    }
}

/// Returns the family of a metric, without samples, and the labels that distinguish the metric within the family.
pub(super) fn named(metric: &Measured, help: &str) -> (Family, Vec<(&'static str, String)>) {
    let (unit, scale) = base(metric.unit);
    let mut labels = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for word in bare(&metric.id).split(['/', '_']) {
        if let Some(quantile) = quantile(word) {
            labels.push(("quantile", quantile));
        } else if let Some(users) = word.strip_suffix("vu").filter(|users| users.parse::<u64>().is_ok()) {
            labels.push(("users", users.to_owned()));
        } else if !is_unit(word) {
            words.push(word);
        }
    }
    words.extend(unit);
    let name = format!("harness_{}", words.join("_").replace(|letter: char| !letter.is_ascii_alphanumeric(), "_"));
    (Family { name, scale, samples: Vec::new(), unit, help: escaped(help) }, labels)
}

/// Returns the base unit, and the factor from the unit of the metric to it.
const fn base(unit: Unit) -> (Option<&'static str>, f64) {
    match unit {
        Unit::Bytes => (Some("bytes"), 1.0),
        Unit::Millis => (Some("seconds"), 1e-3),
        Unit::Micros => (Some("seconds"), 1e-6),
        Unit::Percent => (Some("ratio"), 1e-2),
        Unit::MegabytesPerSecond => (Some("bytes_per_second"), 1e6),
        Unit::PerSecond => (Some("requests_per_second"), 1.0),
        // The names of these end in it.
        Unit::ConnectionsPerSecond | Unit::Count => (None, 1.0),
    }
}

/// Converts `p99` to `0.99`.
fn quantile(word: &str) -> Option<String> {
    let digits = word.strip_prefix('p').filter(|digits| !digits.is_empty())?;
    let whole: u32 = digits.parse().ok()?;
    // The digits of p50 and p999 are decimals.
    let value = f64::from(whole) / 10_f64.powi(i32::try_from(digits.len()).ok()?);
    Some(value.to_string())
}

/// Returns whether a word of an id is a unit, which OpenMetrics puts at the end of the name.
fn is_unit(word: &str) -> bool {
    matches!(word, "percent" | "us" | "rps")
}

/// Escapes a help text, which is one line.
fn escaped(help: &str) -> String {
    help.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ")
}

/// Formats nine digits, because rounding noise of a product beyond them would make equal values differ.
fn written(value: f64) -> String {
    let rounded: f64 = format!("{value:.8e}").parse().unwrap_or(value);
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_values_are_written_exactly() {
        assert_eq!(quantile("p50").as_deref(), Some("0.5"));
        assert_eq!(quantile("p999").as_deref(), Some("0.999"));
        assert_eq!(quantile("pss"), None);
        assert_eq!(written(0.297 * 1e-3), "0.000297");
        assert_eq!(written(0.1 + 0.2), "0.3");
    }
}
