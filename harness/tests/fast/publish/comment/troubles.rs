//! Comments that GitHub refuses, does not answer, or is not asked for: the text goes into the step summary.

use std::net::TcpListener;
use std::process::Output;

use super::super::{Run, stderr, stdout, support, without_runner};
use super::{post, post_to, well_behaved};
use crate::github::{Answer, GithubStandIn, Seen};

/// Checks that nothing was posted, that the step summary has the text, and that the exit code is 0.
#[track_caller]
fn degraded(run: &Run, output: &Output, message: &[&str]) {
    let warning = stderr(output);
    assert_eq!(output.status.code(), Some(0), "{warning}");
    assert!(warning.starts_with("::warning title=harness comment::the comment was not posted: "), "{warning}");
    assert_eq!(warning.lines().count(), 1, "{warning}");
    assert!(message.iter().all(|part| warning.contains(part)), "{warning}\nlacks one of {message:?}");
    let summary = run.read("step.md");
    assert!(summary.starts_with("what was there\n### Performance of sidecar: "), "{summary}");
}

#[test]
fn a_comment_that_github_refuses_goes_into_the_step_summary() {
    for (status, refusal, message) in [
        (401, "Bad credentials", "the token is invalid or expired"),
        (403, "Resource not accessible by integration", "fork's pull request never has"),
        (404, "Not Found", "the pull request does not exist"),
        (422, "Validation Failed\n::error::injected", "HTTP 422"),
        (301, "Moved Permanently", "the repository was renamed"),
    ] {
        let github = GithubStandIn::start(Vec::new(), move |seen: &Seen| {
            if seen.method == "POST" { Answer::Refuse(status, refusal) } else { Answer::Serve }
        });
        let run = Run::regressed();
        std::fs::write(run.file("step.md"), "what was there\n").unwrap();
        let output = post(&github, &run, &[]);
        degraded(&run, &output, &[&format!("HTTP {status} ("), message, "it is in the summary of this step"]);
        assert_eq!(github.count("POST"), 1, "{status} is not tried again");
        assert!(github.comments().is_empty());
    }
}

#[test]
fn a_message_that_repeats_the_token_is_redacted() {
    let github = GithubStandIn::start(Vec::new(), |_| Answer::Refuse(401, "bad token ghs_loopbackToken0123456789"));
    let run = Run::quiet();
    std::fs::write(run.file("step.md"), "what was there\n").unwrap();
    degraded(&run, &post(&github, &run, &[]), &["bad token ***"]);
}

#[test]
fn a_server_that_fails_is_asked_three_times() {
    let github = GithubStandIn::start(Vec::new(), |_| Answer::Refuse(500, "oops"));
    let run = Run::quiet();
    std::fs::write(run.file("step.md"), "what was there\n").unwrap();
    degraded(&run, &post(&github, &run, &[]), &["HTTP 500 (oops)", "(3 tries)"]);
    assert_eq!(github.seen().len(), 3);

    let mut failures = 1;
    let github = GithubStandIn::start(Vec::new(), move |_| {
        failures -= 1;
        if failures >= 0 { Answer::Refuse(503, "for a moment") } else { Answer::Serve }
    });
    let output = post(&github, &Run::quiet(), &[]);
    assert!(stdout(&output).starts_with("created the comment"), "{}", stderr(&output));
}

#[test]
fn a_write_that_was_done_but_not_answered_is_not_done_twice() {
    let mut lost = false;
    let github = GithubStandIn::start(Vec::new(), move |seen: &Seen| {
        let lose = seen.method == "POST" && !lost;
        lost |= lose;
        if lose { Answer::ServeButSay(502) } else { Answer::Serve }
    });
    let output = post(&github, &Run::quiet(), &[]);
    assert_eq!(stdout(&output), "updated the comment: https://github.example/c/1\n");
    assert_eq!(github.comments().len(), 1);
}

#[test]
fn a_server_that_hangs_or_is_not_there_is_given_up() {
    let github = GithubStandIn::start(Vec::new(), |_| Answer::Hang);
    let run = Run::quiet();
    std::fs::write(run.file("step.md"), "what was there\n").unwrap();
    degraded(&run, &post(&github, &run, &["--patience", "1"]), &["did not answer within 1.00 s", "(3 tries)"]);

    let run = Run::quiet();
    std::fs::write(run.file("step.md"), "what was there\n").unwrap();
    // Bound but not listening: no other process can use it, and every connection is refused.
    let bound = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = post_to(&format!("http://{bound}"), &run, &[]);
    degraded(&run, &output, &["cannot be reached", "(3 tries)"]);
}

#[test]
fn without_a_token_nothing_is_asked() {
    let github = well_behaved(Vec::new());
    let run = Run::quiet();
    let mut command = support::harness();
    without_runner(&mut command).env("GITHUB_API_URL", github.url()).env("GITHUB_REPOSITORY", "owner/name");
    let output =
        command.env("GITHUB_TOKEN", "").arg("comment").arg(run.folder()).args(["--pr", "17"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stderr(&output).starts_with("warning: the comment was not posted: GITHUB_TOKEN is not set"),
        "{}",
        stderr(&output)
    );
    assert!(github.seen().is_empty());
}
