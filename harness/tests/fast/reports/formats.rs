//! Each format against a stored copy and against its schema.

use harness::measure::record::Retry;
use harness::report::{Artifacts, FORMATS, Summary, brief, schema, write};
use harness::verdict::Stored;
use serde_json::{Value, json};

use super::*;

fn claims() -> Vec<Claim> {
    vec![
        claim("binary/size", true, 15e6),
        claim("memory/idle_rss", true, 20e6),
        claim("overhead/latency_p50", true, 2.0),
        Claim { required: true, ..claim("startup/to_ready", true, 150.0) },
        claim("latency/p99", true, 50.0),
        claim("throughput/rps_10vu", false, 16_300.0),
        claim("overhead/percent_p50", true, 10.0),
    ]
}

#[test]
fn every_format_looks_as_it_did() {
    let record = sample::record();
    let judgement = judged(&record, &claims());
    let summary = Summary::new(&record, &judgement).in_folder(Path::new("results/sidecar/20261120T183005Z-4f1c"));
    for format in FORMATS {
        // Of a format with many files one is enough.
        let (name, content) = format.files(&summary).unwrap().swap_remove(0);
        matches_file(&format!("tests/snapshots/{name}"), &String::from_utf8(content).unwrap());
    }
}

#[test]
fn an_invalid_stage_looks_as_it_did() {
    let mut record = with_invalid_overhead();
    record.tool.profile = "debug".to_owned();
    let judgement = judged(&record, &claims());
    matches_file("tests/snapshots/invalid.txt", &rendered("table", &record, &judgement));
    matches_file("tests/snapshots/invalid.md", &rendered("markdown", &record, &judgement));
}

#[test]
fn the_summary_fits_one_screen() {
    let folder = Path::new("results/sidecar/20261120T183005Z-4f1c");
    for (name, record) in [("brief.txt", sample::record()), ("brief-invalid.txt", with_invalid_overhead())] {
        let judgement = judged(&record, &claims());
        let text = brief::render(&Summary::new(&record, &judgement).in_folder(folder));
        assert!(text.lines().count() <= 40, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        matches_file(&format!("tests/snapshots/{name}"), &text);
    }
}

#[test]
fn the_terminal_has_80_columns() {
    for record in [sample::record(), with_invalid_overhead()] {
        let text = rendered("table", &record, &judged(&record, &claims()));
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
        }
    }
}

#[test]
fn a_stage_with_a_name_of_its_own_keeps_the_columns() {
    let mut record = sample::record();
    stage(&mut record, "overhead").name = "overhead-with-64KiB-bodies".to_owned();
    let judgement = judged(&record, &[]);
    assert!(judgement.metric("latency/p50@overhead-with-64KiB-bodies").is_some());
    let text = rendered("table", &record, &judgement);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(rendered("bencher", &record, &judgement).contains("\"latency/p50@overhead-with-64KiB-bodies\""));
}

