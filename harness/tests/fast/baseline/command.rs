//! `harness baseline` and `harness run --baseline`, as typed.

use std::path::{Path, PathBuf};

use crate::support::snapshot::matches_file;
use harness::measure::Record;
use harness::report::schema;
use harness::verdict::{Options, Stored, judge, stored};
use serde_json::Value;

use super::made::*;
use super::promoting::clean;

/// Returns a run's folder with this record in it.
fn result(folder: &Folder, record: Record) -> PathBuf {
    let judgement = judge(&record, &[], Options::default());
    let home = folder.path().join("runs").join(&record.run_id);
    std::fs::create_dir_all(&home).unwrap();
    Stored::new(record, judgement).unwrap().write(&home.join(stored::RESULT)).unwrap();
    home
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn from_promotion_to_export() {
    let (folder, results) = (Folder::new(), Folder::new());
    let home = result(&results, clean());
    let promoted = folder.command(&["promote", text(&home)]);
    let said = promoted.passed();
    assert!(said.contains("into baseline main of scenario sidecar, which has 1 run now (HEAD is detached"), "{said}");
    assert!(folder.command(&["promote", text(&home)]).stderr.contains("is already in the baseline"));
    let later = Record { run_id: "later".to_owned(), started_at: "2026-11-21T18:30:05Z".to_owned(), ..clean() };
    let later = result(&results, later).join(stored::RESULT);
    folder.command(&["promote", text(&later), "--name", "main"]).passed();

    let shown = folder.command(&["show"]);
    fits_80_columns(shown.passed());
    matches_file("tests/snapshots/baseline.txt", &without_time(&shown.stdout));
    let json: Value = serde_json::from_str(folder.command(&["show", "main", "--format", "json"]).passed()).unwrap();
    valid(schema::BASELINE, &json).unwrap();
    assert_eq!((json["runs"].as_array().unwrap().len(), &json["runs"][0]["run_id"]), (1, &Value::from("later")));
    let trend = folder.command(&["show", "--trend", "latency/p50"]);
    assert!(trend.passed().starts_with("latency/p50 in baseline main of scenario sidecar: 2 runs"), "{trend:?}");
    let trend: Value =
        serde_json::from_str(folder.command(&["show", "--trend", "latency/p50", "--format", "json"]).passed()).unwrap();
    valid(schema::TREND, &trend).unwrap();
    exports(&folder);
}

/// Every format, one run and all, with the values that were promoted.
fn exports(folder: &Folder) {
    let (stored, _) = folder.store().read("sidecar", "main").unwrap().unwrap();
    let newest = stored.newest().unwrap();
    let export = |args: &[&str]| folder.command(&[&["export", "main"], args].concat()).passed().to_owned();

    let bencher: Value = serde_json::from_str(&export(&["--format", "bencher"])).unwrap();
    valid(schema::BMF, &bencher).unwrap();
    assert_eq!(bencher.as_object().unwrap().len(), newest.metrics.len());
    // Milliseconds there are nanoseconds here.
    let p50 = bencher["latency/p50"]["latency"]["value"].as_f64().unwrap();
    assert!((p50 / 1e6 - newest.metric("latency/p50").unwrap().point).abs() < 1e-8, "{p50}");
    assert!(bencher["latency/p50"]["latency"]["lower_value"].as_f64().unwrap() < p50);

    let flat: Value = serde_json::from_str(&export(&["--format", "flat"])).unwrap();
    valid(schema::FLAT, &flat).unwrap();
    let values: Vec<(&str, f64)> = flat
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["name"].as_str().unwrap(), entry["value"].as_f64().unwrap()))
        .collect();
    let expected: Vec<(&str, f64)> = newest.metrics.iter().map(|metric| (metric.id.as_str(), metric.point)).collect();
    assert_eq!(values, expected);

    for (format, schema) in [("bencher", schema::BMF), ("flat", schema::FLAT)] {
        let all = export(&["--format", format, "--all"]);
        assert_eq!(all.lines().count(), 2);
        all.lines().for_each(|line| valid(schema, &serde_json::from_str(line).unwrap()).unwrap());
    }
    let all: harness::baseline::Baseline = serde_json::from_str(&export(&["--format", "json", "--all"])).unwrap();
    assert_eq!(all, stored);
}

