//! The files: written whole, checked before they are believed, kept as long as they should be.

use harness::baseline::{Error, Pruned, check, prune};
use harness::measure::metric::{Better, Unit};
use harness::report::schema;
use serde_json::{Value, json};

use super::made::*;

#[test]
fn a_promoted_run_is_read_again_and_no_other_file_is_left() {
    let folder = Folder::new();
    let expected = baseline(runs(&[1.0, 1.1, 0.9]));
    let path = folder.fill("sidecar", "main", expected.runs.clone());
    let (read, found) = folder.store().read("sidecar", "main").unwrap().unwrap();
    assert_eq!((read, found), (expected, path.clone()));
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no unfinished file stays");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1 + 3 + 1, "a run is a line:\n{text}");
    valid(schema::BASELINE, &serde_json::from_str(&text).unwrap()).unwrap();
    assert!(folder.store().read("sidecar", "releases").unwrap().is_none());
    assert!(folder.store().read("nginx", "main").unwrap().is_none());
}

#[test]
fn runs_stand_in_the_order_in_which_they_began() {
    let folder = Folder::new();
    folder.fill("sidecar", "main", vec![run(5, 1.0), run(2, 1.0), run(9, 1.0), run(3, 1.0)]);
    let (read, _) = folder.store().read("sidecar", "main").unwrap().unwrap();
    let ids: Vec<&str> = read.runs.iter().map(|run| run.run_id.as_str()).collect();
    assert_eq!(ids, ["run-02", "run-03", "run-05", "run-09"]);
}

