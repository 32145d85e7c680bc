//! Draws the forest plot of a comparison: every change on one axis, with its interval and its threshold.

use maud::Markup;

use super::super::compared::change as change_of;
use super::chart::{Axis, Caption, Chart};
use super::scale::Scale;
use super::text::nothing;
use crate::measure::metric::Better;
use crate::verdict::judgement::{Finding, FindingKind, Weighed};

/// Height of a row: its name and, below it, its interval.
const ROW: f64 = 30.0;
/// Changes beyond this many percent are drawn at the edge.
const FARTHEST: f64 = 100.0;

/// Draws one row for each metric with a relative change, the most serious first; nothing if nothing was compared.
pub(super) fn chart(findings: &[&Finding]) -> Markup {
    let rows: Vec<(&Finding, &Weighed, f64)> = findings
        .iter()
        .filter_map(|finding| finding.weighed.as_ref().and_then(|w| Some((*finding, w, worse(w, w.effect?)))))
        .collect();
    let Some((_, first, _)) = rows.first() else { return nothing() };
    let n = rows.len() as f64;
    let ends = rows.iter().flat_map(|(_, weighed, change)| {
        let interval = weighed.interval.map(|ends| [worse(weighed, ends.low), worse(weighed, ends.high)]);
        interval.into_iter().flatten().chain([*change, worse(weighed, weighed.threshold)])
    });
    let far = ends.filter(|end| end.is_finite()).fold(5.0, |far: f64, end| far.max(end.abs())).min(FARTHEST) * 1.06;
    let x = Axis::new(Scale::between(-far, far), "worse by (%); left of 0 is better");
    let y = Axis::with_ticks(Scale::between(-n, 0.0), "", Vec::new());
    let mut chart = Chart::new("Change against the base", x, y).high(n * ROW + 68.0);
    chart.shade("in-proxied", 0.0, far);
    chart.upright("axis", 0.0, (-n, 0.0));
    for (index, (finding, weighed, change)) in rows.iter().enumerate() {
        row(&mut chart, -(index as f64), finding, weighed, *change);
    }
    chart.explain("demanded", "threshold");
    chart.explain("whisker", "change with its interval");
    let count = |kind: FindingKind| rows.iter().filter(|(finding, ..)| finding.kind == kind).count();
    let counts = FindingKind::ALL
        .into_iter()
        .filter(|kind| count(*kind) > 0)
        .map(|kind| format!("{} {}", count(kind), kind.word()));
    let message = format!(
        "{} metrics: {}. Evidence: {}.",
        rows.len(),
        counts.collect::<Vec<_>>().join(", "),
        first.evidence.word()
    );
    chart.figure(&Caption { kind: "changes", stage: "", message: &message })
}

fn row(chart: &mut Chart, top: f64, finding: &Finding, weighed: &Weighed, change: f64) {
    let middle = top - 0.68;
    let class = match finding.kind {
        FindingKind::Block => "block",
        FindingKind::Alert | FindingKind::Inconclusive => "alert",
        FindingKind::Improved => "improved",
        FindingKind::Ok | FindingKind::Noise | FindingKind::Small => "unchanged",
    };
    chart.words(top - 0.36, &format!("{} · {} · {}", finding.subject, finding.kind.word(), change_of(weighed)));
    let threshold = worse(weighed, weighed.threshold);
    chart.upright("demanded", threshold, (middle - 0.2, middle + 0.2));
    if let Some(ends) = weighed.interval {
        let ends = [ends.low, ends.high].map(|end| (worse(weighed, end), middle));
        chart.line(&format!("{class} whisker"), &ends);
    }
    chart.dot(class, (change, middle), &finding.message);
}

/// Returns a change in percent, positive for a regression.
fn worse(weighed: &Weighed, ratio: f64) -> f64 {
    match weighed.direction {
        Better::Lower => ratio * 100.0,
        Better::Higher => -ratio * 100.0,
    }
}
