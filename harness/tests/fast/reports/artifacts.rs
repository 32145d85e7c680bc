//! Artifacts as `harness validate` sees them, and the formats of others as they are read again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use harness::baseline::Baseline;
use harness::interop;
use harness::measure::node_line::NodeLine;
use harness::measure::trial::Build;
use harness::measure::{Arm, Layout, Values};
use harness::report::Artifacts;
use harness::report::validate::{Checked, Fault, Kind, check, files};
use harness::verdict::Stored;
use harness::verdict::compare::{Options as Comparing, compare};
use harness::verdict::judgement::Value as Found;
use harness::verdict::promote::promoted;
use harness_load::nodes::NodeTrial;
use harness_stats::{Estimate, Sample};
use serde_json::{Value, json};

use super::*;

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        // Tests run at the same time, some with folders of one name.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("harness-artifacts-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn check(&self, name: &str, text: &str) -> Checked {
        check(&self.write(name, text), None)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Returns one valid artifact of every kind that is one JSON document, by its kind.
fn artifacts() -> Vec<(Kind, Value)> {
    let record = sample::record();
    let judgement = judged(&record, &[claim("overhead/latency_p50", true, 2.0)]);
    let of = |format: &str| serde_json::from_str(&rendered(format, &record, &judgement)).unwrap();
    let (verdict, bencher, flat, receipt) = (of("json"), of("bencher"), of("flat"), of("perf"));
    let aether = rendered("aether", &record, &judgement).lines().next().unwrap().to_owned();
    let folder = Folder::new("compared");
    let file = folder.write("base.json", &Value::to_string(&flat));
    let comparison = harness::report::compare::json(&compare(&[(file.clone(), file)], Comparing::default())).unwrap();
    let (gab, badge) = (of("gab-smaller"), badge(&record, &judgement));
    let stored = Stored::new(record, judgement).unwrap();
    let promoted = promoted(&stored, &stored.judgement, Some("a sample"), "2026-11-20T19:00:00Z".to_owned()).unwrap();
    let (name, scenario) = ("main".to_owned(), "sidecar".to_owned());
    let baseline = Baseline { schema_version: 1, name, scenario, runs: vec![promoted] };
    vec![
        (Kind::GithubBenchmark, gab),
        (Kind::Badge, badge),
        (Kind::Baseline, serde_json::to_value(baseline).unwrap()),
        (Kind::Result, serde_json::to_value(stored).unwrap()),
        (Kind::Verdict, verdict),
        (Kind::Comparison, serde_json::from_str(&comparison).unwrap()),
        (Kind::Bencher, bencher),
        (Kind::Flat, flat),
        (Kind::Receipt, receipt),
        (Kind::Aether, serde_json::from_str(&aether).unwrap()),
    ]
}

/// Returns the first badge that is written.
fn badge(record: &Record, judgement: &Judgement) -> Value {
    let folder = Folder::new("badge");
    let files = write_all_of(record, judgement, &folder);
    let badge = files.iter().find(|file| file.parent().unwrap().ends_with("badges")).unwrap();
    serde_json::from_str(&std::fs::read_to_string(badge).unwrap()).unwrap()
}

#[test]
fn every_kind_is_recognised_and_valid() {
    let folder = Folder::new("valid");
    for (kind, value) in artifacts() {
        let checked = folder.check("artifact.json", &value.to_string());
        assert_eq!((checked.kind, checked.faults), (Some(kind), Vec::new()));
    }
    let journal: String = harness::measure::journal::JournalLine::of_record(&sample::record())
        .iter()
        .map(|line| line.to_json().unwrap())
        .collect();
    for name in ["journal.jsonl", "renamed"] {
        let checked = folder.check(name, &journal);
        assert_eq!((checked.kind, checked.faults), (Some(Kind::Journal), Vec::new()));
    }
}

/// Returns the lines of three nodes.
fn nodes() -> String {
    let line = |index| {
        let node = NodeTrial { index, name: format!("worker-{index}"), ..NodeTrial::default() };
        let (stage, build, arm) = ("overhead".to_owned(), Build::Head, Arm::Direct);
        NodeLine { stage, instance: 0, round: 2, build, arm, node }.to_json().unwrap()
    };
    (0..3).map(line).collect()
}