#[test]
fn json_formats_keep_their_schemas_whatever_the_run_ended_in() {
    let nothing = Record { stages: Vec::new(), ..sample::record() };
    for record in [sample::record(), with_invalid_overhead(), nothing] {
        let judgement = judged(&record, &claims());
        for (name, text) in
            [("json", schema::VERDICT), ("bencher", schema::BMF), ("flat", schema::FLAT), ("perf", schema::RECEIPT)]
        {
            let instance: Value = serde_json::from_str(&rendered(name, &record, &judgement)).unwrap();
            valid(text, &instance).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn schemas_refuse_what_tools_would_refuse() {
    for wrong in [
        json!([{"name": "binary/size", "value": 1, "unit": "bytes"}]),
        json!({"binary/size": {"value": 1, "unit": "bytes"}}),
        json!({"binary/size": {"file-size": {"value": "1"}}}),
        json!({"binary/size": {"file-size": {"value": null}}}),
        json!({"binary/size": {"file-size": {"value": 1, "lower_value": null}}}),
        json!({"binary/size": {"file-size": {"lower_value": 1}}}),
        json!({"binary/size": {"x".repeat(65): {"value": 1}}}),
    ] {
        assert!(valid(schema::BMF, &wrong).is_err(), "{wrong}");
    }
    let record = sample::record();
    let flat: Value = serde_json::from_str(&rendered("flat", &record, &judged(&record, &[]))).unwrap();
    let mut nameless = flat.clone();
    nameless[0].as_object_mut().unwrap().remove("name");
    let mut null = flat.clone();
    null[0]["value"] = Value::Null;
    for wrong in [nameless, null, json!({})] {
        assert!(valid(schema::FLAT, &wrong).is_err());
    }
    let mut verdict: Value = serde_json::from_str(&rendered("json", &record, &judged(&record, &[]))).unwrap();
    verdict["metrics"][0]["absent"] = json!("both a value and none");
    assert!(valid(schema::VERDICT, &verdict).is_err());
}

/// Returns the first error, if there is one.
pub(crate) fn valid(schema: &str, instance: &Value) -> Result<(), String> {
    let first = harness::report::validate::against(schema, instance).into_iter().next();
    first.map_or(Ok(()), |fault| Err(format!("{} at {}", fault.message, fault.pointer)))
}

#[test]
fn the_flat_array_has_the_values_and_units_of_the_requirement() {
    let record = sample::record();
    let judgement = judged(&record, &[]);
    let flat: Vec<Value> = serde_json::from_str(&rendered("flat", &record, &judgement)).unwrap();
    assert_eq!(flat[0], json!({"name": "binary/size", "value": 8_432_640.0, "unit": "bytes"}));
    let p50 = flat.iter().find(|entry| entry["name"] == "latency/p50").unwrap();
    assert_eq!(p50["value"].as_f64(), judgement.metric("latency/p50").and_then(|p50| Some(p50.estimate()?.point)));
    assert_eq!(p50["unit"], "ms");
    assert!(flat.iter().all(|entry| entry["name"] != "overhead/percent_p50"), "absent is not zero");
}

#[test]
fn writing_all_leaves_one_file_for_each_format_or_says_where_it_could_not() {
    let record = sample::record();
    let judgement = judged(&record, &[]);
    let summary = Summary::new(&record, &judgement).writing(Artifacts::all());
    let folder = std::env::temp_dir().join(format!("harness-reports-{}", std::process::id()));
    std::fs::write(&folder, "in the way").unwrap();
    let refused = write(&summary, &folder).unwrap_err().to_string();
    std::fs::remove_file(&folder).unwrap();
    assert!(refused.contains("cannot be written") && refused.contains("--out"), "{refused}");
    let files = write(&summary, &folder).unwrap();
    let sizes: Vec<u64> = files.iter().map(|file| std::fs::metadata(file).unwrap().len()).collect();
    std::fs::remove_dir_all(&folder).unwrap();
    let benchmarks = files.iter().filter(|file| file.starts_with(folder.join("aether"))).count();
    assert!(benchmarks > 5, "{files:?}");
    assert_eq!(sizes.len() - benchmarks, FORMATS.len() - 2 + 14, "and seven badges in two forms");
    assert!(sizes.iter().all(|size| *size > 100), "{sizes:?}");
}

#[test]
fn attempts_that_were_repeated_are_shown_with_their_reason() {
    let mut record = sample::record();
    let reasons = vec!["stage overhead: steal 9 %".to_owned(), "stage capacity: steal 8 %".to_owned()];
    record.retries =
        vec![Retry { run_id: "20261120T182905Z-4f1c".to_owned(), exit: harness_base::exit::Exit::Invalid, reasons }];
    let judgement = judged(&record, &[]);
    for format in ["table", "markdown", "html"] {
        let text = rendered(format, &record, &judgement).split_whitespace().collect::<Vec<_>>().join(" ");
        let shown = "measured again: the attempt 20261120T182905Z-4f1c ended INVALID: stage overhead: steal 9 %";
        assert!(text.contains(shown), "{format}: {text}");
    }
    let verdict: Value = serde_json::from_str(&rendered("json", &record, &judgement)).unwrap();
    assert_eq!(verdict["retries"][0]["reasons"][1], "stage capacity: steal 8 %");
    let result = serde_json::to_value(Stored::new(record, judgement).unwrap()).unwrap();
    for (schema, document) in [(schema::VERDICT, &verdict), (schema::RESULT, &result)] {
        assert_eq!(harness::report::validate::against(schema, document), []);
    }
}