/// Removes the time, which differs in every run.
fn without_time(text: &str) -> String {
    let (before, after) = text.split_once("promoted ").unwrap();
    format!("{before}promoted TIME{}", &after["2026-11-21T00:00:00Z".len()..])
}

#[test]
fn promotion_refuses_with_exit_code_2_and_the_next_command() {
    let (folder, results) = (Folder::new(), Folder::new());
    let mut dirty = clean();
    dirty.git.as_mut().unwrap().dirty = true;
    let home = result(&results, dirty);
    folder.command(&["promote", text(&home)]).refused(2, &["tracked files differed", "--override \"REASON\""]);
    assert!(folder.store().list().unwrap().is_empty());
    folder.command(&["promote", text(&home), "--override", "the first one"]).passed();
    assert!(folder.command(&["show"]).passed().contains("override: the first one"));

    let file = home.join(stored::RESULT);
    let changed = std::fs::read_to_string(&file).unwrap().replacen("\"scheduled\":3000", "\"scheduled\":3001", 1);
    std::fs::write(&file, changed).unwrap();
    folder.command(&["promote", text(&home)]).refused(2, &["was changed after the run"]);
    std::fs::rename(&file, home.join("journal.jsonl")).unwrap();
    folder.command(&["promote", text(&home)]).refused(2, &["holds a partial run", "harness run"]);
    folder.command(&["promote", "no-such-run"]).refused(2, &["no-such-run does not exist"]);
    folder.command(&["promote"]).refused(4, &["RESULT"]);

    let mut branch = Record { run_id: "of-a-branch".to_owned(), ..clean() };
    branch.git.as_mut().unwrap().branch = Some("tls".to_owned());
    let home = result(&results, branch);
    folder.command(&["promote", text(&home)]).refused(2, &["branch tls", "--name main"]);
    folder.command(&["promote", text(&home), "--name", "../x"]).refused(2, &["is not a valid baseline name"]);
    let said = folder.command(&["promote", text(&home), "--name", "tls", "--override", "sure"]);
    assert!(said.passed().contains("into baseline tls") && said.stderr.contains("without --override"), "{said:?}");
}

#[test]
fn a_late_comer_and_a_stranger_are_reported() {
    let (folder, results) = (Folder::new(), Folder::new());
    folder.fill("sidecar", "main", vec![run(10, 1.0)]);
    let mut record = clean();
    record.host.cpus = 64;
    let early = folder.command(&["promote", text(&result(&results, record))]);
    early.passed();
    assert!(early.stderr.contains("run run-10 began later and remains the newest"), "{early:?}");
    let mut later = Record { run_id: "later".to_owned(), started_at: "2027-01-01T00:00:00Z".to_owned(), ..clean() };
    later.host.cpus = 64;
    let stranger = folder.command(&["promote", text(&result(&results, later))]);
    stranger.passed();
    assert!(
        stranger.stderr.contains("not comparable with the run before it: the hosts differ (CPUs: 64"),
        "{stranger:?}"
    );
}

#[test]
fn showing_needs_one_baseline_that_can_be_read() {
    let folder = Folder::new();
    folder.command(&["show"]).refused(2, &["there is no baseline main", "harness baseline promote"]);
    assert!(folder.command(&["list"]).passed().starts_with("no baseline in"));
    folder.fill("sidecar", "main", runs(&[1.0, 1.1]));
    folder.fill("nginx", "main", runs(&[1.0]));
    folder.fill("a-scenario-with-a-long-name", "and-a-baseline-with-a-longer-one", runs(&[1.0]));
    folder.command(&["show"]).refused(2, &["nginx, sidecar", "--scenario nginx"]);
    folder.command(&["show", "--scenario", "nginx"]).passed();
    folder.command(&["show", "--scenario", "apache"]).refused(2, &["no baseline main of scenario apache"]);
    let trend = ["show", "--scenario", "nginx", "--trend", "latency/p5"];
    folder.command(&trend).refused(2, &["latency/p5; did you mean latency/p50?"]);

    let listed = folder.command(&["list"]);
    fits_80_columns(listed.passed());
    assert!(listed.stdout.contains("sidecar") && listed.stdout.contains("2026-11-21  0123456789ab"), "{listed:?}");
    folder.write("sidecar", "releases", "{}");
    let listed = folder.command(&["list"]);
    assert_eq!(listed.code, 2, "{listed:?}");
    fits_80_columns(&listed.stdout);
    assert!(listed.stdout.contains("error: the baseline") && listed.stdout.contains("2026-11-21"), "{listed:?}");
    let json: Value = serde_json::from_str(&folder.command(&["list", "--format", "json"]).stdout).unwrap();
    let runs: Vec<Option<u64>> = json.as_array().unwrap().iter().map(|entry| entry["runs"].as_u64()).collect();
    assert_eq!(runs, [Some(1), Some(1), Some(2), None]);
    folder.command(&["show", "releases"]).refused(2, &["is malformed: it has no schema_version"]);
}