#[test]
fn the_lines_of_nodes_are_valid_and_a_wrong_one_is_named_by_its_number() {
    let (folder, lines) = (Folder::new("nodes"), nodes());
    let faults = |name: &str, text: &str| {
        let checked = folder.check(name, text);
        assert_eq!(checked.kind, Some(Kind::Nodes), "{name}");
        checked.faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>()
    };
    for name in ["nodes.jsonl", "renamed"] {
        assert_eq!(faults(name, &lines), [""; 0]);
        assert_eq!(faults(name, &format!("{lines}{{\"stage\":")), [""; 0], "the run was killed");
    }
    for (right, wrong, expected) in [
        ("\"index\":1", "\"index\":-1", "line 2: /node/index: it must be at least 0; it is -1"),
        ("\"name\":\"worker-1\"", "\"nom\":\"worker-1\"", "line 2: /node: \"name\" is missing"),
        ("\"index\":1", "\"index\":1,\"index\":1", "line 2 is damaged"),
        ("\"index\":1", "\"index\" 1", "line 2 is damaged"),
    ] {
        let broken = lines.replace(right, wrong);
        assert_ne!(broken, lines, "{right}");
        for name in ["nodes.jsonl", "renamed"] {
            let found = faults(name, &broken);
            assert!(found.iter().any(|fault| fault.starts_with(expected)), "{expected}: {found:#?}");
            assert!(found.iter().all(|fault| fault.starts_with("line 2")), "{found:#?}");
        }
    }
    let listed = files(&folder.0).unwrap_err();
    assert!(listed.0.contains("neither a run"), "{listed:?}");
    folder.write("journal.jsonl", "");
    assert!(files(&folder.0).unwrap().iter().any(|file| file.ends_with("nodes.jsonl")), "it is an artifact of a run");
}

/// The fault of a broken copy of every kind: the pointer of the field, and a part of the message.
#[test]
fn a_broken_artifact_of_every_kind_names_the_field() {
    let folder = Folder::new("broken");
    let artifacts = artifacts();
    for (kind, pointer, wrong, expected) in [
        (Kind::Result, "/record/host/cpus", json!("two"), "\"integer\"; it is \"two\""),
        (Kind::Result, "/record/stages/3/instances/0/rounds/1/trials/0/arm", json!("third"), "it is \"third\""),
        (Kind::Result, "/record/stages/1/instances/0/launch/ready_ns", json!(-1), "it is -1"),
        (Kind::Result, "/judgement/metrics/0/value/estimated/rounds/0", json!(null), "\"number\"; it is null"),
        (Kind::Verdict, "/exit_code", json!(1), "it is 1"),
        (Kind::Verdict, "/metrics/0/unit", json!("furlongs"), "it is \"furlongs\""),
        (Kind::Comparison, "/pairs/0/changes/0/finding", json!("fine"), "it is \"fine\""),
        (Kind::Bencher, "/startup~1to_ready/latency/value", json!("7"), "\"number\"; it is \"7\""),
        (Kind::Flat, "/2/value", json!(null), "it is null"),
        (Kind::Flat, "/1/name", json!("nameless"), "it is \"nameless\""),
        (Kind::GithubBenchmark, "/0/value", json!("7"), "\"number\"; it is \"7\""),
        (Kind::Badge, "/schemaVersion", json!(2), "it is 2"),
        (Kind::Baseline, "/runs/0/metrics/0/rounds", json!(7), "it is 7"),
        (Kind::Receipt, "/benchmarks/0/value", json!("7"), "\"number\"; it is \"7\""),
        (Kind::Receipt, "/environment/cpu_cores", json!(0), "it is 0"),
        (Kind::Receipt, "/integrity/sha256", json!("beef"), "it is \"beef\""),
        (Kind::Aether, "/n", json!(1.5), "\"integer\"; it is 1.5"),
        (Kind::Aether, "/unit", json!("MB/s"), "it is \"MB/s\""),
    ] {
        let mut broken = artifacts.iter().find(|(known, _)| *known == kind).unwrap().1.clone();
        *broken.pointer_mut(pointer).unwrap_or_else(|| panic!("{kind:?} has no {pointer}")) = wrong;
        let checked = folder.check("broken.json", &broken.to_string());
        assert_eq!(checked.kind, Some(kind));
        let shown = |fault: &Fault| fault.pointer == pointer && fault.message.contains(expected);
        assert!(checked.faults.iter().any(shown), "{kind:?} {pointer}: {:#?}", checked.faults);
    }
}

