//! `scripts/bencher-upload`. Bencher's command line cannot be installed here, so a stand-in records how it is called.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use harness::measure::metric::{Better, METRICS};

use super::{Run, stderr, stdout, without_runner};

const KEY: &str = "bencher_run_loopbackKey0123456789";

const MAIN: [(&str, &str); 2] = [("GITHUB_REF", "refs/heads/main"), ("GITHUB_SHA", "0123abc")];

fn upload(run: &Run, stand_in: &str, environment: &[(&str, &str)]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bin = run.file("bin");
    if !bin.exists() {
        std::fs::create_dir_all(&bin).unwrap();
        // A link, since a file that was just written may still be open for writing in a child of another test.
        symlink(root.join("tests/fast/publish/bencher-cli-stand-in"), bin.join("bencher")).unwrap();
    }
    let mut command = Command::new(root.join("../scripts/bencher-upload"));
    without_runner(&mut command)
        .env("HARNESS", env!("CARGO_BIN_EXE_harness"))
        .env("GITHUB_ACTIONS", "true")
        .env("BENCHER_PROJECT", "project")
        .env("BENCHER_API_KEY", KEY);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).env("STAND_IN_LOG", run.file("calls")).env("STAND_IN", stand_in);
    let before = artifact(run);
    let output = command.envs(environment.iter().copied()).arg(run.folder()).output().unwrap();
    assert_eq!(artifact(run), before, "the artifact stays as it is");
    for text in [stdout(&output), stderr(&output), run.read("calls")] {
        assert!(!text.contains(KEY), "the key is in: {text}");
    }
    output
}

fn artifact(run: &Run) -> Option<String> {
    std::fs::read_to_string(run.folder().join("bench_metrics.json")).ok()
}

/// Returns the arguments of every call.
fn calls(run: &Run) -> Vec<Vec<String>> {
    let text = run.read("calls");
    text.split("call\n").skip(1).map(|call| call.lines().map(str::to_owned).collect()).collect()
}

/// The arguments of `bencher run`, with what stands behind each option.
struct Uploaded(Vec<String>);

impl Uploaded {
    #[track_caller]
    fn of(run: &Run) -> Self {
        let runs: Vec<Vec<String>> = calls(run).into_iter().filter(|call| call[0] == "run").collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        Self(runs[0].clone())
    }

    fn values(&self, option: &str) -> Vec<&str> {
        self.0.windows(2).filter(|pair| pair[0] == option).map(|pair| pair[1].as_str()).collect()
    }

    fn has(&self, option: &str) -> bool {
        self.0.iter().any(|argument| argument == option)
    }
}

#[test]
fn tc_obs_001_a_commit_to_main_is_tracked_on_main_by_the_bencher_stand_in() {
    let run = Run::quiet();
    let output = upload(&run, "works", &MAIN);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let uploaded = Uploaded::of(&run);
    assert_eq!(uploaded.values("--branch"), ["main"]);
    assert_eq!(uploaded.values("--hash"), ["0123abc"]);
    assert_eq!(uploaded.values("--testbed"), ["sidecar/debian-12-2cpus"]);
    assert_eq!((uploaded.values("--adapter"), uploaded.values("--attempts")), (vec!["json"], vec!["3"]));
    assert!(uploaded.has("--thresholds-reset") && uploaded.has("the key is in the environment"));
    for option in ["--start-point", "--start-point-reset", "--key", "--token", "--github-actions", "--error-on-alert"] {
        assert!(!uploaded.has(option), "{option}");
    }
}

#[test]
fn tc_obs_002_a_regression_on_main_is_tracked_too_by_the_bencher_stand_in() {
    let run = Run::regressed();
    assert_eq!(upload(&run, "works", &MAIN).status.code(), Some(0), "only the run reports the verdict");
    assert_eq!(Uploaded::of(&run).values("--branch"), ["main"]);
}

#[test]
fn tc_obs_003_a_tag_is_tracked_on_releases_which_are_never_reset_by_the_bencher_stand_in() {
    let run = Run::quiet();
    upload(&run, "works", &[("GITHUB_REF", "refs/tags/v1.2.3")]);
    let uploaded = Uploaded::of(&run);
    assert_eq!(uploaded.values("--branch"), ["releases"]);
    assert!(!uploaded.has("--start-point-reset") && !uploaded.has("--start-point"));
}

