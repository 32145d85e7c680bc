//! Judges the change of one stored number, and formats the result as a sentence.

use super::rule::Limits;
use super::{Change, Problem, Rule};
use crate::measure::metric::{Better, Kind, Unit, find};
use crate::measure::{Entry, Quantity};
use crate::verdict::evidence::Grounds;
use crate::verdict::gate::{Gates, beyond};
use crate::verdict::judgement::{Finding, FindingKind};
use crate::verdict::weigh::{Question, weigh as weigh_rounds};
use harness_base::exit::Exit;
use harness_base::units::grouped;

/// Facts about all numbers of a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) rule: Rule,
    /// Why a block can only be an alert.
    pub(super) caps: &'a [String],
    /// `[gate]` of the head's scenario, which applies to rounds.
    pub(super) gates: &'a Gates,
    /// Whether the values have no rounds.
    pub(super) stored: bool,
    /// Whether both sides are one run of this harness each, with the values of its rounds.
    pub(super) rounds: bool,
    /// Whether the units are in the files, so that a floor applies; those of Bencher's measures are a convention.
    pub(super) units: bool,
}

/// Both values of one number.
#[derive(Debug, Clone, Copy)]
struct Both<'a> {
    base: f64,
    head: f64,
    entry: &'a Entry,
    /// Change in the bad direction, relative to the base.
    worse: f64,
}

/// Evidence that distinguishes a change from chance.
enum Evidence {
    Values,
    /// The intervals do not overlap.
    Apart,
    Overlap,
    NoInterval,
}

/// Weighs the change from `base` to `head`, which have the same id, metric and unit.
pub(super) fn weigh(base: &Entry, head: &Entry, context: &Context<'_>) -> Result<Change, Problem> {
    let (one, other) = (context.rule.value(base), context.rule.value(head));
    let (Some((quantile, from)), Some((same, to))) = (one, other) else {
        return Ok(undecided(head, None, None, "a side has no value".to_owned()));
    };
    let mut change = undecided(head, Some(from), Some(to), String::new());
    change.quantile = quantile.map(str::to_owned);
    let ratio = if to == from { 0.0 } else { (to - from) / from };
    change.change_ratio = Some(ratio).filter(|ratio| ratio.is_finite());
    let label = quantile.map_or_else(|| head.label(), |quantile| format!("{} {quantile}", head.label()));
    if quantile != same {
        return Ok(Change { message: format!("{label}: one side has another quantile, or none"), ..change });
    }
    let Some(better) = base.better.or(head.better) else {
        return Ok(Change { message: format!("{label}: its direction (more or less is better) is unknown"), ..change });
    };
    change.direction = Some(better);
    for (side, value) in [("base", from), ("head", to)] {
        if value <= 0.0 && !may_be_zero(head) {
            let value = show(head, value);
            let message = format!("{label}: the {side} is {value}, so nothing was measured there; measure it again");
            return Err(Problem { message, exit: Exit::InvalidInput });
        }
    }
    if let Some(unit) = Unit::of_label(&head.unit).filter(|_| context.rounds && context.rule == Rule::Default) {
        return Ok(by_rounds(change, better, unit, (base, head), context));
    }
    let relative = if better == Better::Lower { (to - from) / from } else { (from - to) / from };
    let both = Both { base: from, head: to, entry: head, worse: relative };
    let mut limits = context.rule.limits(head);
    limits.min_abs = if context.units { limits.min_abs } else { 0.0 };
    let (finding, message) =
        if from <= 0.0 { absolutely(&both, &limits) } else { judge(base, &both, &limits, context) };
    Ok(Change { finding, message: format!("{label}: {message}"), ..change })
}

/// Compares two results of this harness by the same rule that `harness run` applies to a baseline of one run.
fn by_rounds(
    change: Change,
    direction: Better,
    unit: Unit,
    (base, head): (&Entry, &Entry),
    context: &Context<'_>,
) -> Change {
    let question = Question {
        id: &head.id,
        unit,
        direction,
        kind: head.kind,
        gate: context.gates.of(&head.id, unit),
        advisory: base.advisory.as_deref().or(head.advisory.as_deref()),
        caps: context.caps,
    };
    let history = change.base.into_iter().collect();
    let grounds = Grounds::Stored { base: base.rounds.clone(), history, head: head.rounds.clone() };
    let Finding { kind, message, weighed, .. } = weigh_rounds(&question, &grounds);
    Change { finding: kind, message: format!("{}: {message}", head.label()), weighed, ..change }
}

/// Creates an undecided finding.
pub(super) fn undecided(entry: &Entry, base: Option<f64>, head: Option<f64>, message: String) -> Change {
    Change {
        id: entry.id.clone(),
        metric: entry.metric.clone(),
        unit: entry.unit.clone(),
        direction: entry.better,
        quantile: None,
        base,
        head,
        change_ratio: None,
        finding: FindingKind::Inconclusive,
        message,
        weighed: None,
    }
}

/// Returns whether a value may be zero or negative: shares, counts and differences may, but times, sizes and rates may
/// not.
fn may_be_zero(entry: &Entry) -> bool {
    let quantity = Quantity::of(&entry.unit).map(|(quantity, _)| quantity);
    let of = |category: &str| entry.id.starts_with(category);
    let difference = of("overhead/") || of("stream/") || entry.metric.starts_with("overhead");
    difference || matches!(quantity, None | Some(Quantity::Percent | Quantity::Count))
}