#[test]
fn a_missing_and_an_unknown_field_are_named_and_all_faults_come_at_once() {
    let folder = Folder::new("fields");
    for (kind, value) in artifacts() {
        let (key, place) = match kind {
            Kind::Result => ("run_id", "/record"),
            Kind::Flat => ("unit", "/0"),
            Kind::Bencher => ("value", "/binary~1size/file-size"),
            Kind::GithubBenchmark => ("unit", "/0"),
            Kind::Badge => ("message", ""),
            Kind::Baseline => ("name", ""),
            Kind::Comparison => ("rule", ""),
            Kind::Receipt => ("status", ""),
            Kind::Aether => ("p95", ""),
            _ => ("headline", ""),
        };
        let mut broken = value.clone();
        broken.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        let missing = folder.check("broken.json", &broken.to_string()).faults;
        let expected = Fault { pointer: place.to_owned(), message: format!("\"{key}\" is missing") };
        assert!(missing.contains(&expected), "{kind:?}: {missing:#?}");
        // Receipts of copybook may hold more than is known here.
        if kind != Kind::Receipt {
            broken.pointer_mut(place).unwrap()["surprise"] = json!(1);
            let both = folder.check("broken.json", &broken.to_string()).faults;
            assert!(both.len() >= 2, "{kind:?}: {both:#?}");
            assert!(both.iter().any(|fault| fault.message.contains("surprise") || fault.pointer.contains("surprise")));
        }
    }
}

#[test]
fn the_reader_reports_mistakes_that_no_schema_can_express() {
    let folder = Folder::new("readers");
    let faults = |name: &str, text: &str| folder.check(name, text).faults;
    let mut artifacts = artifacts();
    let mut of = |kind: Kind| {
        let place = artifacts.iter().position(|(known, _)| *known == kind).unwrap();
        artifacts.swap_remove(place).1
    };
    let mut result = of(Kind::Result);
    result["record"]["host"]["cpus"] = json!(64);
    assert!(faults("a.json", &result.to_string())[0].message.contains("was changed after the run"));
    let mut receipt = of(Kind::Receipt);
    receipt["benchmarks"][0]["value"] = json!(7);
    receipt["benchmarks"][0].as_object_mut().unwrap().retain(|key, _| key != "lower" && key != "upper");
    assert!(faults("a.json", &receipt.to_string())[0].message.contains("was changed after it was written"));
    let mut aether = of(Kind::Aether);
    aether["p95"] = json!(0);
    assert!(faults("a.json", &aether.to_string())[0].message.contains("is below p50"));
    let twice = of(Kind::Flat).to_string().replacen("\"name\":", "\"name\":\"x/y\",\"name\":", 1);
    assert!(
        faults("a.json", &twice)[0].message.contains("the key \"name\" is given twice"),
        "{:?}",
        faults("a.json", &twice)
    );
    assert!(faults("a.jsonl", "{\"run\":{}}\n")[0].message.contains("line 1 of the journal is damaged"));
}

#[test]
fn a_file_of_no_known_kind_is_described() {
    let folder = Folder::new("unknown");
    for (text, message) in [
        ("{\"version\": 3}", "an object with the keys version"),
        ("17", "it is 17"),
        ("{}", "an empty object"),
        ("<html>", "not JSON"),
        (" ", "is empty"),
    ] {
        let checked = folder.check("what.json", text);
        assert_eq!(checked.kind, None, "{text}");
        assert!(checked.faults[0].message.contains(message), "{:?}", checked.faults);
    }
    let missing = check(&folder.0.join("none.json"), None);
    assert!(missing.faults[0].message.contains("none.json does not exist"), "{missing:?}");
    // Whatever it looks like, it is held to the kind that was named.
    let forced = check(&folder.write("flat.json", "[]"), Some(Kind::Bencher));
    assert_eq!(forced.kind, Some(Kind::Bencher));
    assert!(forced.faults[0].message.contains("\"object\"; it is an array of 0"), "{forced:?}");
}