#[test]
fn tc_obs_004_a_pull_request_begins_at_its_base_by_the_bencher_stand_in() {
    let run = Run::quiet();
    let event = run.file("event.json");
    std::fs::write(&event, r#"{"pull_request": {"base": {"sha": "ba5e"}, "head": {"sha": "4ead"}}}"#).unwrap();
    let event = event.to_str().unwrap().to_owned();
    let environment = [
        ("GITHUB_REF", "refs/pull/17/merge"),
        ("GITHUB_BASE_REF", "main"),
        ("GITHUB_SHA", "3e49e"),
        ("GITHUB_EVENT_PATH", &event),
    ];
    upload(&run, "works", &environment);
    let uploaded = Uploaded::of(&run);
    assert_eq!(uploaded.values("--branch"), ["pr-17"]);
    assert_eq!((uploaded.values("--start-point"), uploaded.values("--start-point-hash")), (vec!["main"], vec!["ba5e"]));
    assert_eq!(uploaded.values("--hash"), ["4ead"], "the head, not the merge that exists only in CI");
    assert!(uploaded.has("--start-point-clone-thresholds") && uploaded.has("--start-point-reset"));
    assert!(!uploaded.has("--threshold-measure"), "those of main are taken over");
}

#[test]
fn tc_obs_006_what_could_be_measured_is_uploaded_by_the_bencher_stand_in() {
    let run = Run::without_overhead();
    assert_eq!(upload(&run, "works", &MAIN).status.code(), Some(0));
    let measures = Uploaded::of(&run);
    let measures = measures.values("--threshold-measure");
    assert!(measures.contains(&"memory") && !measures.contains(&"overhead"), "{measures:?}");
}

#[test]
fn tc_obs_007_a_bencher_stand_in_that_is_missing_refuses_breaks_or_hangs_fails_nothing() {
    let folders = std::env::var("PATH").unwrap();
    let without: Vec<&str> = folders.split(':').filter(|folder| !Path::new(folder).join("bencher").exists()).collect();
    let without = without.join(":");
    for (stand_in, environment, message) in [
        ("refuses", vec![], "`bencher measure list` ended with 1: error: HTTP 401 for key ***"),
        ("breaks", vec![], "503 Service Unavailable"),
        ("prints-rubbish", vec![], "did not print a list of measures"),
        ("hangs", vec![("BENCHER_TIMEOUT", "1")], "exceeded BENCHER_TIMEOUT"),
        ("works", vec![("PATH", without.as_str())], "`bencher` cannot be started (No such file or directory)"),
        ("works", vec![("BENCHER_API_KEY", "")], "are not both set"),
        ("works", vec![("HARNESS", "/nonexistent/harness")], "`harness measures` failed"),
        ("works", vec![("GITHUB_REF", "refs/heads/feature")], "does not belong to a tracked branch"),
        ("works", vec![("PR_NUMBER", "1; rm -rf /")], "is not a pull request number"),
    ] {
        let run = Run::quiet();
        let environment: Vec<(&str, &str)> = MAIN.into_iter().chain(environment).collect();
        let output = upload(&run, stand_in, &environment);
        let shown = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{stand_in}: {shown}");
        assert!(shown.starts_with("::warning title=bencher-upload::nothing was uploaded to Bencher: "), "{shown}");
        assert!(shown.contains(message) && shown.contains("bench_metrics.json"), "{message}: {shown}");
    }
}

#[test]
fn results_that_must_not_be_tracked_are_not_sent_to_the_bencher_stand_in() {
    let mut record = crate::sample::record();
    record.scenario.quick = true;
    let quick = Run::of(record, &[]);
    assert!(stderr(&upload(&quick, "works", &MAIN)).contains("--quick"));
    let mut record = crate::sample::record();
    record.interrupted = true;
    let interrupted = Run::of(record, &[]);
    assert!(stderr(&upload(&interrupted, "works", &MAIN)).contains("interrupted"));
    for run in [quick, interrupted] {
        assert_eq!(calls(&run), Vec::<Vec<String>>::new());
    }
    for file in ["bench_metrics.json", "verdict.json", "result.json"] {
        let missing = Run::quiet();
        std::fs::remove_file(missing.folder().join(file)).unwrap();
        let output = upload(&missing, "works", &MAIN);
        assert_eq!(output.status.code(), Some(2), "a folder without {file} is a mistake in the job");
        assert!(stderr(&output).contains("harness report"), "{}", stderr(&output));
    }
}

#[test]
fn measures_get_their_units_before_the_first_upload_to_the_bencher_stand_in() {
    let run = Run::quiet();
    upload(&run, "works", &MAIN);
    let created: Vec<Vec<String>> = calls(&run).into_iter().filter(|call| call[..2] == ["measure", "create"]).collect();
    let slugs: Vec<&str> = created.iter().map(|call| call[5].as_str()).collect();
    assert!(!slugs.contains(&"latency") && !slugs.contains(&"throughput"), "those are there: {slugs:?}");
    let memory = created.iter().find(|call| call[5] == "memory").unwrap();
    assert_eq!(memory[2..8], ["--name", "Memory", "--slug", "memory", "--units", "bytes (B)"]);
    assert!(calls(&run).iter().position(|call| call[0] == "run") == Some(calls(&run).len() - 1));
}

/// Bencher matches these options by position: one that is missing moves a boundary to another measure.
#[test]
fn every_measure_has_a_boundary_on_its_worse_side_and_a_place_holder_on_the_other_for_the_bencher_stand_in() {
    let run = Run::quiet();
    // Every measure of the table, whatever this record happens to have.
    let all: serde_json::Map<String, serde_json::Value> = METRICS
        .iter()
        .map(|metric| (metric.id.to_owned(), serde_json::json!({ metric.bencher.slug: { "value": 1.0 } })))
        .collect();
    std::fs::write(run.folder().join("bench_metrics.json"), serde_json::Value::from(all).to_string()).unwrap();
    upload(&run, "works", &MAIN);
    let uploaded = Uploaded::of(&run);
    let measures = uploaded.values("--threshold-measure");
    let options = ["--threshold-test", "--threshold-min-sample-size", "--threshold-max-sample-size"];
    assert!(options.iter().all(|option| uploaded.values(option).len() == measures.len()));
    let (lower, upper) = (uploaded.values("--threshold-lower-boundary"), uploaded.values("--threshold-upper-boundary"));
    assert_eq!((lower.len(), upper.len()), (measures.len(), measures.len()));
    for metric in METRICS {
        let places: Vec<usize> = (0..measures.len()).filter(|at| measures[*at] == metric.bencher.slug).collect();
        assert_eq!(places.len(), 1, "{} has one threshold", metric.bencher.slug);
        let (lower, upper) = (lower[places[0]], upper[places[0]]);
        let worse_side =
            if metric.better == Better::Lower { (lower == "_", upper != "_") } else { (lower != "_", upper == "_") };
        assert_eq!(worse_side, (true, true), "{}: {lower} {upper}", metric.bencher.slug);
    }
}
