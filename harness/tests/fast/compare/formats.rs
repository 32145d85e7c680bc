//! Bencher Metric Format and the flat array, files of an unknown kind, and what the command prints.

use harness::report::schema;
use serde_json::Value;

use super::*;

const BMF: &str = r#"{"latency/p50": {"latency": {"value": 2e6, "lower_value": 1.9e6, "upper_value": 2.1e6}},
    "throughput/rps_10vu": {"throughput": {"value": 1000}}}"#;
const FLAT: &str = r#"[{"name": "memory/idle_rss", "value": 30000000, "unit": "bytes"},
    {"name": "binary/docker_base", "value": "scratch", "unit": "string"}]"#;

#[test]
fn bencher_files_are_matched_by_benchmark_and_measure() {
    let files = Files::new();
    let same = files.compare(Rule::Default, BMF, BMF);
    assert_eq!((same.exit, same.pairs[0].changes.len()), (Exit::Pass, 2), "{same:#?}");
    let fewer = files.compare(Rule::Default, BMF, r#"{"latency/p50": {"throughput": {"value": 2e6}}}"#);
    refused(&fewer, Exit::InvalidInput, &["nothing could be compared"]);
    assert_eq!(fewer.pairs[0].changes.len(), 3);
    assert!(fewer.pairs[0].changes.iter().all(|change| change.finding == FindingKind::Inconclusive));
    assert!(fewer.pairs[0].changes.iter().any(|change| change.message.contains("it has throughput instead")));
}

#[test]
fn a_measure_without_a_known_direction_is_not_decided() {
    let files = Files::new();
    let of = |value: u32| format!("{{\"parse\": {{\"allocations\": {{\"value\": {value}}}}}}}");
    let comparison = files.compare(Rule::Default, &of(10), &of(20));
    assert_eq!(finding(&comparison), FindingKind::Inconclusive);
    assert!(comparison.pairs[0].changes[0].message.contains("its direction (more or less is better) is unknown"));
}

#[test]
fn a_floor_needs_a_unit_that_the_file_states() {
    let files = Files::new();
    // Milliseconds under a measure that Bencher holds for nanoseconds.
    let bmf = |value: f64| format!("{{\"latency/p50\": {{\"latency\": {{\"value\": {value}}}}}}}");
    assert_eq!(finding(&files.compare(Rule::Default, &bmf(0.25), &bmf(0.5))), FindingKind::Alert);
    let flat = |value: f64| format!("[{{\"name\": \"latency/p50\", \"value\": {value}, \"unit\": \"ms\"}}]");
    assert_eq!(finding(&files.compare(Rule::Default, &flat(0.25), &flat(0.34))), FindingKind::Small);
    assert_eq!(finding(&files.compare(Rule::Default, &flat(0.25), &flat(0.36))), FindingKind::Alert);
}

#[test]
fn numbers_only_and_nothing_twice() {
    let files = Files::new();
    for (text, message) in [
        (r#"{"a": {"latency": {"value": "1"}}}"#, "a.latency.value is the text \"1\""),
        (r#"{"a": {"latency": {"value": null}}}"#, "a.latency.value is null"),
        (r#"{"a": {"latency": {"value": 1, "lower_value": null}}}"#, "a.latency.lower_value is null"),
        (r#"{"a": {"latency": {"value": 1, "lower_value": 2}}}"#, "is outside of its bounds"),
        (r#"{"a": {"latency": {"value": 1, "unit": "ms"}}}"#, "a.latency.unit is unknown"),
        (r#"{"a": {"value": 1, "unit": "bytes"}}"#, "a.unit is the"),
        (r#"{"a": {}}"#, "a has no measure"),
        (r#"{"a": {"latency": {"value": 1}}, "a": {"latency": {"value": 2}}}"#, "the key \"a\" is given twice"),
        (r#"[{"name": "a", "value": "12", "unit": "ms"}]"#, "[0].value is the text \"12\""),
        (
            r#"[{"name": "a", "value": 1, "unit": "ms"}, {"name": "a", "value": 2, "unit": "ms"}]"#,
            "it contains a twice",
        ),
        (r#"[{"name": "a", "value": 1}]"#, "[0].unit is missing"),
        (r#"[{"name": "a", "value": "scratch", "unit": "string"}]"#, "has no number"),
        ("[]", "has no number"),
        ("[1]", "[0] is 1, expected an object"),
        ("{\"version\": 3}", "unknown layout: it is an object with the keys version"),
        ("17", "unknown layout: it is 17"),
    ] {
        refused(&files.compare(Rule::Default, FLAT, text), Exit::InvalidInput, &["head: ", message]);
    }
}

#[test]
fn the_unit_and_the_kind_must_agree() {
    let files = Files::new();
    let unit = files.compare(Rule::Default, FLAT, &FLAT.replace("\"bytes\"", "\"MiB\""));
    assert_eq!(finding(&unit), FindingKind::Inconclusive);
    assert!(unit.pairs[0].changes[0].message.contains("the units differ: bytes in base, MiB in head"));
    refused(&unit, Exit::InvalidInput, &["nothing could be compared"]);
    refused(&files.compare(Rule::Default, FLAT, BMF), Exit::InvalidInput, &["base is a flat array, head is Bencher"]);
}

#[test]
fn a_zero_that_may_be_one_is_judged_by_the_floor_alone() {
    let files = Files::new();
    let idle = |value: f64| format!("[{{\"name\": \"cpu/idle_percent\", \"value\": {value}, \"unit\": \"%\"}}]");
    assert_eq!(finding(&files.compare(Rule::Default, &idle(0.0), &idle(0.4))), FindingKind::Ok);
    let more = files.compare(Rule::Default, &idle(0.0), &idle(3.0));
    assert_eq!(finding(&more), FindingKind::Inconclusive);
    assert!(more.pairs[0].changes[0].message.contains("no share can be taken"), "{more:#?}");
}

#[test]
fn our_own_files_are_read() {
    let record = crate::sample::record();
    let judgement = harness::verdict::judge(&record, &[], harness::verdict::Options::default());
    let files = Files::new();
    for name in ["bencher", "flat"] {
        let format = harness::report::format(name).unwrap();
        let text =
            String::from_utf8(format.render(&harness::report::Summary::new(&record, &judgement)).unwrap()).unwrap();
        let same = files.compare(Rule::Default, &text, &text);
        assert_eq!(same.exit, Exit::Pass, "{same:#?}");
        let changes = &same.pairs[0].changes;
        assert!(changes.len() > 20 && changes.iter().all(|change| change.direction.is_some()), "{changes:#?}");
    }
}

#[test]
fn the_command_prints_json_that_keeps_its_schema() {
    let files = Files::new();
    let (base, head) = (files.write("base.json", BMF), files.write("head.json", &BMF.replace("2e6", "2.09e6")));
    let missing = files.path("none.json");
    for (arguments, code) in [([&base, &head], 0), ([&base, &missing], 2)] {
        let output = support::harness().arg("compare").args(arguments).args(["--format", "json"]).output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = harness::report::validate::against(schema::COMPARE, &json);
        assert!(found.is_empty(), "{found:?}\n{json}");
        assert_eq!((output.status.code(), json["exit_code"].as_i64()), (Some(code), Some(i64::from(code))));
    }
}

#[test]
fn an_undecided_result_fails_only_when_asked() {
    let files = Files::new();
    let (base, head) = (files.write("base.json", BMF), files.write("head.json", &BMF.replace("rps_10vu", "rps_20vu")));
    let code = |fail_on: &[&str]| {
        let command = &mut support::harness();
        command.arg("compare").args([&base, &head]).args(fail_on).output().unwrap().status.code()
    };
    assert_eq!(code(&[]), Some(0));
    assert_eq!(code(&["--fail-on", "alert"]), Some(0));
    assert_eq!(code(&["--fail-on", "inconclusive"]), Some(3));
    let odd = support::harness().arg("compare").args([&base, &head, &base]).output().unwrap();
    assert_eq!(odd.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&odd.stderr).contains("has no second file"));
}
