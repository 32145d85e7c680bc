//! Orders findings for readers: regressions, undecided findings, improvements, then the rest.

use crate::verdict::judgement::{ClaimFinding, ClaimState, Finding, FindingKind, Judgement};

/// One finding, or a missed claim, as a row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FindingLine {
    /// Its word with a mark.
    pub(super) mark: String,
    pub(super) subject: String,
    pub(super) message: String,
}

/// Both groups, each most serious first and otherwise in the order of the judgement.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FindingLines {
    /// Blocks, alerts, missed claims, undecided findings, improvements.
    pub(super) first: Vec<FindingLine>,
    pub(super) unchanged: Vec<FindingLine>,
}

/// Collects every finding and every missed claim.
pub(super) fn lines(judgement: &Judgement) -> FindingLines {
    let missed = judgement.targets.iter().filter(|target| target.state == ClaimState::NotMet).map(missed);
    let mut first: Vec<(usize, FindingLine)> = missed.collect();
    let mut unchanged = Vec::new();
    for finding in &judgement.findings {
        let (rank, line) = (order(finding.kind), line(finding));
        match rank {
            Some(rank) => first.push((rank, line)),
            None => unchanged.push((finding.kind.rank(), line)),
        }
    }
    first.sort_by_key(|(rank, _)| *rank);
    unchanged.sort_by_key(|(rank, _)| *rank);
    let lines = |ranked: Vec<(usize, FindingLine)>| ranked.into_iter().map(|(_, line)| line).collect();
    FindingLines { first: lines(first), unchanged: lines(unchanged) }
}

/// Returns the place of a kind among those that come first; `None` for those that are folded.
const fn order(kind: FindingKind) -> Option<usize> {
    match kind {
        FindingKind::Block => Some(0),
        FindingKind::Alert => Some(2),
        FindingKind::Inconclusive => Some(4),
        FindingKind::Improved => Some(5),
        FindingKind::Small | FindingKind::Noise | FindingKind::Ok => None,
    }
}

/// Places a missed claim after the blocks if it is required, and after the alerts otherwise.
fn missed(target: &ClaimFinding) -> (usize, FindingLine) {
    let (rank, mark) = if target.required { (1, "❌ target missed") } else { (3, "⚠️ target missed") };
    let message = format!("target {}: {}", target.limit, target.message);
    (rank, FindingLine { mark: mark.to_owned(), subject: target.metric.clone(), message })
}

fn line(finding: &Finding) -> FindingLine {
    let mark = match finding.kind {
        FindingKind::Block => "❌ ",
        FindingKind::Alert => "⚠️ ",
        FindingKind::Inconclusive => "❔ ",
        FindingKind::Improved => "✅ ",
        FindingKind::Small | FindingKind::Noise | FindingKind::Ok => "",
    };
    FindingLine {
        mark: format!("{mark}{}", finding.kind.word()),
        subject: finding.subject.clone(),
        message: finding.message.clone(),
    }
}

/// Head of a table of findings.
pub(super) const HEAD: &str = "| finding | about | what was found |\n|---|---|---|\n";
