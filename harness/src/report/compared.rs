//! Shows the changes against a base: one row per metric, and a sentence for each relevant change.

use super::markdown::escape::escaped;
use super::text::wrap;
use crate::measure::metric::Unit;
use crate::measure::record::{BuildFacts, Record};
use crate::measure::trial::Build;
use crate::verdict::Judgement;
use crate::verdict::evidence::Evidence;
use crate::verdict::judgement::{Finding, FindingKind, Weighed};

const WIDTH: usize = 80;

#[derive(Debug)]
pub struct Compared<'a> {
    /// The base and the evidence.
    pub base: String,
    /// The title with the number of findings of each kind.
    pub title: String,
    /// Notes in addition to the findings.
    pub notes: Vec<String>,
    pub changes: Vec<Change<'a>>,
}

#[derive(Debug)]
pub struct Change<'a> {
    pub finding: &'a Finding,
    /// Base, head, change with its interval, and p, if there are numbers.
    pub cells: Option<[String; 4]>,
}

impl<'a> Compared<'a> {
    /// Creates the view of a judgement; `None` if nothing was compared and nothing should have been.
    pub(super) fn new(record: &Record, judgement: &'a Judgement) -> Option<Self> {
        let changes: Vec<Change<'a>> = judgement.changes().into_iter().map(Change::new).collect();
        if changes.is_empty() {
            return None;
        }
        let against = against(record, judgement);
        let evidence = evidence(judgement).map_or_else(String::new, |evidence| format!(": {evidence}"));
        let base = format!("{against}{evidence}");
        let title = format!("compared with {base}; {}", judgement.changes_reported());
        Some(Self { base, title, notes: notes(judgement), changes })
    }
}

fn against(record: &Record, judgement: &Judgement) -> String {
    if record.is_compared() {
        let program = |facts: &&BuildFacts| facts.build == Build::Base;
        let base = record.targets.iter().find(program);
        return base.map_or_else(|| "base".to_owned(), |base| format!("base {}", base.program));
    }
    let baseline = judgement.context.against.as_ref();
    baseline.map_or_else(|| "nothing".to_owned(), |against| format!("baseline {}", against.label()))
}

