//! Chooses the runs that a run is compared with.

use harness::baseline::branch::{Rule, Surroundings};
use harness::baseline::{Choice, Error, Promoted, Wanted, choose, find};
use harness::measure::Record;
use harness::measure::ToolFacts;
use harness::measure::record::ScenarioFacts;

use super::made::*;

/// Returns a run like those of [`run`], just made.
fn record() -> Record {
    Record {
        run_id: "present".to_owned(),
        scenario: ScenarioFacts {
            name: "sidecar".to_owned(),
            sha256: "ab".repeat(32),
            seed: 42,
            ..ScenarioFacts::default()
        },
        tool: ToolFacts { version: "0.2.0".to_owned(), profile: "release".to_owned() },
        host: host(),
        ..Record::default()
    }
}

fn on_main() -> Rule {
    Surroundings { git: true, git_branch: Some("main".to_owned()), ..Surroundings::default() }.rule()
}

fn name(name: &str) -> Option<Wanted> {
    Some(Wanted::Name(name.to_owned()))
}

/// Returns ids of the runs chosen, what differs, and the warnings.
#[track_caller]
fn chosen(folder: &Folder, record: &Record) -> (Vec<String>, Vec<String>, Vec<String>) {
    match choose(folder.path(), None, &on_main(), record).unwrap() {
        Choice::Found { baseline, differs, warnings, .. } => {
            (baseline.runs.iter().map(|run| run.run_id.clone()).collect(), differs, warnings)
        }
        Choice::None { why } => panic!("{why}"),
    }
}

#[test]
fn a_missing_file_that_was_asked_for_is_an_error() {
    let folder = Folder::new();
    let refused = |wanted: Option<Wanted>| choose(folder.path(), wanted.as_ref(), &on_main(), &record()).unwrap_err();
    let missing = refused(name("main")).to_string();
    assert!(missing.contains("there is no baseline main of scenario sidecar"), "{missing}");
    let file = Some(Wanted::File(folder.path().join("of-friday.json")));
    let missing = refused(file.clone());
    assert!(
        matches!(missing, Error::MissingFile { .. }) && missing.to_string().contains("of-friday.json does not exist")
    );
    assert!(matches!(refused(name("../main")), Error::BadName { .. }));

    folder.write("sidecar", "main", "{\"schema_version\":");
    assert!(matches!(refused(name("main")), Error::NotJson { .. }));
    std::fs::write(folder.path().join("of-friday.json"), "{\"schema_version\": 1}").unwrap();
    assert!(matches!(refused(file), Error::Malformed { .. }));
    // A damaged baseline is an error, even if it was not asked for.
    assert!(matches!(refused(None), Error::NotJson { .. }));

    let of_nginx = folder.fill("nginx", "main", runs(&[1.0]));
    let other = refused(Some(Wanted::File(of_nginx)));
    assert!(other.to_string().contains("belongs to scenario nginx, but the run to scenario sidecar"), "{other}");
}

#[test]
fn a_missing_baseline_of_the_rules_is_reported() {
    let folder = Folder::new();
    folder.fill("nginx", "main", runs(&[1.0]));
    let Choice::None { why } = choose(folder.path(), None, &on_main(), &record()).unwrap() else { panic!() };
    assert!(why.contains("no baseline main of scenario sidecar yet"), "{why}");
    assert!(why.contains("harness baseline promote RESULT --name main"), "{why}");
    let tag = Surroundings { github_ref: Some("refs/tags/v1".to_owned()), ..Surroundings::default() }.rule();
    folder.fill("sidecar", "main", runs(&[1.0]));
    let Choice::None { why } = choose(folder.path(), None, &tag, &record()).unwrap() else { panic!() };
    assert!(why.contains("no baseline releases of scenario sidecar yet"), "a release is not held against main: {why}");
}

#[test]
fn all_comparable_runs_are_the_history_oldest_first() {
    let folder = Folder::new();
    let path = folder.fill("sidecar", "main", runs(&[1.0, 1.1, 0.9, 1.0]));
    let ids = ["run-00", "run-01", "run-02", "run-03"].map(str::to_owned).to_vec();
    assert_eq!(chosen(&folder, &record()), (ids, vec![], vec![]));
    // Asked for by its file, it is the same.
    let by_file = Some(Wanted::File(path.clone()));
    let Choice::Found { baseline, path: found, why, .. } =
        choose(folder.path(), by_file.as_ref(), &on_main(), &record()).unwrap()
    else {
        panic!()
    };
    assert_eq!((baseline.runs.len(), found, why.as_str()), (4, path, "--baseline names its file"));
}

#[test]
fn a_run_is_never_held_against_itself() {
    let folder = Folder::new();
    folder.fill("sidecar", "main", vec![run(0, 1.0), Promoted { run_id: "present".to_owned(), ..run(1, 1.0) }]);
    assert_eq!(chosen(&folder, &record()), (vec!["run-00".to_owned()], vec![], vec![]));
    let alone = Folder::new();
    alone.fill("sidecar", "main", vec![Promoted { run_id: "present".to_owned(), ..run(1, 1.0) }]);
    let Choice::None { why } = choose(alone.path(), None, &on_main(), &record()).unwrap() else { panic!() };
    assert!(why.contains("the only run in") && why.contains("is this one"), "{why}");
}

