//! Finds the baseline that a run is compared with: the one that was asked for, or that of the branch rules.

use super::args::RunArgs;
use super::error::{Error, print_warning};
use super::previous;
use crate::baseline::branch::{Rule, Surroundings};
use crate::baseline::{self, Choice, Found, Wanted};
use crate::measure::GitFacts;
use crate::measure::Record;
use crate::plan::Plan;
use crate::run::Home;
use crate::verdict::stored::{self, Opened};
use crate::verdict::{self, Context};
use harness_rig::host;

/// The value of `--baseline` that disables the comparison.
const NO_BASELINE: &str = "none";

/// The baseline, found before the run, so that a wrong name does not waste the time of a run.
pub(super) struct Against {
    /// The baseline; absent if the run is not compared with stored runs.
    found: Option<Found>,
    /// The previous run, if it was named.
    previous: Option<Opened>,
}

impl Against {
    /// Finds the baseline that the command line or the branch rules name. Two builds in one run need no baseline unless
    /// one is asked for.
    pub(super) fn find(args: &RunArgs, plan: &Plan) -> Result<Self, Error> {
        let previous = args.previous.as_deref().map(stored::open).transpose().map_err(|error| Error::input(&error))?;
        let unwanted = match args.baseline.as_deref() {
            Some(name) => name == NO_BASELINE,
            // A command of the command line has no baseline of its own.
            None => plan.base.is_some() || args.scenario.is_none(),
        };
        if unwanted {
            return Ok(Self { found: None, previous });
        }
        let wanted = args.baseline.as_deref().map(Wanted::typed);
        let rule = rule(host::git(&plan.folder).as_ref());
        let found = baseline::find(&args.baseline_dir, &plan.scenario.name, wanted.as_ref(), &rule);
        Ok(Self { found: Some(found.map_err(|error| refused(&error))?), previous })
    }

    /// Collects the input of the judgement of `record`: the comparable runs and the options. Warns of everything that
    /// makes the baseline not comparable.
    pub(super) fn context(&self, record: &Record, args: &RunArgs, home: &Home) -> Context {
        let mut context = Context { override_reason: override_reason(args), ..Context::default() };
        match self.found.clone().map(|found| found.for_run(record)) {
            None => {}
            // The judgement says why nothing is compared.
            Some(Choice::None { why }) => context.no_baseline = Some(why),
            Some(Choice::Found { baseline, differs, elsewhere, warnings, .. }) => {
                differs.iter().chain(&warnings).for_each(|message| print_warning(message));
                let against = verdict::context::Against::new(&baseline, differs);
                context.against = against.map(|against| verdict::context::Against { elsewhere, ..against });
            }
        }
        // Only stored evidence needs two consecutive runs.
        if context.against.is_some() {
            let previous = self.previous.clone().map(previous::breaches).or_else(|| previous::find(home, record));
            context.previous = previous.unwrap_or_default();
        }
        context
    }
}

/// Returns why blocks may pass: the reason on the command line, or that in the description of the pull request.
fn override_reason(args: &RunArgs) -> Option<String> {
    let typed = args.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()).map(str::to_owned);
    typed.or_else(|| {
        let event = std::fs::read_to_string(std::env::var_os("GITHUB_EVENT_PATH")?).ok()?;
        in_pull_request(&event)
    })
}

/// Associations of authors who may write to the repository.
const TRUSTED: [&str; 3] = ["OWNER", "MEMBER", "COLLABORATOR"];
/// The label with which somebody who may write accepts the reason of another author.
const LABEL: &str = "perf-override";

/// Extracts the reason after `perf-override:` from the pull request of a GitHub event. It counts if its author may write to the
/// repository, or if the pull request has the label `perf-override`, which only such people can set.
fn in_pull_request(event: &str) -> Option<String> {
    let event: serde_json::Value = serde_json::from_str(event).ok()?;
    let request = &event["pull_request"];
    let is_trusted = request["author_association"].as_str().is_some_and(|author| TRUSTED.contains(&author));
    let mut labels = request["labels"].as_array().into_iter().flatten();
    if !is_trusted && !labels.any(|label| label["name"] == LABEL) {
        return None;
    }
    let reason = event["pull_request"]["body"].as_str()?.lines().find_map(|line| {
        let (word, reason) = line.trim().split_once(':')?;
        word.trim().eq_ignore_ascii_case("perf-override").then(|| reason.trim().to_owned())
    })?;
    (!reason.is_empty()).then_some(reason)
}

/// Returns the branch rule that applies; `git` is the working copy that contains the scenario.
pub(super) fn rule(git: Option<&GitFacts>) -> Rule {
    let variable = |name: &str| std::env::var(name).ok();
    Surroundings::new(variable, git.map(|git| git.branch.clone())).rule()
}

/// Assigns the exit code: a baseline that cannot be used is invalid input, a disk that cannot be written is not.
pub(super) fn refused(error: &baseline::Error) -> Error {
    match error {
        baseline::Error::Unwritable { .. } => Error::tooling(error),
        _ => Error::input(error),
    }
}

#[cfg(test)]
mod tests {
    use super::in_pull_request;

    #[test]
    fn a_line_of_the_pull_request_overrides_and_words_elsewhere_do_not() {
        let from = |body: &str, author: &str, labels: &[&str]| {
            let labels: Vec<_> = labels.iter().map(|name| serde_json::json!({ "name": name })).collect();
            let request = serde_json::json!({ "body": body, "author_association": author, "labels": labels });
            serde_json::json!({ "pull_request": request }).to_string()
        };
        let event = |body: &str| from(body, "MEMBER", &[]);
        let text = "perf-override: trust me";
        assert_eq!(in_pull_request(&from(text, "NONE", &["bug"])), None, "the author of a fork");
        assert_eq!(in_pull_request(&from(text, "CONTRIBUTOR", &[])), None);
        assert_eq!(in_pull_request(&from(text, "NONE", &["perf-override"])).as_deref(), Some("trust me"));
        let message = |body: &str| in_pull_request(&event(body));
        assert_eq!(
            message("Adds TLS.\r\n\r\n Perf-Override: handshakes cost\r\nmore").as_deref(),
            Some("handshakes cost")
        );
        assert_eq!(message("perf-override:   "), None);
        assert_eq!(message("no perf-override: here"), None);
        assert_eq!(in_pull_request("{}"), None);
        assert_eq!(in_pull_request(&event("x").replace("\"x\"", "null")), None);
    }
}
