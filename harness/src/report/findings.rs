//! Findings of a comparison, told from those about stages and targets, which reports show with the stage or the target.

use crate::verdict::Judgement;
use crate::verdict::judgement::Finding;

/// The findings about metrics that were compared, most serious first.
pub(super) fn compared(judgement: &Judgement) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = judgement.findings.iter().filter(|finding| is_of_comparison(finding)).collect();
    findings.sort_by_key(|finding| finding.kind.rank());
    findings
}

fn is_of_comparison(finding: &Finding) -> bool {
    !finding.subject.starts_with("stage ") && !finding.says.starts_with("target ")
}