#[test]
fn a_run_without_a_valid_stage_leaves_valid_artifacts() {
    let mut record = sample::record();
    record.stages.iter_mut().for_each(|stage| stage.status = StageStatus::Invalid(vec![sample::steal()]));
    let judgement = judged(&record, &[]);
    let folder = Folder::new("nothing");
    let files = write_all_of(&record, &judgement, &folder);
    let jsons: Vec<&PathBuf> = files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")).collect();
    let kinds: Vec<(Option<Kind>, Vec<Fault>)> = jsons
        .iter()
        .map(|file| {
            let Checked { kind, faults, .. } = check(file, None);
            (kind, faults)
        })
        .collect();
    let gab = Kind::GithubBenchmark;
    let expected = [Kind::Verdict, Kind::Bencher, Kind::Flat, gab, gab, Kind::Receipt, Kind::Badge];
    let expected = expected.map(|kind| (Some(kind), Vec::new()));
    assert_eq!(kinds, expected);
    for file in [1, 2, 5].map(|index| &jsons[index]) {
        let message = interop::parse(&std::fs::read_to_string(file).unwrap(), file).unwrap_err().to_string();
        assert!(
            ["no number", "an empty object", "a run that failed"].iter().any(|part| message.contains(part)),
            "{message}"
        );
    }
}

#[test]
fn aether_files_hold_the_quantiles_of_the_rounds_and_are_read_again() {
    let record = sample::with_few_requests(sample::record());
    let judgement = judged(&record, &[]);
    let folder = Folder::new("aether");
    let files = write_all_of(&record, &judgement, &folder);
    let files: Vec<&PathBuf> = files.iter().filter(|file| file.parent().unwrap().ends_with("aether")).collect();
    let mut ids = Vec::new();
    for file in &files {
        let numbers = interop::parse(&std::fs::read_to_string(file).unwrap(), file).unwrap();
        let [entry] = numbers.entries.as_slice() else { panic!("{numbers:?}") };
        let metric = judgement.metric(&entry.id).unwrap();
        let Found::Estimated { rounds, .. } = &metric.value else { panic!("{metric:?}") };
        let median = Estimate::median(&Sample::new(rounds.clone()).unwrap()).point;
        let per_unit = if metric.unit.label() == "µs" { 1e3 } else { 1.0 };
        let Values { p50: Some(p50), p95: Some(p95), .. } = entry.values else { panic!("{entry:?}") };
        assert!((p50 - median / per_unit).abs() <= 1e-12 * p50.abs(), "{entry:?}");
        let beyond = rounds.iter().filter(|round| **round / per_unit > p95).count();
        assert!(beyond <= rounds.len() / 20 + 1 && p95 >= p50, "{entry:?} {rounds:?}");
        assert_eq!((numbers.layout, entry.n), (Layout::Aether, Some(rounds.len() as u64)), "rounds, never requests");
        ids.push(entry.id.clone());
    }
    for id in ["startup/to_ready", "latency/p50", "overhead/latency_p50", "cpu/us_per_request", "latency/capacity_p99"]
    {
        assert!(ids.iter().any(|known| known == id), "{id} is not in {ids:?}");
    }
    for id in ["latency/p99", "memory/idle_rss", "throughput/rps_10vu", "overhead/percent_p50", "binary/size"] {
        assert!(!ids.iter().any(|known| known == id), "{id}: advisory, absent, or no duration");
    }
    let pairs: Vec<_> = files.iter().map(|file| ((*file).clone(), (*file).clone())).collect();
    let same =
        compare(&pairs, Comparing { rule: Some(harness::verdict::compare::Rule::Aether), ..Comparing::default() });
    assert_eq!(same.exit, harness_base::exit::Exit::Pass, "{same:#?}");
    assert_eq!(rendered("aether", &record, &judgement).lines().count(), files.len());
}

