//! Checks that `harness report --out` writes the files that a run writes.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Run, stderr, stdout};
use crate::support::harness;

const DEFAULT: [&str; 7] = [
    "bench_metrics.flat.json",
    "bench_metrics.json",
    "perf.json",
    "report.html",
    "summary.md",
    "summary.txt",
    "verdict.json",
];

/// Returns the files in the folder after `harness report RUN --out FOLDER` with these arguments.
fn written(run: &Run, arguments: &[&str]) -> BTreeSet<String> {
    let out = run.file("again");
    let output = harness()
        .arg("report")
        .arg(run.folder())
        .arg("--verbose")
        .arg("--out")
        .arg(&out)
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let names = names(&out);
    for name in &names {
        let listed = name.split_inclusive('/').next().unwrap();
        assert!(stdout(&output).contains(listed), "{name} is not in\n{}", stdout(&output));
    }
    std::fs::remove_dir_all(&out).unwrap();
    names
}

/// Returns paths of files below a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        match entry.path() {
            inner if inner.is_dir() => names.extend(self::names(&inner).iter().map(|below| format!("{name}/{below}"))),
            _ => drop(names.insert(name)),
        }
    }
    names
}

fn beyond_the_default(found: &BTreeSet<String>) -> Vec<&str> {
    assert!(DEFAULT.iter().all(|name| found.contains(*name)), "{found:?}");
    found.iter().map(String::as_str).filter(|name| !DEFAULT.contains(name)).collect()
}

#[test]
fn the_default_artifacts_are_written_and_the_rest_where_it_is_asked_for() {
    let run = Run::quiet();
    assert_eq!(beyond_the_default(&written(&run, &[])), Vec::<&str>::new());
    let asked = written(&run, &["--artifacts", "junit,perf-summary", "--artifacts", "html"]);
    assert_eq!(beyond_the_default(&asked), ["junit.xml", "perf-summary.md"]);
    let all = written(&run, &["--artifacts", "all"]);
    let more = beyond_the_default(&all);
    for name in ["comment.md", "gab-bigger.json", "junit.xml", "metrics.prom", "release-notes.md"] {
        assert!(more.contains(&name), "{more:?}");
    }
    for folder in ["aether/", "badges/"] {
        assert!(more.iter().any(|name| name.starts_with(folder)), "{more:?}");
    }
}

#[test]
fn a_scenario_lists_artifacts_of_its_own() {
    let mut record = crate::sample::record();
    record.scenario.text = "name = \"sidecar\"\nartifacts = [\"release-notes\"]\n".to_owned();
    let run = Run::of(record.clone(), &[]);
    assert_eq!(beyond_the_default(&written(&run, &[])), ["release-notes.md"]);
    assert_eq!(beyond_the_default(&written(&run, &["--artifacts", "junit"])), ["junit.xml", "release-notes.md"]);
    record.scenario.overrides = vec!["artifacts=[\"openmetrics\"]".to_owned()];
    assert_eq!(beyond_the_default(&written(&Run::of(record, &[]), &[])), ["metrics.prom"]);
}

#[test]
fn an_artifact_that_does_not_exist_is_a_mistake() {
    let run = Run::quiet();
    let output = harness().arg("report").arg(run.folder()).args(["--artifacts", "pdf"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("'pdf'"), "{}", stderr(&output));
}