#[test]
fn pruning_says_what_it_does() {
    let folder = Folder::new();
    // Old on any clock that is right.
    let old = |n: u64| harness::baseline::Promoted { promoted_at: "2020-01-01T00:00:00Z".to_owned(), ..run(n, 1.0) };
    let path = folder.fill("sidecar", "pr-7", vec![old(0)]);
    folder.fill("sidecar", "main", vec![old(0)]);
    let dry = folder.command(&["prune", "--dry-run"]);
    assert!(dry.passed().starts_with("would remove ") && path.exists(), "{dry:?}");
    let never = folder.command(&["prune", "--keep-days", "1000000"]);
    assert!(never.passed().contains("older than 1000000 days") && path.exists(), "{never:?}");
    assert!(folder.command(&["prune"]).passed().starts_with("removed ") && !path.exists());
    folder.write("sidecar", "pr-8", "{");
    let unknown = folder.command(&["prune"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("it is kept"), "{unknown:?}");
    folder.command(&["show"]).passed();
}

#[test]
fn a_baseline_that_cannot_be_taken_stops_a_run_before_it_starts() {
    let folder = Folder::new();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/sidecar.toml");
    let run = |args: &[&str]| {
        let out = folder.path().join("out");
        let mut command = outside_ci();
        command
            .args(["run", "--verbose"])
            .arg(&scenario)
            .arg("--out")
            .arg(&out)
            .arg("--baseline-dir")
            .arg(folder.path())
            .args(args);
        let shown = shown(command.output().unwrap());
        assert!(!out.exists(), "something was started: {shown:?}");
        shown
    };
    run(&["--baseline", "nightly"]).refused(2, &["there is no baseline nightly of scenario sidecar", "baseline list"]);
    run(&["--baseline", "./of-friday.json"]).refused(2, &["the baseline ./of-friday.json does not exist"]);
    let damaged = folder.write("sidecar", "nightly", "{\"schema_version\": 1,");
    run(&["--baseline", "nightly"]).refused(2, &["is damaged, because it is not JSON"]);
    run(&["--baseline", text(&damaged)]).refused(2, &["is damaged, because it is not JSON"]);
    folder.write("sidecar", "main", "{\"schema_version\": 9}");
    run(&[]).refused(2, &["was written by a newer harness: layout 9"]);
}

#[test]
fn a_result_whose_names_leave_the_folder_is_refused() {
    for name in ["../../evil", "/tmp/harness-test-evil", "a/b", ""] {
        let (folder, results) = (Folder::new(), Folder::new());
        let mut record = clean();
        record.scenario.name = name.to_owned();
        let judgement = judge(&record, &[], Options::default());
        let file = results.path().join(stored::RESULT);
        Stored::new(record, judgement).unwrap().write(&file).unwrap();
        let promoted = folder.command(&["promote", text(&file)]);
        assert_eq!(promoted.code, 2, "{name}: {promoted:?}");
        assert!(promoted.stderr.contains("scenario.name"), "{name}: {promoted:?}");
        assert!(!folder.path().join("../../evil").exists() && !Path::new("/tmp/harness-test-evil").exists());
    }
}

#[test]
fn a_baseline_is_not_written_through_a_link() {
    let (folder, results, elsewhere) = (Folder::new(), Folder::new(), Folder::new());
    let home = result(&results, clean());
    std::fs::create_dir_all(elsewhere.path()).unwrap();
    let store = folder.store();
    std::fs::create_dir_all(store.folder()).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), store.folder().join("sidecar")).unwrap();
    let promoted = folder.command(&["promote", text(&home)]);
    assert_eq!(promoted.code, 2, "{promoted:?}");
    assert!(promoted.stderr.contains("is a symbolic link"), "{promoted:?}");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
