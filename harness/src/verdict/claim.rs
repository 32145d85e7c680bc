//! Reads `[targets]`: claims about metrics.

use crate::measure::metric::{self, Better, METRICS, Metric, Unit};
use crate::spec::Section;
use harness_base::units::{Bytes, Nanos, Rate, Ratio};
use harness_base::words::nearest;

/// One claim, for example `"overhead/latency_p50" = { limit = "< 2ms" }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Id of the metric, with `@stage` where needed.
    pub metric: String,
    /// The bound, in the unit of the metric.
    pub bound: f64,
    /// Whether the value must be below the bound (else above).
    pub below: bool,
    /// Whether a miss sets exit code 3.
    pub required: bool,
    /// The age of the target up to which it holds; absent for the ages that were observed.
    pub age: Option<Nanos>,
}

impl Claim {
    /// Reads the claim about the metric `id`; `None` for a metric that does not exist.
    pub fn read(id: &str, section: &Section<'_>) -> Option<Self> {
        let metric = metric::find(id);
        let limit: String = section.field("limit", "the bound with its unit, for example \"< 2ms\"").required();
        let required = section.field("required", "a miss sets exit code 3").default(false);
        let about =
            "latencies: age of the target up to which the claim holds; it is undecided if the run did not observe it";
        let age: Option<Nanos> = section.field("age", about).optional();
        let Some(metric) = metric else {
            if !section.describing() {
                section.mistake("", format!("unknown metric {id}"), Some(near_metric(id)));
            }
            return None;
        };
        match parse_limit(&limit, metric) {
            Ok(bound) => {
                Some(Self { metric: id.to_owned(), bound, below: metric.better == Better::Lower, required, age })
            }
            Err(message) => {
                if section.has("limit") {
                    section.mistake("limit", message, None);
                }
                None
            }
        }
    }

    /// Returns whether a stage of this name can measure it: the part after `@` of its id, or a kind of stage of the metric.
    pub fn is_of(&self, stage: &str) -> bool {
        match self.metric.split_once('@') {
            Some((_, named)) => named == stage,
            None => metric::rows(&self.metric).any(|row| row.stage.name() == stage),
        }
    }

    /// Returns the name of the stage that measures it: the part after `@` of its id, else the first kind
    /// of stage that has the metric.
    pub fn stage(&self) -> &str {
        let named = self.metric.split_once('@').map(|(_, stage)| stage);
        named.or_else(|| metric::find(&self.metric).map(|row| row.stage.name())).unwrap_or_default()
    }
}

fn near_metric(id: &str) -> String {
    let (bare, stage) = id.split_once('@').map_or((id, None), |(bare, stage)| (bare, Some(stage)));
    nearest(bare, METRICS.iter().map(|metric| metric.id)).map_or_else(
        || "the ids are listed in harness/docs/metrics.md".to_owned(),
        |near| format!("did you mean {near}{}?", stage.map_or_else(String::new, |stage| format!("@{stage}"))),
    )
}

/// Parses a limit such as `< 2ms` into the unit of the metric.
fn parse_limit(limit: &str, metric: &Metric) -> Result<f64, String> {
    let (sign, direction) = match metric.better {
        Better::Lower => ('<', "lower"),
        Better::Higher => ('>', "higher"),
    };
    let text = limit.trim();
    let example = format!("write \"{sign} {}\"", example(metric.unit));
    if !text.starts_with(['<', '>']) || text[1..].starts_with('=') {
        return Err(format!("{limit:?} must start with {sign}; {example}"));
    }
    if !text.starts_with(sign) {
        return Err(format!("{limit:?} points the wrong way: {direction} {} is better; {example}", metric.id));
    }
    parse_value(text[1..].trim(), metric.unit).map_err(|message| format!("{message}; {example}"))
}

/// Parses a value with its unit into a number in `unit`.
pub(super) fn parse_value(text: &str, unit: Unit) -> Result<f64, String> {
    let parsed = match unit {
        Unit::Bytes => Bytes::parse(text).map(|size| size.0 as f64),
        Unit::Millis => Nanos::parse(text).map(Nanos::as_millis_f64),
        Unit::Micros => Nanos::parse(text).map(|span| span.0 as f64 / 1e3),
        Unit::Percent => Ratio::parse(text).map(Ratio::percent),
        Unit::Count => match text.parse::<u64>() {
            Ok(count) => Ok(count as f64),
            Err(_) => return Err(format!("{text:?} is not a whole number")),
        },
        Unit::MegabytesPerSecond => {
            let bytes = text.strip_suffix("/s").map(str::trim_end).unwrap_or(text);
            Bytes::parse(bytes).map(|size| size.0 as f64 / 1e6)
        }
        Unit::PerSecond | Unit::ConnectionsPerSecond => {
            let number = text.strip_suffix(unit.label()).map_or(text, str::trim).replace('_', "");
            match number.parse::<f64>() {
                Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
                _ => Rate::parse(text).map(|rate| rate.0),
            }
        }
    };
    parsed.map_err(|error| error.to_string())
}

/// Returns an example of a value of this unit.
pub(super) const fn example(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "20MB",
        Unit::Millis => "2ms",
        Unit::Micros => "150us",
        Unit::Percent => "10%",
        Unit::PerSecond | Unit::ConnectionsPerSecond => "10000/s",
        Unit::MegabytesPerSecond => "100MB/s",
        Unit::Count => "6",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(id: &str, limit: &str) -> Result<f64, String> {
        parse_limit(limit, metric::find(id).unwrap())
    }

    #[test]
    fn a_limit_is_read_in_the_unit_of_its_metric() {
        assert_eq!(bound("overhead/latency_p50", "< 2ms"), Ok(2.0));
        assert_eq!(bound("overhead/latency_p50", "<800us"), Ok(0.8));
        assert_eq!(bound("cpu/us_per_request", "< 0.2ms"), Ok(200.0));
        assert_eq!(bound("memory/idle_rss", "< 20MB"), Ok(20e6));
        assert_eq!(bound("binary/size", "< 15MiB"), Ok(15_728_640.0));
        assert_eq!(bound("cpu/idle_percent", "< 1%"), Ok(1.0));
        assert_eq!(bound("binary/docker_image_compressed", "< 10 MB"), Ok(10e6));
        assert_eq!(bound("binary/docker_layers", "< 6"), Ok(6.0));
        for text in ["> 10000/s", "> 10_000 req/s", "> 10000", "> 600000/m"] {
            assert_eq!(bound("throughput/rps_10vu", text), Ok(10_000.0), "{text}");
        }
    }

    #[test]
    fn a_limit_of_another_unit_or_direction_is_refused() {
        for (id, limit, reason) in [
            ("overhead/latency_p50", "< 2MB", "is not a duration"),
            ("overhead/latency_p50", "> 2ms", "points the wrong way: lower"),
            ("throughput/rps_10vu", "< 10/s", "points the wrong way: higher"),
            ("throughput/rps_10vu", "> 10ms", "is not a rate"),
            ("memory/idle_rss", "20MB", "must start with <"),
            ("memory/idle_rss", "<= 20MB", "must start with <"),
            ("cpu/idle_percent", "< 0.01", "is not a share"),
            ("binary/docker_layers", "< 5.5", "is not a whole number"),
            ("cpu/idle_percent", "", "must start with <"),
        ] {
            let message = bound(id, limit).err().unwrap_or_default();
            assert!(message.contains(reason), "{id} {limit}: {message}");
        }
    }
}
