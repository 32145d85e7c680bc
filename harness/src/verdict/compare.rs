//! Compares stored results: pairs of a base and a head, with a finding for every number.
//!
//! Nothing passes silently: a number that only one side has, a different unit, a zero baseline and an unreadable file
//! each have a result of their own, and every pair is judged.

mod history;
mod matching;
mod open;
mod rule;
mod weigh;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::judgement::{FindingKind, Weighed};
use super::options::FailOn;
use crate::measure::metric::Better;
use crate::measure::{Entry, FleetShape, Layout, Numbers};
use harness_base::error::chain;
use harness_base::exit::Exit;

pub use open::{Error, Run, open};
pub use rule::Rule;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// `--rule`; if it is absent, the rule of the system whose files are compared.
    pub rule: Option<Rule>,
    /// `--fail-on`.
    pub fail_on: FailOn,
}

/// Every pair and the exit code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The rule that was asked for, or that of the first pair.
    pub rule: Rule,
    /// In the order of the command line.
    pub pairs: Vec<Pair>,
    pub exit: Exit,
    /// The reasons, most urgent first; empty for [`Exit::Pass`].
    pub reasons: Vec<String>,
}

/// A base, a head, and the changes between them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// File or folder of the base.
    pub base: String,
    /// File or folder of the head.
    pub head: String,
    /// The layout of both, if both could be read.
    pub layout: Option<Layout>,
    /// The rule that they were judged by, if both could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// The evidence of the findings, if there are any.
    pub evidence: Option<String>,
    /// Notes in addition to the findings.
    pub notes: Vec<String>,
    /// Why the pair, or a number of it, could not be compared.
    pub problems: Vec<Problem>,
    /// Every number, most serious finding first.
    pub changes: Vec<Change>,
}

/// A failure of a comparison, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Problem {
    pub message: String,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = [Exit::InvalidInput, Exit::Invalid])))]
    pub exit: Exit,
}

/// One number on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub id: String,
    pub metric: String,
    pub unit: String,
    /// The better direction, if it is known.
    pub direction: Option<Better>,
    /// The compared quantile, if the layout has several.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = serde_json::json!(["p50", "p95", null]))))]
    pub quantile: Option<String>,
    pub base: Option<f64>,
    pub head: Option<f64>,
    /// (head − base) ÷ base; positive if the head is larger, whether that is better or worse.
    pub change_ratio: Option<f64>,
    pub finding: FindingKind,
    pub message: String,
    /// The underlying numbers, if both sides have rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighed: Option<Weighed>,
}

pub fn compare(files: &[(PathBuf, PathBuf)], options: Options) -> Comparison {
    let pairs: Vec<Pair> = files.iter().map(|(base, head)| pair(base, head, options.rule)).collect();
    let mut grounds: Vec<(Exit, String)> = pairs.iter().flat_map(|pair| grounds(pair, options.fail_on)).collect();
    grounds.sort_by_key(|(exit, _)| std::cmp::Reverse(exit.urgency()));
    Comparison {
        rule: options.rule.or_else(|| pairs.first()?.rule).unwrap_or_default(),
        exit: grounds.iter().fold(Exit::Pass, |exit, (ground, _)| exit.join(*ground)),
        reasons: grounds.into_iter().map(|(_, message)| message).collect(),
        pairs,
    }
}

fn grounds(pair: &Pair, fail_on: FailOn) -> Vec<(Exit, String)> {
    let problems = pair.problems.iter().map(|problem| (problem.exit, problem.message.clone()));
    let failing = pair.changes.iter().filter(|change| match change.finding {
        FindingKind::Block => true,
        FindingKind::Alert => fail_on <= FailOn::Alert,
        FindingKind::Inconclusive => fail_on <= FailOn::Inconclusive,
        FindingKind::Improved | FindingKind::Ok | FindingKind::Noise | FindingKind::Small => false,
    });
    problems.chain(failing.map(|change| (Exit::Regressed, change.message.clone()))).collect()
}

/// Reads both sides, so that errors of both are reported, and judges the numbers that both have.
fn pair(base: &Path, head: &Path, rule: Option<Rule>) -> Pair {
    let mut pair = Pair { base: base.display().to_string(), head: head.display().to_string(), ..Pair::default() };
    let mut side = |name: &str, path: &Path| {
        let read = open(path);
        read.map_err(|error| {
            pair.problems.push(Problem { message: format!("{name}: {}", chain(&error)), exit: error.exit() });
        })
        .ok()
    };
    let (base, head) = (side("base", base), side("head", head));
    if let (Some(base), Some(head)) = (base, head) {
        judge(&mut pair, base, head, rule);
    }
    pair
}