/// Names every evidence of the findings once. Exact values need none.
fn evidence(judgement: &Judgement) -> Option<String> {
    let tested = judgement.changes().into_iter().filter_map(|finding| finding.weighed.as_ref());
    let mut kinds: Vec<Evidence> =
        tested.filter(|weighed| weighed.p.is_some()).map(|weighed| weighed.evidence).collect();
    kinds.sort();
    kinds.dedup();
    let words: Vec<&str> = kinds.into_iter().map(Evidence::word).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn notes(judgement: &Judgement) -> Vec<String> {
    let context = &judgement.context;
    let caps = context.against.iter().flat_map(|against| &against.caps);
    let caps = caps.map(|cap| format!("nothing sampled is more than an alert: {cap}"));
    let rerun =
        context.confirmation.iter().map(|rerun| format!("blocks were measured again at once: run {}", rerun.run_id));
    let reason = context.override_reason.iter().map(|reason| format!("blocks are let pass: {reason}"));
    caps.chain(rerun).chain(reason).chain(new_breaches(judgement)).collect()
}

/// Summarises all breaches that need another run in one sentence.
fn new_breaches(judgement: &Judgement) -> Option<String> {
    let new = judgement.changes().into_iter().filter(|finding| is_new(finding)).count();
    let metrics = if new == 1 { "1 metric breaches".to_owned() } else { format!("{new} metrics breach") };
    let message = format!("{metrics} a threshold, in fewer runs in a row than an alert needs");
    (new > 0).then_some(message)
}

/// Returns whether a breach of stored evidence is not in the previous runs, so that it may be a slow host.
fn is_new(finding: &Finding) -> bool {
    let breached = finding.weighed.as_ref().is_some_and(|weighed| weighed.seen.is_breach());
    finding.kind == FindingKind::Inconclusive && breached
}

impl<'a> Change<'a> {
    fn new(finding: &'a Finding) -> Self {
        Self { finding, cells: finding.weighed.as_ref().map(cells) }
    }

    /// Returns whether the row must not be overlooked.
    const fn matters(&self) -> bool {
        matches!(self.finding.kind, FindingKind::Block | FindingKind::Alert | FindingKind::Inconclusive)
    }

    /// Returns whether the row needs an additional sentence.
    fn needs_words(&self) -> bool {
        self.matters() && !is_new(self.finding)
    }
}

fn cells(weighed: &Weighed) -> [String; 4] {
    let unit: Unit = weighed.unit;
    let p = weighed
        .p
        .map_or_else(|| "exact".to_owned(), |p| if p < 1e-4 { "<0.0001".to_owned() } else { format!("{p:.4}") });
    [unit.show(weighed.base), unit.show(weighed.head), change(weighed), p]
}

/// Formats a change with its sign and its interval: in percent if there is a base to relate it to, else in the unit of
/// the metric.
pub(super) fn change(weighed: &Weighed) -> String {
    let change = match weighed.effect {
        Some(effect) => format!("{} %", signed(effect)),
        None => format!("{}{}", if weighed.difference > 0.0 { "+" } else { "" }, weighed.unit.show(weighed.difference)),
    };
    let interval = weighed.interval.map(|ends| format!(" [{}, {}]", signed(ends.low), signed(ends.high)));
    change + &interval.unwrap_or_default()
}

/// Formats percent with one decimal if that fits, and zero without a sign.
fn signed(share: f64) -> String {
    let percent = (share * 1e3).round() / 10.0;
    match percent.abs() {
        0.0 => "0.0".to_owned(),
        size if size >= 100.0 => format!("{percent:+.0}"),
        _ => format!("{percent:+.1}"),
    }
}

pub(super) fn table(compared: &Compared<'_>) -> String {
    let mut text = wrap(&compared.title, WIDTH, "", "  ");
    compared.notes.iter().for_each(|note| text.push_str(&wrap(note, WIDTH, "  ", "    ")));
    if compared.changes.iter().any(|change| change.cells.is_some()) {
        text.push_str(&line("", ["base", "head", "change [interval]", "p"].map(str::to_owned)));
    }
    let mut last = None;
    for change in &compared.changes {
        if last != Some(change.finding.kind) {
            text.push_str(change.finding.kind.word());
            text.push('\n');
            last = Some(change.finding.kind);
        }
        let subject = &change.finding.subject;
        match &change.cells {
            Some(cells) => text.push_str(&line(subject, cells.clone())),
            None => text.push_str(&wrap(&format!("{subject}: {}", change.finding.message), WIDTH, "  ", "    ")),
        }
        if change.needs_words() && change.cells.is_some() {
            text.push_str(&wrap(&change.finding.message, WIDTH, "    ", "    "));
        }
    }
    text
}

/// Formats a name and its columns; a long name has its own line.
fn line(name: &str, [base, head, change, p]: [String; 4]) -> String {
    let start = if name.chars().count() > 20 { format!("  {name}\n{:22}", "") } else { format!("  {name:<20}") };
    let line = format!("{start}{base:>13}{head:>13} {change:<23}{p:>8}");
    line.trim_end().to_owned() + "\n"
}

/// Renders Markdown: relevant changes and improvements are visible, the rest is folded.
pub(super) fn markdown(compared: &Compared<'_>) -> String {
    const HEAD: &str = "| metric | base | head | change [interval] | p | finding |\n|---|---:|---:|---:|---:|---|\n";
    let mut text = format!("**{}**\n\n", escaped(&capitalised(&compared.title)));
    compared.notes.iter().for_each(|note| text.push_str(&format!("- {}\n", escaped(note))));
    let rows = |shown: bool| -> String {
        let wanted = |change: &&Change<'_>| (change.matters() || change.finding.kind == FindingKind::Improved) == shown;
        compared.changes.iter().filter(wanted).filter_map(row).collect()
    };
    let (shown, folded) = (rows(true), rows(false));
    if !shown.is_empty() {
        text.push_str(&format!("{HEAD}{shown}\n"));
    }
    for change in compared.changes.iter().filter(|change| change.needs_words()) {
        let Finding { subject, kind, message, .. } = change.finding;
        text.push_str(&format!("- {}: {}: {}\n", kind.word(), escaped(subject), escaped(message)));
    }
    if !folded.is_empty() {
        text.push_str(&format!("\n<details><summary>Everything else</summary>\n\n{HEAD}{folded}\n</details>\n"));
    }
    text
}

fn row(change: &Change<'_>) -> Option<String> {
    let [base, head, cell, p] = change.cells.as_ref()?;
    let Finding { subject, kind, .. } = change.finding;
    let word = if kind.is_breach() { format!("**{}**", kind.word()) } else { kind.word().to_owned() };
    Some(format!("| {} | {base} | {head} | {cell} | {} | {word} |\n", escaped(subject), escaped(p)))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
