//! `bench_metrics.json` as Bencher reads it: a mirror of its decoder (bencherdev/bencher v0.6.12, `bencher_adapter` and
//! `bencher_json`), rebuilt from what it accepts and refuses.

use std::collections::HashMap;

use harness::verdict::judgement::Value;
use harness_stats::{Estimate, Interval};
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
struct Results {
    #[serde(flatten)]
    inner: HashMap<BenchmarkName, Metrics>,
}

#[derive(Debug, Deserialize)]
struct Metrics {
    #[serde(flatten)]
    inner: HashMap<MeasureName, NewMetric>,
}

#[derive(Debug, Deserialize)]
struct NewMetric {
    value: f64,
    lower_value: Option<f64>,
    upper_value: Option<f64>,
}

#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
struct BenchmarkName(String);

#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
struct MeasureName(String);

impl TryFrom<String> for BenchmarkName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name.is_empty() || name.len() > 1024 { Err(format!("benchmark name {name:?}")) } else { Ok(Self(name)) }
    }
}

impl TryFrom<String> for MeasureName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let odd = name.is_empty() || name.len() > 64 || name.trim() != name;
        if odd { Err(format!("measure name {name:?}")) } else { Ok(Self(name)) }
    }
}

fn decode(text: &str) -> Result<Results, serde_json::Error> {
    serde_json::from_str(text)
}

#[test]
fn the_mirror_refuses_what_bencher_refuses() {
    for wrong in [
        r#"[{"name": "latency/p50", "value": 2.3, "unit": "ms"}]"#,
        r#"{"latency/p50": {"latency": {"value": null}}}"#,
        r#"{"latency/p50": {"latency": {"value": "2.3"}}}"#,
        r#"{"latency/p50": {"latency": {"value": true}}}"#,
        r#"{"latency/p50": {"latency": {"value": NaN}}}"#,
        r#"{"latency/p50": {"latency": {"lower_value": 1.0}}}"#,
        r#"{"latency/p50": {"value": 2.3, "unit": "ms"}}"#,
        r#"{"": {"latency": {"value": 2.3}}}"#,
        r#"{"latency/p50": {" latency": {"value": 2.3}}}"#,
    ] {
        assert!(decode(wrong).is_err(), "{wrong}");
    }
    let long = format!(r#"{{"{}": {{"latency": {{"value": 1}}}}}}"#, "x".repeat(1025));
    assert!(decode(&long).is_err());
    assert!(decode(r#"{"latency/p50": {"latency": {"value": 2300000.0}}}"#).is_ok());
}

#[test]
fn bencher_reads_every_valid_metric_in_the_measures_unit() {
    let record = sample::record();
    let judgement = judged(&record, &[]);
    let read = decode(&rendered("bencher", &record, &judgement)).unwrap();
    let valued = judgement.metrics.iter().filter(|metric| metric.estimate().is_some()).count();
    assert_eq!(read.inner.len(), valued);
    let of = |id: &str, measure: &str| {
        let metrics = &read.inner[&BenchmarkName(id.to_owned())].inner;
        assert_eq!(metrics.len(), 1);
        let metric = &metrics[&MeasureName(measure.to_owned())];
        (metric.value, metric.lower_value, metric.upper_value)
    };
    let estimate = |id: &str| *judgement.metric(id).and_then(|metric| metric.estimate()).unwrap();
    for (id, measure, scale) in [
        ("latency/p50", "latency", 1e6),
        ("latency/p99", "latency-tail", 1e6),
        ("overhead/latency_p50", "overhead", 1e6),
        ("cpu/us_per_request", "cpu-time", 1e3),
        ("memory/idle_rss", "memory", 1.0),
        ("throughput/rps_10vu", "throughput", 1.0),
    ] {
        let ((value, lower, upper), expected) = (of(id, measure), estimate(id));
        let near = |found: f64, truth: f64| assert!((found - truth * scale).abs() <= 5e-4, "{id}: {found} {truth}");
        near(value, expected.point);
        let ends = expected.interval.unwrap();
        near(lower.unwrap(), ends.low);
        near(upper.unwrap(), ends.high);
    }
    assert_eq!(of("binary/size", "file-size"), (8_432_640.0, None, None));
}

#[test]
fn an_invalid_stage_leaves_nothing_behind_in_bencher_and_in_the_flat_array() {
    let record = with_invalid_overhead();
    let judgement = judged(&record, &[]);
    let read = decode(&rendered("bencher", &record, &judgement)).unwrap();
    let flat = rendered("flat", &record, &judgement);
    let of_overhead: Vec<&str> =
        judgement.metrics.iter().filter(|metric| metric.stage == "overhead").map(|metric| metric.id.as_str()).collect();
    assert!(of_overhead.len() > 10 && of_overhead.contains(&"latency/p50"));
    for id in of_overhead {
        assert!(!read.inner.contains_key(&BenchmarkName(id.to_owned())), "{id}");
        assert!(!flat.contains(&format!("\"{id}\"")), "{id}");
    }
    assert!(read.inner.contains_key(&BenchmarkName("startup/to_ready".to_owned())), "other stages stay");
}

#[test]
fn no_number_that_is_none_reaches_a_file() {
    let record = sample::record();
    let mut judgement = judged(&record, &[]);
    let ends = |low, high| Some(Interval { low, high, coverage: 0.97 });
    let broken = [
        Estimate { point: f64::NAN, interval: None, n: 10 },
        Estimate { point: f64::INFINITY, interval: None, n: 10 },
        Estimate { point: 1.0, interval: ends(f64::NEG_INFINITY, 2.0), n: 10 },
        Estimate { point: 1.0, interval: ends(0.5, f64::NAN), n: 10 },
    ];
    let ids: Vec<String> = judgement.metrics.iter().take(broken.len()).map(|metric| metric.id.clone()).collect();
    for (metric, estimate) in judgement.metrics.iter_mut().zip(broken) {
        metric.value = Value::Estimated { estimate, rounds: vec![1.0], outliers: Vec::new() };
    }
    for format in ["bencher", "flat"] {
        let text = rendered(format, &record, &judgement);
        assert!(!text.contains("null") && !text.contains("NaN"), "{text}");
        assert!(ids.iter().all(|id| !text.contains(&format!("\"{id}\""))), "{text}");
    }
    assert!(decode(&rendered("bencher", &record, &judgement)).is_ok());
}