fn judge(pair: &mut Pair, base: Vec<Run>, head: Vec<Run>, rule: Option<Rule>) {
    if let Err(message) = judge_runs(pair, base, head, rule) {
        pair.problems.push(Problem { message, exit: Exit::InvalidInput });
    }
}

fn judge_runs(pair: &mut Pair, base: Vec<Run>, mut head: Vec<Run>, rule: Option<Rule>) -> Result<(), String> {
    if head.len() > 1 {
        return Err(format!("head: {} holds {} runs; name one of them", pair.head, head.len()));
    }
    let Some(Run { numbers: head, gates }) = head.pop() else {
        return Err(format!("head: {} holds no run", pair.head));
    };
    let runs = base.len().min(history::RUNS);
    let base = history::median(base.into_iter().map(|run| run.numbers).collect())?;
    if base.layout != head.layout {
        let (one, other) = (base.layout.word(), head.layout.word());
        return Err(format!("base is {one}, head is {other}; compare two files of one kind"));
    }
    if base.fleet != head.fleet {
        let (one, other) = (load_of(base.fleet.as_ref()), load_of(head.fleet.as_ref()));
        return Err(format!("not comparable: the load of base came from {one}, that of head from {other}"));
    }
    pair.layout = Some(head.layout);
    let rule = rule.unwrap_or_else(|| Rule::of(head.layout));
    pair.rule = Some(rule);
    let stored = runs > 1 || !has_rounds(&base, &head);
    let mut caps = caps(&base, &head);
    if rule == Rule::Default && stored {
        let why =
            if runs > 1 { "a block against a history needs a rerun" } else { "two stored numbers have no p-value" };
        caps.push(why.to_owned());
    }
    let rounds = runs == 1 && head.layout == Layout::Result;
    let units = head.layout != Layout::Bencher;
    let context = weigh::Context { rule, caps: &caps, gates: &gates, stored, rounds, units };
    let (changes, problems) = matching::changes(&base, &head, &context);
    if !changes.iter().any(|change| change.base.is_some() && change.head.is_some()) && problems.is_empty() {
        let why = changes.first().map_or("no number is in both", |change| change.message.as_str());
        pair.problems.push(Problem { message: format!("nothing could be compared: {why}"), exit: Exit::InvalidInput });
    }
    pair.evidence = Some(evidence(&base, &head, runs));
    pair.notes = caps;
    pair.notes.extend(not_compared(rule, &head));
    pair.problems.extend(problems);
    pair.changes = changes;
    Ok(())
}

/// Names what sent a load.
fn load_of(fleet: Option<&FleetShape>) -> String {
    fleet.map_or_else(|| "a process of the host".to_owned(), ToString::to_string)
}

/// States which quantile of the files the rule does not look at.
fn not_compared(rule: Rule, head: &Numbers) -> Option<String> {
    let both = |entry: &&Entry| entry.values.p50.is_some() && entry.values.p95.is_some();
    let quantiles: Vec<Option<&str>> =
        head.entries.iter().filter(both).map(|entry| rule.value(entry).and_then(|(quantile, _)| quantile)).collect();
    let other = match quantiles.first()? {
        Some("p95") => "p50",
        _ => "p95",
    };
    Some(format!("{other} is not compared; rule {} decides by the other quantile", rule.word()))
}

/// Returns whether both sides have values with intervals.
fn has_rounds(base: &Numbers, head: &Numbers) -> bool {
    let any = |numbers: &Numbers| {
        numbers.layout == Layout::Result || numbers.entries.iter().any(|entry| entry.interval.is_some())
    };
    any(base) && any(head)
}

fn evidence(base: &Numbers, head: &Numbers, runs: usize) -> String {
    match (runs, has_rounds(base, head)) {
        (2.., _) => format!("median of the last {runs} stored runs"),
        (_, true) => "rounds of two stored runs".to_owned(),
        (_, false) => "two stored numbers".to_owned(),
    }
}

/// Returns why a block can only be an alert.
fn caps(base: &Numbers, head: &Numbers) -> Vec<String> {
    let mut caps = Vec::new();
    if let (Some(one), Some(other)) = (&base.host, &head.host)
        && one != other
    {
        caps.push(format!("the hosts differ ({one}; {other})"));
    }
    if let (Some(one), Some(other)) = (&base.scenario, &head.scenario)
        && one != other
    {
        caps.push(format!("the scenarios differ ({one}; {other})"));
    }
    caps
}
