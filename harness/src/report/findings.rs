//! Findings of a comparison, told from those about stages and targets, which reports show with the stage or the target.

use crate::verdict::Judgement;
use crate::verdict::judgement::{Finding, Weighed};

/// The findings about metrics that were compared, or should have been, most serious first.
pub(super) fn compared(judgement: &Judgement) -> Vec<&Finding> {
    judgement.changes()
}

/// What a comparison found about one metric.
pub(super) fn about<'a>(judgement: &'a Judgement, metric: &str) -> Option<&'a Finding> {
    compared(judgement).into_iter().find(|finding| finding.subject == metric)
}

/// A change with its sign: in percent where there is a base to share it by, else in the unit of the metric.
pub(super) fn change(weighed: &Weighed) -> String {
    let Some(effect) = weighed.effect else {
        let sign = if weighed.difference > 0.0 { "+" } else { "" };
        return format!("{sign}{}", weighed.unit.show(weighed.difference));
    };
    let ends = weighed.interval.map(|ends| format!(" [{:+.1}, {:+.1}]", ends.low * 100.0, ends.high * 100.0));
    format!("{:+.1} %{}", effect * 100.0, ends.unwrap_or_default())
}
