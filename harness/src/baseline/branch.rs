//! Determines which baseline a run belongs to, from the variables of the CI system or from git.
//!
//! | where | compared with | promoted into |
//! |---|---|---|
//! | the main branch | `main` | `main` |
//! | a tag `v…` | `releases` | `releases` |
//! | pull request N | `main` | `pr-N` |
//! | another branch or tag | `main` | only with `--name` |

/// Name of the baseline of the main branch.
pub const MAIN: &str = "main";
/// Name of the baseline of the releases.
pub const RELEASES: &str = "releases";
/// Prefix of the baselines of pull requests.
pub const PULL_PREFIX: &str = "pr-";

/// Names of the main branch if nothing else is known.
const MAIN_BRANCHES: [&str; 2] = ["main", "master"];

/// Variables of the CI system and state of git. An empty variable counts as absent, because GitHub sets those that do
/// not apply to an empty text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `GITHUB_EVENT_NAME`: `push`, `pull_request` …
    pub github_event_name: Option<String>,
    /// `GITHUB_REF`: `refs/heads/…`, `refs/tags/…` or `refs/pull/N/merge`.
    pub github_ref: Option<String>,
    /// `GITHUB_REF_NAME`: the same without its prefix; only for sentences.
    pub github_ref_name: Option<String>,
    /// `GITHUB_HEAD_REF`: the source branch of a pull request.
    pub github_head_ref: Option<String>,
    /// `GITHUB_BASE_REF`: the target branch of a pull request.
    pub github_base_ref: Option<String>,
    /// `CI_MERGE_REQUEST_IID` of GitLab.
    pub gitlab_merge_request: Option<String>,
    /// `CI_MERGE_REQUEST_TARGET_BRANCH_NAME` of GitLab.
    pub gitlab_target_branch: Option<String>,
    /// `CI_COMMIT_TAG` of GitLab.
    pub gitlab_tag: Option<String>,
    /// `CI_COMMIT_BRANCH` of GitLab.
    pub gitlab_branch: Option<String>,
    /// `CI_DEFAULT_BRANCH` of GitLab.
    pub gitlab_default_branch: Option<String>,
    /// Whether there is a git working copy.
    pub git: bool,
    /// Its branch; absent if HEAD is detached.
    pub git_branch: Option<String>,
}

/// The rule that follows from the surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Name of the baseline to compare a run with.
    pub against: &'static str,
    /// Name of the baseline that a run is promoted into; absent if it must be given.
    pub into: Option<String>,
    /// The reason, in a sentence without a full stop.
    pub why: String,
}

impl Surroundings {
    /// Reads the variables. `branch` is that of the working copy: `None` without a working copy, `Some(None)` if HEAD
    /// is detached.
    pub fn new(variable: impl Fn(&str) -> Option<String>, branch: Option<Option<String>>) -> Self {
        let said = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        Self {
            github_event_name: said("GITHUB_EVENT_NAME"),
            github_ref: said("GITHUB_REF"),
            github_ref_name: said("GITHUB_REF_NAME"),
            github_head_ref: said("GITHUB_HEAD_REF"),
            github_base_ref: said("GITHUB_BASE_REF"),
            gitlab_merge_request: said("CI_MERGE_REQUEST_IID"),
            gitlab_target_branch: said("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
            gitlab_tag: said("CI_COMMIT_TAG"),
            gitlab_branch: said("CI_COMMIT_BRANCH"),
            gitlab_default_branch: said("CI_DEFAULT_BRANCH"),
            git: branch.is_some(),
            git_branch: branch.flatten(),
        }
    }

    /// Returns the rule that applies: that of GitHub if it is known, else that of GitLab, else that of git.
    pub fn rule(&self) -> Rule {
        self.github().or_else(|| self.gitlab()).unwrap_or_else(|| self.local())
    }

    fn github(&self) -> Option<Rule> {
        let pull = self.github_event_name.as_deref().is_some_and(|event| event.starts_with("pull_request"));
        let reference = self.github_ref.as_deref();
        let number = reference.and_then(|reference| reference.strip_prefix("refs/pull/")?.split('/').next());
        // The event `pull_request_target` names the main branch in GITHUB_REF: the event is checked first.
        if pull || number.is_some() || self.github_head_ref.is_some() {
            return Some(pull_request(
                number,
                self.github_base_ref.as_deref(),
                "the pull request's number is not in GITHUB_REF",
            ));
        }
        let reference = reference?;
        if let Some(name) = reference.strip_prefix("refs/tags/") {
            return Some(tag(name));
        }
        let name = reference.strip_prefix("refs/heads/").or(self.github_ref_name.as_deref()).unwrap_or(reference);
        Some(if MAIN_BRANCHES.contains(&name) { main_branch(name) } else { other_branch(name) })
    }

    fn gitlab(&self) -> Option<Rule> {
        if let Some(number) = self.gitlab_merge_request.as_deref() {
            let unknown = "CI_MERGE_REQUEST_IID is not a number";
            return Some(pull_request(Some(number), self.gitlab_target_branch.as_deref(), unknown));
        }
        if let Some(name) = self.gitlab_tag.as_deref() {
            return Some(tag(name));
        }
        let name = self.gitlab_branch.as_deref()?;
        let default = self.gitlab_default_branch.as_deref();
        let main = default.map_or_else(|| MAIN_BRANCHES.contains(&name), |default| default == name);
        Some(if main { main_branch(name) } else { other_branch(name) })
    }

    fn local(&self) -> Rule {
        match self.git_branch.as_deref() {
            Some(name) if MAIN_BRANCHES.contains(&name) => main_branch(name),
            Some(name) => other_branch(name),
            None if self.git => main("HEAD is detached and no variable names a branch, so main is assumed".to_owned()),
            None => main("no git working copy names a branch, so main is assumed".to_owned()),
        }
    }
}

fn main(why: String) -> Rule {
    Rule { against: MAIN, into: Some(MAIN.to_owned()), why }
}

fn main_branch(name: &str) -> Rule {
    main(format!("branch {name} is compared with its previous run"))
}

fn other_branch(name: &str) -> Rule {
    Rule { against: MAIN, into: None, why: format!("branch {name} is compared with the head of main") }
}

fn tag(name: &str) -> Rule {
    if name.starts_with('v') {
        let why = format!("tag {name} is compared with the previous release");
        return Rule { against: RELEASES, into: Some(RELEASES.to_owned()), why };
    }
    let why = format!("tag {name} is not a release (v…), so it is compared with the head of main");
    Rule { against: MAIN, into: None, why }
}

/// Returns the rule of a pull request. Its number becomes part of a file name, so a malformed number is ignored.
fn pull_request(number: Option<&str>, base: Option<&str>, unknown: &str) -> Rule {
    let number = number.filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    let target =
        base.filter(|base| !MAIN_BRANCHES.contains(base)).map_or_else(String::new, |base| format!(" into {base}"));
    match number {
        Some(number) => Rule {
            against: MAIN,
            into: Some(format!("{PULL_PREFIX}{number}")),
            why: format!("pull request {number}{target} is compared with the head of main"),
        },
        None => Rule {
            against: MAIN,
            into: None,
            why: format!("a pull request{target} is compared with the head of main; {unknown}"),
        },
    }
}
