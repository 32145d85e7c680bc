//! `harness comment` against the stand-in.

mod troubles;

use std::process::Output;

use harness::verdict::claim::Claim;
use serde_json::Value;

use super::{Run, stderr, stdout, support, without_runner};
use crate::github::{Answer, GithubStandIn, Seen, comment};

const TOKEN: &str = "ghs_loopbackToken0123456789";
const MARKER: &str = "<!-- harness:v1 id=sidecar/debian-12-2cpus -->";

fn post_to(url: &str, run: &Run, arguments: &[&str]) -> Output {
    let mut command = support::harness();
    without_runner(&mut command).env("GITHUB_TOKEN", TOKEN).env("GITHUB_API_URL", url).env("GITHUB_ACTIONS", "true");
    command.env("GITHUB_REPOSITORY", "owner/name").env("GITHUB_STEP_SUMMARY", run.file("step.md"));
    let output = command.arg("comment").arg(run.folder()).args(["--pr", "17"]).args(arguments).output().unwrap();
    for text in [stdout(&output), stderr(&output), run.read("step.md")] {
        assert!(!text.contains(TOKEN), "the token is in: {text}");
    }
    output
}

fn post(github: &GithubStandIn, run: &Run, arguments: &[&str]) -> Output {
    let output = post_to(&github.url(), run, arguments);
    for seen in github.seen() {
        assert_eq!(seen.authorization, format!("Bearer {TOKEN}"));
        assert!(!seen.body.to_string().contains(TOKEN) && !seen.path.contains(TOKEN));
    }
    output
}

fn well_behaved(comments: Vec<Value>) -> GithubStandIn {
    GithubStandIn::start(comments, |_| Answer::Serve)
}

fn others(count: u64) -> Vec<Value> {
    (1..=count).map(|id| comment(id, "somebody", "User", &format!("remark {id}"))).collect()
}

#[track_caller]
fn body(comment: &Value) -> String {
    comment["body"].as_str().unwrap().to_owned()
}

