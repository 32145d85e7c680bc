//! Renders `perf.json`: a receipt in the layout of copybook, with its host and a digest of itself.
//!
//! Copybook's own schema requires the throughputs of its two decoders, which this harness does not measure, so they are
//! omitted, like `bytes_processed` and `mean_mibps`. Advisory metrics are omitted, because a receipt cannot mark them.

use serde::Serialize;
use serde_json::Number;

use super::{Error, ReportFormat, Summary};
use crate::measure::HostFacts;
use crate::measure::canonical::Json;
use crate::measure::metric::{Unit, bare};
use crate::verdict::judgement::Measured;
use harness_base::exit::Exit;
use harness_stats::Estimate;

pub(super) struct Receipt;

const FORMAT_VERSION: &str = "1.0.0";

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Document<'a> {
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[0-9]+[.][0-9]+[.][0-9]+$")))]
    format_version: &'static str,
    generator: Generator<'a>,
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Instant"))]
    timestamp: &'a str,
    /// Absent where the run was started outside of a working copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-f0-9]{7,40}$")))]
    commit: Option<&'a str>,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["debug", "release"])))]
    build_profile: &'a str,
    target_cpu: &'static str,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["pass", "warning", "failure"])))]
    status: &'static str,
    environment: Environment<'a>,
    benchmarks: Vec<Benchmark<'a>>,
    summary: Totals<'a>,
}

/// The content and the digest over it.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Receipt"))]
pub(super) struct Sealed<'a> {
    #[serde(flatten)]
    content: Document<'a>,
    integrity: Integrity,
}

/// The program that wrote the receipt, which distinguishes it from copybook's.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Generator<'a> {
    #[cfg_attr(feature = "schema", schemars(extend("const" = "harness")))]
    name: &'static str,
    version: &'a str,
    run_id: &'a str,
    scenario: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Environment<'a> {
    os: &'a str,
    kernel: &'a str,
    cpu_model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    cpu_cores: Option<u64>,
    wsl2_detected: bool,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(
    extend("dependentRequired" = serde_json::json!({ "lower": ["upper"], "upper": ["lower"] })),
))]
struct Benchmark<'a> {
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]+/.+$")))]
    name: &'a str,
    unit: Unit,
    /// Median of the rounds or launches.
    value: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper: Option<Number>,
    /// Rounds or launches.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    n: u64,
    /// Arithmetic mean of the rounds or launches, of durations only.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_ns: Option<Number>,
}

/// The host in the place where copybook's script writes it; its schema has it one level above.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Totals<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    max_rss_mib: Option<Number>,
    host_cpu: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    host_cores: Option<u64>,
    host_kernel: &'a str,
    host_os: &'a str,
    wsl2_detected: bool,
    ts: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Integrity {
    /// SHA-256 of the receipt without this field in canonical JSON (keys sorted, no white space) and a newline.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Sha256"))]
    sha256: String,
}

impl ReportFormat for Receipt {
    fn name(&self) -> &'static str {
        "perf"
    }

    fn file_name(&self) -> &'static str {
        "perf.json"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let content = document(summary);
        let no_json = |cause| Error::NoJson { format: self.name(), cause };
        let text = serde_json::to_string(&content).map_err(no_json)?;
        let json: Json<'_> = serde_json::from_str(&text).map_err(no_json)?;
        let integrity = Integrity { sha256: json.digest_of_line() };
        super::pretty(self.name(), &Sealed { content, integrity })
    }
}

fn document<'a>(summary: &'a Summary<'a>) -> Document<'a> {
    let record = summary.record;
    let host = &record.host;
    let cores = Some(host.cpus).filter(|cpus| *cpus > 0);
    let wsl2_detected = is_wsl2(host);
    Document {
        format_version: FORMAT_VERSION,
        generator: Generator {
            name: "harness",
            version: &record.tool.version,
            run_id: &record.run_id,
            scenario: &record.scenario.name,
        },
        timestamp: &record.started_at,
        commit: record.git.as_ref().map(|git| git.sha.as_str()),
        build_profile: &record.tool.profile,
        // The target was built elsewhere, with unknown flags.
        target_cpu: "unknown",
        status: status(summary.judgement.exit),
        environment: Environment {
            os: &host.os,
            kernel: &host.kernel,
            cpu_model: &host.cpu_model,
            cpu_cores: cores,
            wsl2_detected,
        },
        benchmarks: benchmarks(summary),
        summary: Totals {
            max_rss_mib: max_rss(summary),
            host_cpu: &host.cpu_model,
            host_cores: cores,
            host_kernel: &host.kernel,
            host_os: &host.os,
            wsl2_detected,
            ts: &record.started_at,
        },
    }
}

/// Returns whether the kernel is that of WSL 2, which its release shows.
fn is_wsl2(host: &HostFacts) -> bool {
    host.kernel.to_ascii_lowercase().contains("microsoft")
}

/// Returns the status in copybook's words. Readers, including this harness, refuse a receipt of a failed run.
const fn status(exit: Exit) -> &'static str {
    match exit {
        Exit::Pass => "pass",
        Exit::Regressed => "warning",
        _ => "failure",
    }
}

fn benchmarks<'a>(summary: &Summary<'a>) -> Vec<Benchmark<'a>> {
    let solid = summary.valid().filter(|(metric, _)| metric.advisory.is_none());
    solid.filter_map(|(metric, estimate)| benchmark(metric, estimate)).collect()
}

fn benchmark<'a>(metric: &'a Measured, estimate: &Estimate) -> Option<Benchmark<'a>> {
    let ends = estimate.interval;
    let nanos = match metric.unit {
        Unit::Millis => Some(1e6),
        Unit::Micros => Some(1e3),
        Unit::Bytes
        | Unit::Percent
        | Unit::PerSecond
        | Unit::ConnectionsPerSecond
        | Unit::MegabytesPerSecond
        | Unit::Count => None,
    };
    let mean = metric.rounds().iter().sum::<f64>() / metric.rounds().len() as f64;
    Some(Benchmark {
        name: &metric.id,
        unit: metric.unit,
        value: number(estimate.point)?,
        lower: ends.and_then(|ends| number(ends.low)),
        upper: ends.and_then(|ends| number(ends.high)),
        n: estimate.n,
        mean_ns: nanos.and_then(|nanos| number(mean * nanos)),
    })
}

/// Returns the highest peak of any valid round.
fn max_rss(summary: &Summary<'_>) -> Option<Number> {
    let peaks = summary.valid().filter(|(metric, _)| bare(&metric.id) == "memory/peak_rss");
    let highest = peaks.flat_map(|(metric, _)| metric.rounds()).copied().reduce(f64::max)?;
    number(highest / 1_048_576.0)
}

/// Formats six decimals, and whole numbers without a point, which every JSON tool writes in the same way, so that
/// others can compute the digest (`jq -cS 'del(.integrity)' perf.json | sha256sum`).
fn number(value: f64) -> Option<Number> {
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    let rounded = (value * 1e6).round() / 1e6;
    if rounded.fract() == 0.0 && rounded.abs() < WHOLE {
        return Some(Number::from(rounded as i64));
    }
    Number::from_f64(rounded)
}
