//! Defines the calibration of a host: its resolution and the ceilings of generator and upstream. It is stored in a file
//! of the user, copied into the record of every run, and used only on the host that it describes.

use serde::{Deserialize, Serialize};

use harness_base::units::Rate;
use harness_load::latency::Quantiles;
use harness_rig::host::{HostFacts, ToolFacts};

/// Layout version of [`Calibration`]; a reader refuses a higher one.
pub const SCHEMA_VERSION: u32 = 2;

/// The results of one calibration. Values that could not be measured are omitted, with the reason in
/// [`Calibration::absent`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// See [`SCHEMA_VERSION`].
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = SCHEMA_VERSION)))]
    pub schema_version: u32,
    pub run_id: String,
    /// Start of the calibration: RFC 3339, UTC.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Utc"))]
    pub taken_at: String,
    /// Wall-clock length in nanoseconds.
    pub took_ns: u64,
    /// Whether `--quick` was given.
    pub quick: bool,
    /// Changes of the calibration scenario, as `KEY=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    pub tool: ToolFacts,
    pub host: HostFacts,
    /// Properties of the host that must match for the calibration to apply.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub fingerprint: String,
    /// The difference between two measurements of the same thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_floor: Option<NoiseFloor>,
    /// How much fresh instances of the bundled sidecar differ, and the resolution that follows from it. Absent in calibrations of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<InstanceScatter>,
    /// Rate of generator and upstream without a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Ceiling>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampler: Option<SamplerCost>,
    /// Pacer lags, slowest rate first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pacer: Vec<PacerLag>,
    /// Parts that could not be measured.
    pub absent: Vec<AbsentPart>,
}

/// Name of the part about the difference between two equal arms.
pub const NOISE_FLOOR: &str = "noise floor";

/// Name of the part about the differences between instances.
pub const INSTANCES: &str = "scatter between instances";

/// A number with its interval; its unit is in the name of the field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Median of the rounds or launches.
    pub point: f64,
    /// Lower and upper end of its interval; absent if there are too few values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<[f64; 2]>,
    /// Number of rounds or launches.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub n: u64,
}

/// Direct against direct at the same arrival rate: the true overhead is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NoiseFloor {
    /// Arrival rate on either arm.
    #[serde(rename = "rate_per_second")]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub rate: Rate,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub connections: u64,
    /// Measured part of a trial in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub window_ns: u64,
    /// Time from the start of a round to that of the next one, in nanoseconds: both arms with warm-up, window and
    /// drain.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub round_ns: u64,
    /// Response time of one of the arms, quantile 0.5, in nanoseconds.
    pub p50_ns: Figure,
    /// p50 of one arm − p50 of the other, of the same round, in nanoseconds.
    pub difference_ns: Figure,
    /// Standard deviation of the difference of one round in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub scatter_ns: f64,
    /// The lower limit of the resolution for any number of rounds, in nanoseconds: the step of the histograms at this
    /// latency, or the difference itself if its interval excludes 0.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub least_ns: f64,
    /// Contains the resolutions of a calibration of version 1, which did not know the scatter between instances. They are not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolves: Vec<Resolution>,
}

/// The overhead of the bundled sidecar on several fresh instances, at the same arrival rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InstanceScatter {
    /// Arrival rate on either arm.
    #[serde(rename = "rate_per_second")]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub rate: Rate,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub connections: u64,
    /// Measured part of a trial in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub window_ns: u64,
    /// Time from the start of a round to that of the next one, in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub round_ns: u64,
    /// p50 through the sidecar − p50 of the direct arm, in nanoseconds: the mean over the instances.
    pub overhead_ns: Figure,
    /// Standard deviation of the overhead between instances in nanoseconds, without the scatter of their rounds; 0 if the rounds explain all
    /// of it.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub between_ns: f64,
    /// Standard deviation of the overhead between the rounds of one instance in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub within_ns: f64,
    /// The smallest overhead that is resolved, for several durations of measuring.
    pub resolves: Vec<Resolution>,
}

/// The smallest overhead that is resolved in a given time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// Duration of measuring in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub measuring_ns: u64,
    /// Rounds that fit into it.
    #[cfg_attr(feature = "schema", schemars(range(min = 6)))]
    pub rounds: u64,
    /// Fresh instances that share the rounds; 0 in calibrations of version 1.
    #[serde(default)]
    pub instances: u64,
    /// An overhead of this size, in nanoseconds, has an interval that excludes 0 in nine of ten measurements of that
    /// duration.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub overhead_ns: f64,
}

/// Generator and bundled upstream without a target, in a closed loop.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub vus: u64,
    /// Valid completions per second that both reached together.
    pub rate_per_second: Figure,
    pub bound: BoundBy,
    pub generator: StationCost,
    pub upstream: StationCost,
}

/// The bottleneck of a rate, as in `docs/bottleneck.md`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BoundBy {
    /// Name of the bottleneck.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub by: String,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub message: String,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub rounds: u64,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub of: u64,
}