#[test]
fn tc_obs_004_a_pull_request_gets_one_comment_which_every_run_updates_across_pages() {
    let github = well_behaved(others(250));
    let first = post(&github, &Run::quiet(), &[]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert_eq!(stdout(&first), "created the comment: https://github.example/c/251\n");
    assert!(body(&github.comments()[250]).starts_with(&format!("{MARKER}\n### Performance of sidecar: PASS")));

    let second = post(&github, &Run::regressed(), &[]);
    assert_eq!(stdout(&second), "updated the comment: https://github.example/c/251\n");
    assert!(body(&github.comments()[250]).contains("REGRESSED"));
    assert_eq!((github.comments().len(), github.count("POST"), github.count("PATCH")), (251, 1, 1));
    let pages: Vec<String> =
        github.seen().iter().filter(|seen| seen.path.contains("page=")).map(|seen| seen.path.clone()).collect();
    let page = |page: u32| format!("/repos/owner/name/issues/17/comments?per_page=50&page={page}");
    let expected: Vec<String> = (1..=6).chain(1..=6).map(page).collect();
    assert_eq!(pages, expected);
}

#[test]
fn a_full_last_page_is_not_the_end_before_an_empty_one_came() {
    let mut comments = others(100);
    comments.push(comment(101, "github-actions[bot]", "Bot", &format!("{MARKER}\r\nold")));
    let github = well_behaved(comments);
    post(&github, &Run::quiet(), &[]);
    assert_eq!((github.count("POST"), github.count("PATCH")), (0, 1), "a line ending of Windows changes nothing");
    let github = well_behaved(others(100));
    post(&github, &Run::quiet(), &[]);
    assert_eq!(github.count("POST"), 1);
}

#[test]
fn a_marker_that_somebody_else_wrote_or_quoted_is_left_alone() {
    let foreign = vec![
        comment(1, "mallory", "User", &format!("{MARKER}\nmine")),
        comment(2, "github-actions[bot]", "Bot", &format!("> {MARKER}\nquoted")),
        comment(3, "github-actions[bot]", "Bot", "<!-- harness:v1 id=sidecar/another -->\nanother host"),
    ];
    let github = well_behaved(foreign.clone());
    post(&github, &Run::quiet(), &[]);
    assert_eq!(github.comments()[..3], foreign);
    assert_eq!(github.comments().len(), 4);

    let known = vec![comment(1, "robot", "Bot", MARKER), comment(2, "ann", "User", MARKER)];
    let github = well_behaved(known).known_as("ann");
    post(&github, &Run::quiet(), &[]);
    assert_eq!(body(&github.comments()[0]), MARKER, "a token of a person updates that person's comment only");
    assert_ne!(body(&github.comments()[1]), MARKER);
}

#[test]
fn each_testbed_has_a_comment_of_its_own() {
    let github = well_behaved(Vec::new());
    for testbed in ["arm runner", "x86", "arm runner"] {
        post(&github, &Run::quiet(), &["--testbed", testbed]);
    }
    let bodies: Vec<String> = github.comments().iter().map(body).collect();
    assert_eq!(bodies.len(), 2);
    assert!(bodies[0].starts_with("<!-- harness:v1 id=sidecar/arm-runner -->\n"), "{}", bodies[0]);
}

#[test]
fn tc_obs_005_a_regression_is_reported_in_every_mode_and_a_quiet_run_takes_it_back() {
    for mode in ["always", "on-change", "on-alert"] {
        let github = well_behaved(others(3));
        let quiet = post(&github, &Run::quiet(), &["--mode", mode]);
        assert_eq!(quiet.status.code(), Some(0));
        let shown = usize::from(mode == "always");
        assert_eq!(github.count("POST"), shown, "{mode}: {}", stdout(&quiet));

        let worse = post(&github, &Run::regressed(), &["--mode", mode]);
        assert_eq!(worse.status.code(), Some(0), "only the run reports the verdict");
        assert_eq!(github.comments().len(), 4, "{mode}");
        let text = body(&github.comments()[3]);
        assert!(text.contains("REGRESSED") && text.contains("| ❌ target missed | startup/to_ready |"), "{text}");

        let resolved = post(&github, &Run::quiet(), &["--mode", mode]);
        assert!(stdout(&resolved).starts_with("updated the comment"), "{mode}");
        let text = body(&github.comments()[3]);
        assert_eq!(text.contains("### Performance of sidecar: resolved: PASS"), mode != "always", "{text}");
        assert!(!text.contains("REGRESSED") && github.comments().len() == 4);
    }
}

#[test]
fn a_claim_that_is_open_or_missed_as_ever_is_no_change() {
    let claims = [("memory/idle_rss", 20e6), ("overhead/percent_p50", 10.0)];
    let claim = |(metric, bound): (&str, f64)| Claim {
        metric: metric.to_owned(),
        bound,
        below: true,
        required: false,
        age: None,
    };
    let run = Run::of(crate::sample::record(), &claims.map(claim));
    for mode in ["on-change", "on-alert"] {
        let github = well_behaved(Vec::new());
        let output = post(&github, &run, &["--mode", mode]);
        assert_eq!(stdout(&output), "this mode needs no comment, and there is none to update\n");
        assert!(github.comments().is_empty());
    }
}

#[test]
fn contradictory_arguments_are_refused_before_anything_is_sent() {
    let github = well_behaved(Vec::new());
    let run = Run::quiet();
    let try_with = |arguments: &[&str], url: &str, repository: &str| {
        let mut command = support::harness();
        without_runner(&mut command).env("GITHUB_TOKEN", TOKEN).env("GITHUB_API_URL", url);
        let output = command.env("GITHUB_REPOSITORY", repository).arg("comment").args(arguments).output().unwrap();
        assert!(!stderr(&output).contains(TOKEN));
        (output.status.code().unwrap(), stderr(&output))
    };
    let folder = run.folder();
    let folder = folder.to_str().unwrap();
    let url = github.url();
    for (arguments, url, repository, code, message) in [
        (vec![folder], url.as_str(), "owner/name", 4, "--pr"),
        (vec![folder, "--pr", "0"], &url, "owner/name", 4, "0"),
        (vec![folder, "--pr", "17"], &url, "", 4, "--repo OWNER/NAME"),
        (vec![folder, "--pr", "17", "--repo", "../x"], &url, "owner/name", 4, "is not a repository"),
        (vec![folder, "--pr", "17"], "http://api.example", "owner/name", 4, "unencrypted"),
        (vec!["/nonexistent/result.json", "--pr", "17"], &url, "owner/name", 2, "/nonexistent/result.json"),
    ] {
        let (found, text) = try_with(&arguments, url, repository);
        assert_eq!(found, code, "{arguments:?}: {text}");
        assert!(text.contains(message), "{arguments:?}: {text}");
    }
    assert!(github.seen().is_empty());
}

#[test]
fn a_dry_run_prints_and_sends_nothing() {
    let github = well_behaved(Vec::new());
    let run = Run::quiet();
    let output = post(&github, &run, &["--dry-run"]);
    assert!(stdout(&output).starts_with(MARKER), "{}", stdout(&output));
    assert!(github.seen().is_empty());
}

#[test]
fn a_judgement_that_was_changed_is_not_posted() {
    let run = Run::regressed();
    let path = run.folder().join("result.json");
    let mut stored: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    stored["judgement"]["exit"] = "pass".into();
    for list in ["grounds", "findings", "targets"] {
        stored["judgement"][list] = serde_json::json!([]);
    }
    std::fs::write(&path, stored.to_string()).unwrap();
    let github = well_behaved(Vec::new());
    post(&github, &run, &[]);
    assert!(body(&github.comments()[0]).contains("REGRESSED"), "{}", body(&github.comments()[0]));
}

/// The check run shows the verdict at the commit and blocks nothing: GitHub treats a neutral conclusion like a success.
#[test]
fn a_check_run_beside_the_comment_is_neutral_whatever_the_verdict_is() {
    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
    for (run, verdict) in [(Run::quiet(), "PASS: "), (Run::regressed(), "REGRESSED: ")] {
        let github = well_behaved(Vec::new());
        let output = post(&github, &run, &["--check", SHA]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(
            stdout(&output).ends_with("created the check run: https://github.example/runs/1\n"),
            "{}",
            stdout(&output)
        );
        let seen = github.seen();
        let checks: Vec<&Seen> = seen.iter().filter(|seen| seen.path == "/repos/owner/name/check-runs").collect();
        let body = &checks[0].body;
        assert_eq!(
            (checks.len(), &body["head_sha"], &body["conclusion"]),
            (1, &Value::from(SHA), &Value::from("neutral"))
        );
        assert!(body["output"]["title"].as_str().unwrap().starts_with(verdict), "{body}");
        let summary = body["output"]["summary"].as_str().unwrap();
        assert!(summary.starts_with("### Performance of sidecar") && !summary.contains("harness:v1"), "{summary}");
        assert_eq!(github.comments().len(), 1);
    }
}

#[test]
fn a_check_run_that_is_not_permitted_is_a_warning_and_the_comment_is_posted() {
    let refuse = |seen: &Seen| {
        if seen.path.ends_with("/check-runs") { Answer::Refuse(403, "Resource not accessible") } else { Answer::Serve }
    };
    let github = GithubStandIn::start(Vec::new(), refuse);
    let output = post(&github, &Run::quiet(), &["--check", "0123456789abcdef0123456789abcdef01234567"]);
    assert_eq!(output.status.code(), Some(0));
    let said = stderr(&output);
    assert!(
        said.contains("the check run was not created: POST /repos/owner/name/check-runs: HTTP 403")
            && said.contains("`checks: write`"),
        "{said}"
    );
    assert_eq!(github.comments().len(), 1);
    let wrong = post(&github, &Run::quiet(), &["--check", "main"]);
    assert_eq!(wrong.status.code(), Some(4));
}