#[test]
fn a_run_that_does_not_fit_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    let path = folder.fill("sidecar", "main", runs(&[1.0, 1.1]));
    let before = std::fs::read_to_string(&path).unwrap();
    let refused = |run| folder.store().promote("sidecar", "main", run).unwrap_err();

    let twice = refused(run(1, 2.0));
    assert!(matches!(&twice, Error::Twice { run_id, .. } if run_id == "run-01"), "{twice}");

    let mut micros = run(7, 1.0);
    micros.metrics[0].unit = Unit::Micros;
    let said = refused(micros).to_string();
    assert!(said.contains("latency/p50 has the unit µs (lower is better)") && said.contains("but ms"), "{said}");
    let mut higher = run(7, 1.0);
    higher.metrics[0].direction = Better::Higher;
    assert!(matches!(refused(higher), Error::OtherUnit { .. }));

    for value in [f64::NAN, f64::INFINITY] {
        let mut infinite = run(7, 1.0);
        infinite.metrics[0].rounds[3] = value;
        assert!(refused(infinite).to_string().contains("not a finite number"));
    }
    let mut empty = run(7, 1.0);
    empty.metrics.clear();
    assert!(refused(empty).to_string().contains("no metric with a value"));
    for name in ["", "../main", "a/b", ".hidden", "pr 7", "ä", &"x".repeat(65)] {
        let refused = folder.store().promote("sidecar", name, run(8, 1.0)).unwrap_err();
        assert!(matches!(refused, Error::BadName { .. }), "{name}: {refused}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

/// Returns what the reader says of a baseline after `change`.
fn said_of(change: impl FnOnce(&mut Value)) -> String {
    let folder = Folder::new();
    let mut json = serde_json::to_value(baseline(runs(&[1.0, 1.1]))).unwrap();
    change(&mut json);
    folder.write("sidecar", "main", &json.to_string());
    folder.store().read("sidecar", "main").unwrap_err().to_string()
}

#[test]
fn each_thing_that_can_be_wrong_with_a_file_has_its_own_answer() {
    let metric = "/runs/1/metrics/0";
    let set = |pointer: &str, value: Value| {
        let pointer = pointer.to_owned();
        said_of(move |json| *json.pointer_mut(&pointer).unwrap() = value)
    };
    let at = |key: &str| format!("{metric}/{key}");
    for (said, words) in [
        (set("/schema_version", json!(2)), "newer harness: layout 2, this one reads up to 1"),
        (set("/schema_version", json!(0)), "schema_version is 0"),
        (said_of(|json| *json = json!({})), "it has no schema_version"),
        (said_of(|json| *json = json!([1])), "it has no schema_version"),
        (said_of(|json| json["opinion"] = json!(1)), "unknown field `opinion`"),
        (said_of(|json| json["runs"][0]["opinion"] = json!(1)), "unknown field `opinion`"),
        (set("/name", json!("releases")), "it names baseline releases of scenario sidecar"),
        (set("/scenario", json!("nginx")), "it names baseline main of scenario nginx"),
        (set("/runs", json!([])), "it has no run"),
        (set("/runs/1/run_id", json!("run-00")), "it contains run run-00 twice"),
        (set("/runs/1/run_id", json!("")), "it has no run_id"),
        (set("/runs/1/started_at", json!("yesterday")), "started_at is \"yesterday\", not a time"),
        (set("/runs/1/promoted_at", json!("2026-02-30T00:00:00Z")), "promoted_at is \"2026-02-30T00:00:00Z\""),
        (set("/runs/1/started_at", json!("2020-01-01T00:00:00Z")), "run run-01 began before run run-00"),
        (set("/runs/1/scenario_sha256", json!("ab")), "scenario_sha256 is \"ab\""),
        (set("/runs/1/record_sha256", json!("x".repeat(64))), "record_sha256 is"),
        (set("/runs/1/metrics", json!([])), "run run-01: it has no metric with a value"),
        (set("/runs/1/host", json!(null)), "invalid type: null"),
        (set(&at("unit"), json!("furlongs")), "unknown variant `furlongs`"),
        (set(&at("unit"), json!("bytes")), "latency/p50 is in ms (lower is better) in one run and in bytes"),
        (set(&at("direction"), json!("higher")), "in ms (higher is better) in another"),
        (set(&at("point"), json!(null)), "invalid type: null, expected f64"),
        (set(&at("point"), json!(0)), "its point 0 is outside the range of its rounds"),
        (set(&at("rounds"), json!([])), "latency/p50: it has no rounds"),
        (set(&at("id"), json!("p50")), "an id has the form category/name"),
        (
            said_of(|json| {
                let again = json["runs"][1]["metrics"][0].clone();
                json["runs"][1]["metrics"].as_array_mut().unwrap().push(again);
            }),
            "run run-01: it contains latency/p50 twice",
        ),
    ] {
        assert!(said.contains(words), "{words:?} is not in {said:?}");
        assert!(said.contains("sidecar/main.json"), "{said}");
    }
}

#[test]
fn a_damaged_file_is_neither_missing_nor_malformed() {
    let folder = Folder::new();
    let path = folder.fill("sidecar", "main", runs(&[1.0]));
    let text = std::fs::read_to_string(&path).unwrap();
    for damaged in ["", "{", &text[..text.len() / 2], &text.replacen(":1.0", ":1e999", 1)] {
        folder.write("sidecar", "main", damaged);
        let error = folder.store().read("sidecar", "main").unwrap_err();
        assert!(matches!(error, Error::NotJson { .. }), "{damaged:.20}: {error}");
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let error = folder.store().read("sidecar", "main").unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let json = serde_json::to_value(baseline(runs(&[1.0, 1.1]))).unwrap();
    valid(schema::BASELINE, &json).unwrap();
    for (pointer, value) in [
        ("/schema_version", json!(2)),
        ("/name", json!("../main")),
        ("/runs", json!([])),
        ("/runs/0/started_at", json!("yesterday")),
        ("/runs/0/record_sha256", json!("ab")),
        ("/runs/0/host", json!({})),
        ("/runs/0/metrics", json!([])),
        ("/runs/0/metrics/0/id", json!("p50")),
        ("/runs/0/metrics/0/unit", json!("furlongs")),
        ("/runs/0/metrics/0/point", json!(null)),
        ("/runs/0/metrics/0/rounds", json!([])),
    ] {
        let mut wrong = json.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert!(valid(schema::BASELINE, &wrong).is_err(), "{pointer}");
    }
    for pointer in ["", "/runs/0", "/runs/0/git", "/runs/0/host", "/runs/0/tool", "/runs/0/metrics/0"] {
        let mut more = json.clone();
        more.pointer_mut(pointer).unwrap()["surprise"] = json!(1);
        assert!(valid(schema::BASELINE, &more).is_err(), "{pointer}");
        assert!(serde_json::from_value::<harness::baseline::Baseline>(more).is_err(), "{pointer}");
    }
}

#[test]
fn only_baselines_of_pull_requests_grow_old() {
    let folder = Folder::new();
    // Each is promoted into ten minutes after day 0.
    for name in ["main", "releases", "pr-7", "pr-8", "premiere"] {
        folder.fill("sidecar", name, runs(&[1.0]));
    }
    // Its first run is as old, its last is not.
    folder.fill("nginx", "pr-7", vec![run(0, 1.0), run(20, 1.0)]);
    folder.write("sidecar", "pr-9", "{");
    let promoted = START + 600;
    let at = |now: u64, dry_run: bool| prune(&folder.store(), now, 30, dry_run).unwrap();
    assert_eq!(at(promoted + 30 * DAY, false).0, [], "30 days are not more than 30 days");
    assert_eq!(at(promoted - DAY, false).0, [], "a promotion that lies ahead is not old");
    let path = |scenario: &str, name: &str| folder.store().path(scenario, name).unwrap();
    let expected: Vec<Pruned> = ["pr-7", "pr-8"].map(|name| Pruned { path: path("sidecar", name), days: 30 }).into();
    let (dry, unknown) = at(promoted + 30 * DAY + 1, true);
    assert_eq!(dry, expected);
    assert!(matches!(unknown.as_slice(), [Error::NotJson { .. }]), "{unknown:?}");
    assert!(expected.iter().all(|old| old.path.exists()), "a dry run removes nothing");
    assert_eq!(at(promoted + 30 * DAY + 1, false).0, expected);
    let left: Vec<String> =
        folder.store().list().unwrap().iter().map(|held| format!("{}/{}", held.scenario, held.name)).collect();
    assert_eq!(left, ["nginx/pr-7", "sidecar/main", "sidecar/pr-9", "sidecar/premiere", "sidecar/releases"]);
    assert_eq!(at(promoted + 51 * DAY, false).0.len(), 1, "now the other one is, too");
}

#[test]
fn every_committed_baseline_can_be_taken() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/baselines");
    for held in harness::baseline::Store::new(&root).list().unwrap() {
        let baseline = held.content.unwrap();
        check(&baseline).unwrap();
        let text = std::fs::read_to_string(&held.path).unwrap();
        valid(schema::BASELINE, &serde_json::from_str(&text).unwrap()).unwrap();
        for folder in ["/home/", "/root/", "/tmp/", "/work/", "/usr/", "/var/", "/Users/"] {
            assert!(!text.contains(folder), "{} holds a path of somebody's machine: {folder}", held.path.display());
        }
    }
}