/// Decides by the floor of the rule alone, because a change relative to a base of zero or less is undefined.
fn absolutely(both: &Both<'_>, limits: &Limits) -> (FindingKind, String) {
    let values = both.values();
    if (both.head - both.base).abs() <= limits.min_abs {
        return (FindingKind::Ok, format!("no relevant difference ({values})"));
    }
    (
        FindingKind::Inconclusive,
        format!("no share can be taken of a base of {} ({values})", show(both.entry, both.base)),
    )
}

fn judge(base: &Entry, both: &Both<'_>, limits: &Limits, context: &Context<'_>) -> (FindingKind, String) {
    let evidence = evidence(base, both.entry, context);
    let finding = match evidence {
        Evidence::Values | Evidence::Apart if beyond(both.worse, limits.block) => FindingKind::Block,
        Evidence::Values | Evidence::Apart if beyond(both.worse, limits.first()) => FindingKind::Alert,
        Evidence::Values | Evidence::Apart if beyond(-both.worse, limits.first()) => FindingKind::Improved,
        Evidence::Apart if both.worse > 0.0 => FindingKind::Small,
        Evidence::Values | Evidence::Apart => FindingKind::Ok,
        Evidence::Overlap if beyond(both.worse.abs(), limits.first()) => FindingKind::Noise,
        Evidence::Overlap => FindingKind::Ok,
        Evidence::NoInterval => FindingKind::Inconclusive,
    };
    let message = format!("{} ({}){}", both.words(), both.values(), limits.describe(finding));
    let message = match evidence {
        Evidence::Overlap if finding == FindingKind::Noise => format!("{message}, but the intervals overlap"),
        Evidence::NoInterval => {
            format!("{message}; not decided: an interval is missing, which needs 6 rounds or launches")
        }
        _ => message,
    };
    softened(finding, message, both, limits, (base.advisory.as_ref()).or(both.entry.advisory.as_ref()), context)
}

/// Reduces the severity of a finding that other evidence weakens.
fn softened(
    finding: FindingKind,
    message: String,
    both: &Both<'_>,
    limits: &Limits,
    advisory: Option<&String>,
    context: &Context<'_>,
) -> (FindingKind, String) {
    let decides = matches!(finding, FindingKind::Alert | FindingKind::Block | FindingKind::Improved);
    if decides && (both.head - both.base).abs() <= limits.min_abs {
        let kind = if finding == FindingKind::Improved { FindingKind::Ok } else { FindingKind::Small };
        let floor = show(both.entry, limits.min_abs);
        return (kind, format!("{message}, but a difference of up to {floor} is ignored"));
    }
    if let Some(advisory) = advisory.filter(|_| decides) {
        return (FindingKind::Noise, format!("{message}; advisory: {advisory}"));
    }
    match context.caps.first() {
        Some(cap) if finding == FindingKind::Block && both.entry.kind != Kind::Exact => {
            (FindingKind::Alert, format!("{message}; no more than an alert: {cap}"))
        }
        _ => (finding, message),
    }
}

fn evidence(base: &Entry, head: &Entry, context: &Context<'_>) -> Evidence {
    if context.rule != Rule::Default || context.stored || head.kind == Kind::Exact {
        return Evidence::Values;
    }
    match (base.interval, head.interval) {
        (Some(one), Some(other)) if one.1 < other.0 || other.1 < one.0 => Evidence::Apart,
        (Some(_), Some(_)) => Evidence::Overlap,
        _ => Evidence::NoInterval,
    }
}

impl Limits {
    /// Describes the change relative to the threshold that decided.
    fn describe(&self, finding: FindingKind) -> String {
        let percent = |share: f64| format!("{} %", (share * 1e4).round() / 100.0);
        match finding {
            FindingKind::Block => format!(", beyond the limit of {}", percent(self.block)),
            FindingKind::Alert | FindingKind::Noise => format!(", beyond the limit of {}", percent(self.first())),
            FindingKind::Ok | FindingKind::Small => format!(", within the limit of {}", percent(self.first())),
            FindingKind::Improved | FindingKind::Inconclusive => String::new(),
        }
    }
}

impl Both<'_> {
    /// Formats `150 ms → 190 ms`.
    fn values(&self) -> String {
        format!("{} → {}", show(self.entry, self.base), show(self.entry, self.head))
    }

    /// Formats `26.67 % worse`.
    fn words(&self) -> String {
        let percent = format!("{:.2} %", self.worse.abs() * 100.0);
        match self.worse.partial_cmp(&0.0) {
            Some(std::cmp::Ordering::Greater) => format!("{percent} worse"),
            Some(std::cmp::Ordering::Less) => format!("{percent} better"),
            _ => "unchanged".to_owned(),
        }
    }
}

/// Formats a value with its unit: like reports for metrics of this harness, else as in the file.
fn show(entry: &Entry, value: f64) -> String {
    match find(&entry.id).filter(|metric| metric.unit.label() == entry.unit) {
        Some(metric) => metric.unit.show(value),
        None => format!("{} {}", plain(value), entry.unit).trim_end().to_owned(),
    }
}

/// Formats at most four decimals, with grouped thousands.
fn plain(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 1e15 || (size < 1e-3 && size > 0.0) => format!("{value:.3e}"),
        _ if size >= 1e4 => grouped(value),
        _ => ((value * 1e4).round() / 1e4).to_string(),
    }
}