fn write_all_of(record: &Record, judgement: &Judgement, folder: &Folder) -> Vec<PathBuf> {
    let summary = Summary::new(record, judgement).writing(Artifacts::all());
    harness::report::write(&summary, &folder.0).unwrap()
}

#[test]
fn a_receipt_is_read_again_with_the_same_numbers() {
    let record = sample::record();
    let judgement = judged(&record, &[]);
    let text = rendered("perf", &record, &judgement);
    let numbers = interop::parse(&text, Path::new("perf.json")).unwrap();
    assert_eq!(numbers.layout, Layout::Copybook);
    assert_eq!(numbers.host.as_deref(), Some("AMD EPYC 7763, 2 cores"));
    let summary = Summary::new(&record, &judgement);
    let solid: Vec<_> = summary.valid().filter(|(metric, _)| metric.advisory.is_none()).collect();
    assert_eq!(numbers.entries.len(), solid.len());
    for (entry, (metric, estimate)) in numbers.entries.iter().zip(solid) {
        assert_eq!((&entry.id, entry.unit.as_str(), entry.n), (&metric.id, metric.unit.label(), Some(estimate.n)));
        assert!((entry.values.value.unwrap() - estimate.point).abs() < 1e-6, "{entry:?}");
        let ends = estimate.interval.map(|ends| (ends.low, ends.high));
        assert_eq!(entry.interval.is_some(), ends.is_some());
        assert!(entry.interval.zip(ends).is_none_or(|(one, two)| (one.0 - two.0).abs() + (one.1 - two.1).abs() < 1e-6));
    }
    let receipt: Value = serde_json::from_str(&text).unwrap();
    assert!(receipt["summary"].get("display_mibps").is_none(), "a value that was not measured is absent, and never 0");
    let peak = receipt["summary"]["max_rss_mib"].as_f64().unwrap();
    assert!(peak > 20.0 && peak < 100.0, "{peak}");
}

#[test]
fn the_digest_of_a_receipt_is_that_of_its_sorted_line() {
    let record = sample::record();
    let mut receipt: Value = serde_json::from_str(&rendered("perf", &record, &judged(&record, &[]))).unwrap();
    let stated = receipt.as_object_mut().unwrap().remove("integrity").unwrap();
    // serde_json's own maps are sorted by key, so this is another way to the same text.
    let line = format!("{receipt}\n");
    let digest = <sha2::Sha256 as sha2::Digest>::digest(line.as_bytes());
    assert_eq!(stated["sha256"].as_str().unwrap(), harness_base::units::hexadecimal(&digest));
}

#[test]
fn a_receipt_of_a_run_without_commit_or_of_a_failed_one_says_so() {
    let mut record = Record { git: None, ..sample::record() };
    let text = rendered("perf", &record, &judged(&record, &[]));
    assert!(!text.contains("\"commit\"") && interop::parse(&text, Path::new("perf.json")).is_ok());
    record.interrupted = true;
    let text = rendered("perf", &record, &judged(&record, &[]));
    let message = interop::parse(&text, Path::new("perf.json")).unwrap_err().to_string();
    assert!(message.contains("status is \"failure\""), "{message}");
}

#[test]
fn all_formats_of_a_default_run_are_written_within_their_budget() {
    let record = sample::record();
    let judgement = judged(&record, &[]);
    let folder = Folder::new("budget");
    // Some 15 ms in a release build: what still fails on a busy machine with five tries is another order of growth.
    let fastest = (0..5).map(|_| {
        let begun = std::time::Instant::now();
        let written = write_all_of(&record, &judgement, &folder);
        assert!(written.len() >= harness::report::FORMATS.len() / 2, "{written:?}");
        begun.elapsed()
    });
    let fastest = fastest.min().unwrap();
    assert!(fastest < std::time::Duration::from_millis(300), "{fastest:?}");
}
