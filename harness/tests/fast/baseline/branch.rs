//! Every branch rule, from made-up surroundings.

use harness::baseline::branch::{Rule, Surroundings};

/// Returns the rule under these variables, in a working copy on `branch`.
fn rule(variables: &[(&str, &str)], branch: Option<Option<&str>>) -> Rule {
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Surroundings::new(lookup, branch.map(|branch| branch.map(str::to_owned))).rule()
}

#[track_caller]
fn is(rule: &Rule, against: &str, into: Option<&str>, why: &str) {
    assert_eq!((rule.against, rule.into.as_deref()), (against, into), "{rule:?}");
    assert!(rule.why.contains(why), "{why:?} is not in {:?}", rule.why);
}

#[test]
fn github_pushes() {
    let push = |reference: &str| {
        let variables = [
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_REF", reference),
            ("GITHUB_HEAD_REF", ""),
            ("GITHUB_BASE_REF", " "),
        ];
        // CI checks a commit out, so HEAD is detached.
        rule(&variables, Some(None))
    };
    is(&push("refs/heads/main"), "main", Some("main"), "branch main is compared with its previous run");
    is(&push("refs/heads/master"), "main", Some("main"), "branch master is compared with its previous run");
    is(&push("refs/tags/v1.2.3"), "releases", Some("releases"), "tag v1.2.3 is compared with the previous release");
    is(&push("refs/tags/nightly"), "main", None, "tag nightly is not a release");
    is(&push("refs/heads/feature/tls"), "main", None, "branch feature/tls is compared with the head of main");
    is(&push("refs/heads/v2"), "main", None, "branch v2 ");
    is(&push("refs/heads/gh-readonly-queue/main/pr-7-ab"), "main", None, "branch gh-readonly-queue/main/pr-7-ab");
}

#[test]
fn github_releases_and_schedules_go_by_their_ref() {
    let event =
        |event: &str, reference: &str| rule(&[("GITHUB_EVENT_NAME", event), ("GITHUB_REF", reference)], Some(None));
    is(&event("release", "refs/tags/v2.0.0"), "releases", Some("releases"), "v2.0.0");
    is(&event("schedule", "refs/heads/main"), "main", Some("main"), "branch main");
    is(&event("workflow_dispatch", "refs/heads/try"), "main", None, "branch try");
}

#[test]
fn github_pull_requests() {
    let pull = |event: &str, reference: &str, base: &str| {
        let variables = [
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_REF", reference),
            ("GITHUB_HEAD_REF", "feature/tls"),
            ("GITHUB_BASE_REF", base),
        ];
        rule(&variables, Some(None))
    };
    let seven = pull("pull_request", "refs/pull/7/merge", "main");
    is(&seven, "main", Some("pr-7"), "pull request 7 is compared with the head of main");
    let other_base = pull("pull_request", "refs/pull/12/merge", "develop");
    is(&other_base, "main", Some("pr-12"), "pull request 12 into develop is compared with the head of main");
    // This event names the base branch in GITHUB_REF: that must not make a stranger's run the one of main.
    let target = pull("pull_request_target", "refs/heads/main", "main");
    is(&target, "main", None, "the pull request's number is not in GITHUB_REF");
    for odd in ["refs/pull/../merge", "refs/pull//merge", "refs/pull/7x/merge"] {
        is(&pull("pull_request", odd, "main"), "main", None, "a pull request");
    }
}

#[test]
fn gitlab() {
    let default = ("CI_DEFAULT_BRANCH", "trunk");
    let of = |variables: &[(&str, &str)]| rule(&[variables, &[default]].concat(), Some(None));
    let merge = of(&[("CI_MERGE_REQUEST_IID", "31"), ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")]);
    is(&merge, "main", Some("pr-31"), "pull request 31 is compared with the head of main");
    is(&of(&[("CI_MERGE_REQUEST_IID", "x/y")]), "main", None, "CI_MERGE_REQUEST_IID is not a number");
    is(&of(&[("CI_COMMIT_TAG", "v0.9")]), "releases", Some("releases"), "tag v0.9");
    is(&of(&[("CI_COMMIT_TAG", "docs-3")]), "main", None, "tag docs-3");
    is(&of(&[("CI_COMMIT_BRANCH", "trunk")]), "main", Some("main"), "branch trunk");
    is(&of(&[("CI_COMMIT_BRANCH", "main")]), "main", None, "branch main is compared with the head of main");
    is(&rule(&[("CI_COMMIT_BRANCH", "main")], None), "main", Some("main"), "branch main");
    is(&of(&[("CI_COMMIT_BRANCH", "fix/a")]), "main", None, "branch fix/a");
}

#[test]
fn without_ci_git_decides() {
    is(&rule(&[], Some(Some("main"))), "main", Some("main"), "branch main is compared with its previous run");
    is(&rule(&[], Some(Some("tls"))), "main", None, "branch tls is compared with the head of main");
    is(&rule(&[], Some(None)), "main", Some("main"), "HEAD is detached");
    is(&rule(&[], None), "main", Some("main"), "no git working copy");
    // The variables of GitHub take precedence over git.
    is(&rule(&[("GITHUB_REF", "refs/tags/v1")], Some(Some("main"))), "releases", Some("releases"), "tag v1");
}