#[test]
fn runs_that_are_not_comparable_are_not_history() {
    let folder = Folder::new();
    let quick = Promoted { quick: true, ..run(1, 0.5) };
    let elsewhere = Promoted { host: other_host(), ..run(3, 0.5) };
    folder.fill("sidecar", "main", vec![run(0, 1.0), quick, run(2, 1.0), elsewhere]);
    let (ids, differs, warnings) = chosen(&folder, &record());
    assert_eq!((ids, differs), (vec!["run-00".to_owned(), "run-02".to_owned()], vec![]));
    assert!(warnings[0].starts_with("2 of 4 runs in baseline main are left out"), "{warnings:?}");
    assert!(warnings[1].contains("the newest comparable run is run-02, not the newest run of the baseline, run-03"));
}

#[test]
fn each_difference_is_named_and_only_the_newest_run_stays() {
    for (name, other) in [
        ("the hosts differ (CPUs: 2 CPUs, there 4 CPUs)", Promoted { host: other_host(), ..run(1, 1.0) }),
        (
            "the text of the scenario differs (abababababab, in the baseline ef",
            Promoted { scenario_sha256: "ef".repeat(32), ..run(1, 1.0) },
        ),
        ("the baseline is from --quick, this run is not", Promoted { quick: true, ..run(1, 1.0) }),
        (
            "the --set arguments differ (none, in the baseline seed=7)",
            Promoted { overrides: vec!["seed=7".to_owned()], ..run(1, 1.0) },
        ),
        (
            "the harness is a release build, that of the baseline a debug build",
            Promoted { tool: ToolFacts { version: "0.1.0".to_owned(), profile: "debug".to_owned() }, ..run(1, 1.0) },
        ),
    ] {
        let folder = Folder::new();
        let older = Promoted { run_id: "older".to_owned(), started_at: run(0, 1.0).started_at, ..other.clone() };
        folder.fill("sidecar", "main", vec![older, other]);
        let (ids, differs, _) = chosen(&folder, &record());
        assert_eq!(ids, ["run-01"], "{name}");
        assert!(matches!(differs.as_slice(), [only] if only.starts_with(name)), "{name:?} is not {differs:?}");
    }
}

#[test]
fn a_run_measured_alike_elsewhere_goes_before_another_measurement_here() {
    let folder = Folder::new();
    let elsewhere = Promoted { host: other_host(), ..run(0, 1.0) };
    let quick = Promoted { quick: true, ..run(1, 1.0) };
    let neither = Promoted { quick: true, host: other_host(), ..run(2, 1.0) };
    folder.fill("sidecar", "main", vec![elsewhere, quick.clone(), neither.clone()]);
    assert_eq!(chosen(&folder, &record()).0, ["run-00"]);
    let without = Folder::new();
    without.fill("sidecar", "main", vec![quick, neither.clone()]);
    assert_eq!(chosen(&without, &record()).0, ["run-01"]);
    let last = Folder::new();
    last.fill("sidecar", "main", vec![neither]);
    assert_eq!(chosen(&last, &record()).1.len(), 2);
}

#[test]
fn an_unknown_host_is_never_the_same_host() {
    let folder = Folder::new();
    let unknown_host = harness::measure::HostFacts { cpu_model: "unknown".to_owned(), ..host() };
    folder.fill("sidecar", "main", vec![Promoted { host: unknown_host.clone(), ..run(0, 1.0) }]);
    let (_, differs, _) = chosen(&folder, &Record { host: unknown_host, ..record() });
    assert_eq!(differs, ["the hosts differ (CPU: unknown, there unknown)"]);
}

#[test]
fn an_override_stays_known() {
    let folder = Folder::new();
    let accepted = Promoted { override_reason: Some("TLS costs this much".to_owned()), ..run(0, 1.0) };
    folder.fill("sidecar", "main", vec![accepted]);
    let (_, _, warnings) = chosen(&folder, &record());
    assert_eq!(warnings, ["run run-00 of the baseline was promoted with an override: TLS costs this much"]);
}

#[test]
fn a_name_and_a_file_are_distinguished() {
    for (typed, expected) in [
        ("main", Wanted::Name("main".to_owned())),
        ("v1.2", Wanted::Name("v1.2".to_owned())),
        ("main.json", Wanted::File("main.json".into())),
        ("./main", Wanted::File("./main".into())),
    ] {
        assert_eq!(Wanted::typed(typed), expected);
    }
    let folder = Folder::new();
    folder.fill("sidecar", "v1.2", runs(&[1.0]));
    find(folder.path(), "sidecar", Some(&Wanted::typed("v1.2")), &on_main()).unwrap();
}

#[test]
fn a_scenario_whose_files_say_something_else_is_another_measurement() {
    let planned = |version: &str, digest: &str| Promoted {
        tool: ToolFacts { version: version.to_owned(), profile: "release".to_owned() },
        plan_sha256: Some(digest.repeat(32)),
        ..run(1, 2.0)
    };
    let differs = planned("0.1.0", "01").differs(&planned("0.1.0", "02"));
    assert!(differs.len() == 1 && differs[0].starts_with("the files that the scenario names differ"), "{differs:?}");
    assert_eq!(planned("0.1.0", "01").differs(&planned("0.1.0", "01")), [""; 0]);
    assert_eq!(planned("0.1.0", "01").differs(&planned("0.2.0", "02")), [""; 0], "another version has other digests");
    let other = Promoted { scenario_sha256: "ef".repeat(32), ..planned("0.1.0", "02") };
    let differs = planned("0.1.0", "01").differs(&other);
    assert!(differs.len() == 1 && differs[0].starts_with("the text of the scenario differs"), "{differs:?}");
}
