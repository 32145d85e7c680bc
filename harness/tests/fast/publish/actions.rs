//! Checks the files and lines that GitHub Actions reads from a step.

use harness::verdict::judgement::Ground;
use std::process::Output;

use harness::publish::actions::{SUMMARY_LIMIT, annotations, append_summary};
use harness::verdict::judgement::{Finding, FindingKind};
use harness::verdict::{Judgement, Options, judge};
use harness_base::exit::Exit;

use super::{Run, sample, stderr, stdout, support, without_runner};

fn report(run: &Run, arguments: &[&str]) -> Output {
    let mut command = support::harness();
    without_runner(&mut command).env("GITHUB_STEP_SUMMARY", run.file("step.md")).env("GITHUB_OUTPUT", run.file("out"));
    command.arg("report").arg(run.folder()).args(arguments).output().unwrap()
}

#[test]
fn tc_obs_002_a_regression_is_an_error_of_the_step_and_stands_in_its_summary_and_outputs() {
    let run = Run::regressed();
    std::fs::write(run.file("step.md"), "what was there\n").unwrap();
    let output = report(&run, &["--github", "--format", "json"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).starts_with("::error title=REGRESSED::"), "{}", stderr(&output));
    assert!(stdout(&output).starts_with('{'), "stdout keeps to its format");
    let summary = run.read("step.md");
    assert!(summary.starts_with("what was there\n## REGRESSED: "), "{summary}");
    let outputs = run.read("out");
    assert!(outputs.contains("verdict=REGRESSED\nexit-code=3\nresult="), "{outputs}");
}

#[test]
fn tc_obs_006_a_stage_that_could_not_run_is_a_warning_and_the_others_stay() {
    let run = Run::without_overhead();
    let output = report(&run, &["--github"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = stderr(&output);
    assert!(
        shown.starts_with("::warning title=stage overhead::") && shown.contains("no container engine answers"),
        "{shown}"
    );
    let metrics = std::fs::read_to_string(run.folder().join("bench_metrics.json")).unwrap();
    assert!(metrics.contains("startup/to_ready") && !metrics.contains("latency/p50\""), "{metrics}");
}

#[test]
fn without_the_option_the_runner_gets_no_commands() {
    let run = Run::regressed();
    let output = report(&run, &[]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(3), ""));
    assert_eq!((run.read("step.md"), run.read("out")), (String::new(), String::new()));
}

#[test]
fn a_quiet_report_is_its_first_line_without_colours() {
    let run = Run::regressed();
    let output = report(&run, &["--quiet"]);
    let text = stdout(&output);
    assert!(text.starts_with("REGRESSED: ") && text.lines().count() == 1, "{text}");
    assert!(report(&run, &["--quiet", "--format", "json"]).stdout.starts_with(b"{"));
}

fn judgement(findings: Vec<Finding>, grounds: Vec<Ground>) -> Judgement {
    let exit = if grounds.is_empty() { Exit::Pass } else { Exit::Regressed };
    Judgement { findings, grounds, exit, ..judge(&sample::record(), &[], Options::default()) }
}

fn finding(index: usize, kind: FindingKind) -> Finding {
    let subject = format!("latency/p{index:02}");
    let message = format!("{subject}: worse");
    serde_json::from_value(serde_json::json!({ "subject": subject, "kind": kind, "message": message })).unwrap()
}

#[test]
fn more_than_nine_of_a_level_are_counted() {
    let blocks = (0..30).map(|index| finding(index, FindingKind::Block));
    let alerts = (30..40).map(|index| finding(index, FindingKind::Alert));
    let grounds = [Ground::Finding(finding(7, FindingKind::Block)), Ground::Incomplete { stage: "idle".to_owned() }];
    let commands = annotations(&judgement(blocks.chain(alerts).collect(), grounds.to_vec()));
    let text = commands.as_str();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 20, "{text}");
    assert_eq!(lines[0], "::error title=latency/p00::latency/p00: worse");
    assert_eq!(
        lines[9], "::error title=harness::and 22 more; see the summary",
        "a reason that repeats a block counts once"
    );
    assert_eq!(lines[19], "::warning title=harness::and 1 more; see the summary");
    assert_eq!(annotations(&judgement(vec![finding(1, FindingKind::Noise)], Vec::new())).as_str(), "");
}

#[test]
fn a_summary_that_github_would_drop_is_not_written() {
    let run = Run::quiet();
    let path = run.file("step.md");
    std::fs::write(&path, vec![b'x'; SUMMARY_LIMIT as usize - 100]).unwrap();
    append_summary(&path, &"y".repeat(90)).unwrap();
    let refused = append_summary(&path, &"y".repeat(90)).unwrap_err().to_string();
    assert!(refused.contains("1048576") && refused.contains("step.md"), "{refused}");
    assert!(std::fs::metadata(&path).unwrap().len() <= SUMMARY_LIMIT);
}
