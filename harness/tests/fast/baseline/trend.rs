//! The history of one metric, against values known by other means.

use crate::support::snapshot::matches_file;
use harness::baseline::{Baseline, Promoted};
use harness::measure::metric::{Better, Unit};
use harness::report::schema;
use harness::report::trend::Trend;
use serde_json::Value;

use super::made::*;

/// Runs whose metric has this one value.
fn history(unit: Unit, direction: Better, values: &[f64]) -> Baseline {
    let with = |(n, value): (usize, &f64)| Promoted {
        metrics: vec![metric("category/name", unit, direction, &[*value])],
        ..run(n as u64, 1.0)
    };
    baseline(values.iter().enumerate().map(with).collect())
}

fn json(baseline: &Baseline) -> Value {
    let trend = Trend::of(baseline, "category/name").unwrap();
    fits_80_columns(&trend.table());
    let json: Value = serde_json::from_str(&trend.json().unwrap()).unwrap();
    valid(schema::TREND, &json).unwrap();
    json
}

#[track_caller]
fn near(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() <= expected.abs() * 1e-9, "{found}, expected {expected}");
}

/// Seven values and their one-sided 95 % limit, from scipy: mean + t(0.95, 6) · s · √(1 + 1/7).
const REFERENCE: [f64; 7] = [100.0, 103.0, 98.0, 101.0, 99.0, 104.0, 97.0];
const REFERENCE_LIMIT: f64 = 105.610_951_57;

#[test]
fn limits_are_those_of_the_reference() {
    let lower = json(&history(Unit::Millis, Better::Lower, &REFERENCE));
    near(&lower["guard"]["median"], 100.0);
    near(&lower["guard"]["mad"], 2.0);
    near(&lower["guard"]["limit"], 115.0);
    assert!((lower["prediction"]["limit"].as_f64().unwrap() - REFERENCE_LIMIT).abs() < 1e-7);
    let mean = REFERENCE.iter().sum::<f64>() / 7.0;
    let higher = json(&history(Unit::PerSecond, Better::Higher, &REFERENCE));
    near(&higher["guard"]["limit"], 90.0);
    assert!((higher["prediction"]["limit"].as_f64().unwrap() - (2.0 * mean - REFERENCE_LIMIT)).abs() < 1e-7);
}

#[test]
fn the_guard_takes_the_last_seven_and_the_prediction_all() {
    let values = [&[500.0, 500.0, 500.0][..], &REFERENCE].concat();
    let found = json(&history(Unit::Millis, Better::Lower, &values));
    assert_eq!((found["guard"]["runs"].as_u64(), found["prediction"]["runs"].as_u64()), (Some(7), Some(10)));
    near(&found["guard"]["median"], 100.0);
    assert!(found["prediction"]["limit"].as_f64().unwrap() > 500.0);
}

#[test]
fn where_there_is_no_limit_the_reason_stands() {
    let of = |values: &[f64]| json(&history(Unit::Millis, Better::Lower, values));
    let two = of(&[1.0, 1.1]);
    assert!(two["guard"]["limit"].is_null() && two["prediction"]["limit"].is_null());
    assert_eq!(two["guard"]["absent"], "it needs 3 comparable runs, there are 2");
    assert_eq!(two["prediction"]["absent"], "it needs 7 comparable runs, there are 2");
    let constant = of(&[5.0; 7]);
    near(&constant["guard"]["limit"], 5.75);
    assert_eq!(constant["prediction"]["absent"], "all 7 runs are equal, so that any other value is a change");
    let negative = of(&[-0.1, 0.0, -0.2]);
    assert_eq!(negative["guard"]["absent"], "the median is not above 0, so that no share of it is a limit");
    assert!(Trend::of(&history(Unit::Millis, Better::Lower, &[1.0]), "latency/p50").is_none());
}

#[test]
fn only_comparable_runs_are_one_history() {
    let mut mixed = history(Unit::Millis, Better::Lower, &[9.0, 1.0, 9.0, 1.2, 1.1]);
    mixed.runs[0].host = other_host();
    mixed.runs[2].quick = true;
    mixed.runs[1].metrics.push(metric("latency/p50", Unit::Millis, Better::Lower, &[1.0]));
    let found = json(&mixed);
    let comparable: Vec<bool> = found["runs"].as_array().unwrap().iter().map(|run| run["comparable"] == true).collect();
    assert_eq!(comparable, [false, true, false, true, true]);
    near(&found["guard"]["median"], 1.1);
    let one = Trend::of(&mixed, "latency/p50").unwrap().table();
    assert!(one.contains("4 runs of the baseline without this metric"), "{one}");
    // A host of which nothing is known is like no other; its own run is still a history of one.
    mixed.runs[4].host.cpu_model = "unknown".to_owned();
    assert_eq!(json(&mixed)["guard"]["runs"], 1);
}

#[test]
fn it_looks_as_it_did() {
    let mut varied = baseline(runs(&[1.00, 1.03, 0.98, 1.01, 0.99, 1.04, 0.97, 1.30, 1.02]));
    varied.runs[7].host = other_host();
    varied.runs[8].git.as_mut().unwrap().dirty = true;
    varied.runs[0].git = None;
    let mut text = Trend::of(&varied, "latency/p50").unwrap().table();
    text.push_str("\n---\n\n");
    text.push_str(&Trend::of(&baseline(runs(&[5.0, 5.0])), "latency/p50").unwrap().table());
    fits_80_columns(&text);
    matches_file("tests/snapshots/trend.txt", &text);
}