/// Cost of generator or upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StationCost {
    /// CPU time, user and system, for each request, in nanoseconds.
    pub cpu_ns_per_request: Figure,
    /// Whether the rate is its own ceiling.
    pub reach: Reach,
}

/// What a rate says about the ceiling of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The process was the bottleneck, so the rate is its ceiling.
    Ceiling,
    /// The process was not the bottleneck, so its ceiling is at least this rate.
    #[default]
    AtLeast,
}

/// Cost of the sampler on an idle host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SamplerCost {
    /// Measured time between two readings in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub period_ns: u64,
    /// CPU time of control and keeper for each reading, in nanoseconds.
    pub cpu_ns_per_reading: Figure,
    #[cfg_attr(feature = "schema", schemars(range(min = 2)))]
    pub readings: u64,
}

/// Pacer lag of the generator at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PacerLag {
    #[serde(rename = "rate_per_second")]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub rate: Rate,
    /// Released − intended over all valid rounds.
    pub lag: Quantiles,
}

/// A part that could not be measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AbsentPart {
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub part: String,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub reason: String,
}

/// Parses the text of a calibration.
///
/// # Errors
/// Returns the mistake as a sentence without the path.
pub fn parse(text: &str) -> Result<Calibration, String> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: Option<u64>,
    }
    let version: Version = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    match version.schema_version {
        None => return Err("it has no schema_version".to_owned()),
        Some(found) if found > u64::from(SCHEMA_VERSION) => {
            return Err(format!(
                "it was made by a newer harness: layout {found}, this one reads up to {SCHEMA_VERSION}"
            ));
        }
        Some(_) => {}
    }
    let found: Calibration = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let fingerprint = found.host.fingerprint();
    if found.fingerprint != fingerprint {
        return Err(format!("its fingerprint is {:?}, and that of its host {fingerprint:?}", found.fingerprint));
    }
    Ok(found)
}

impl Calibration {
    /// Returns the day of the calibration, for example `2026-11-21`.
    pub fn date(&self) -> &str {
        self.taken_at.split_once('T').map_or(self.taken_at.as_str(), |(date, _)| date)
    }

    /// Returns why the calibration does not apply to `tool` on `host`; `None` if it applies.
    pub fn unfit(&self, host: &HostFacts, tool: &ToolFacts) -> Option<String> {
        let differs = host.differs(&self.host);
        if !differs.is_empty() {
            return Some(format!("of another host ({})", differs.join(", ")));
        }
        let (own, other) = (&self.tool.profile, &tool.profile);
        (own != other).then(|| format!("of a {own} build of the harness, and this is a {other} build"))
    }

    /// Returns whether it contains no value.
    pub fn is_empty(&self) -> bool {
        self.noise_floor.is_none()
            && self.instances.is_none()
            && self.ceiling.is_none()
            && self.sampler.is_none()
            && self.pacer.is_empty()
    }
}

impl Figure {
    /// Returns whether the interval contains 0; `None` without an interval.
    pub fn holds_zero(&self) -> Option<bool> {
        self.ends.map(|[low, high]| low <= 0.0 && 0.0 <= high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration() -> Calibration {
        let host = HostFacts {
            cpu_model: "Some CPU".to_owned(),
            cpus: 2,
            memory_bytes: 8 << 30,
            kernel: "6.1.0".to_owned(),
            ..HostFacts::default()
        };
        let fingerprint = host.fingerprint();
        let tool = ToolFacts { version: "0.1.0".to_owned(), profile: "release".to_owned() };
        Calibration { schema_version: 1, tool, host, fingerprint, ..Calibration::default() }
    }

    #[test]
    fn it_is_of_one_host_and_one_kind_of_build() {
        let found = calibration();
        assert_eq!(found.unfit(&found.host, &found.tool), None);
        let later = ToolFacts { version: "0.2.0".to_owned(), ..found.tool.clone() };
        assert_eq!(found.unfit(&found.host, &later), None);
        let bigger = HostFacts { cpus: 4, ..found.host.clone() };
        let why = found.unfit(&bigger, &found.tool).unwrap();
        assert_eq!(why, "of another host (CPUs: 4 CPUs, there 2 CPUs)");
        let debug = ToolFacts { profile: "debug".to_owned(), ..later };
        assert_eq!(
            found.unfit(&found.host, &debug).unwrap(),
            "of a release build of the harness, and this is a debug build"
        );
    }

    #[test]
    fn a_value_is_read_as_it_was_written() {
        let found = calibration();
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(parse(&text).as_ref(), Ok(&found));
        for (from, to, message) in [
            ("\"schema_version\":1", "\"schema_version\":3", "made by a newer harness: layout 3"),
            ("\"schema_version\":1", "\"schema_version\":null", "no schema_version"),
            ("\"cpus\":2", "\"cpus\":3", "its fingerprint is \"Some CPU, 2 CPUs"),
            ("\"quick\"", "\"quack\"", "unknown field `quack`"),
            ("{", "[", "it is not JSON"),
        ] {
            let why = parse(&text.replacen(from, to, 1)).unwrap_err();
            assert!(why.contains(message), "{message}: {why}");
        }
        assert!(found.is_empty() && found.date().is_empty());
    }
}
