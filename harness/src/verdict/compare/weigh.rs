//! One number on both sides: what its change amounts to, and the sentence that says so.

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

/// What holds for all numbers of a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) rule: Rule,
    /// Why a block can be no more than an alert.
    pub(super) caps: &'a [String],
    /// `[gate]` of the head's scenario, which holds for rounds.
    pub(super) gates: &'a Gates,
    /// The values stand alone, without rounds behind them.
    pub(super) stored: bool,
    /// Both sides are one run of ours each, with the values of its rounds.
    pub(super) rounds: bool,
    /// The units stand in the files, so that a floor in them means something; those of Bencher's measures are a convention.
    pub(super) units: bool,
}

/// Both values of one number.
#[derive(Debug, Clone, Copy)]
struct Both<'a> {
    base: f64,
    head: f64,
    entry: &'a Entry,
    /// Change in the bad direction, as a share of the base.
    worse: f64,
}

/// What tells a change from chance.
enum Evidence {
    Values,
    /// The intervals share no value.
    Apart,
    Overlap,
    NoInterval,
}

/// The change from `base` to `head`, which are of the same id, metric and unit.
pub(super) fn weigh(base: &Entry, head: &Entry, context: &Context<'_>) -> Result<Change, Problem> {
    let (one, other) = (context.rule.value(base), context.rule.value(head));
    let (Some((quantile, from)), Some((same, to))) = (one, other) else {
        return Ok(undecided(head, None, None, "a side has no value".to_owned()));
    };
    let mut change = undecided(head, Some(from), Some(to), String::new());
    change.quantile = quantile.map(str::to_owned);
    change.change_ratio = Some((to - from) / from).filter(|ratio| ratio.is_finite());
    let label = quantile.map_or_else(|| head.label(), |quantile| format!("{} {quantile}", head.label()));
    if quantile != same {
        return Ok(Change { message: format!("{label}: one side has another quantile, or none"), ..change });
    }
    let Some(better) = base.better.or(head.better) else {
        return Ok(Change { message: format!("{label}: whether more or less is better is not known"), ..change });
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

/// Two results of ours: the same rule by which `harness run` judges against a baseline of one run.
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

/// A finding that could not be decided.
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

/// Shares, counts and differences may be zero or below; a time, a size or a rate may not.
fn may_be_zero(entry: &Entry) -> bool {
    let quantity = Quantity::of(&entry.unit).map(|(quantity, _)| quantity);
    let difference = entry.id.starts_with("overhead/") || entry.metric.starts_with("overhead");
    difference || matches!(quantity, None | Some(Quantity::Percent | Quantity::Count))
}

/// From a base of zero or less no share can be taken: only the floor of the rule can decide.
fn absolutely(both: &Both<'_>, limits: &Limits) -> (FindingKind, String) {
    let values = both.values();
    if (both.head - both.base).abs() <= limits.min_abs {
        return (FindingKind::Ok, format!("no difference that counts ({values})"));
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
    let message = format!("{} ({}){}", both.words(), both.values(), limits.told(finding));
    let message = match evidence {
        Evidence::Overlap if finding == FindingKind::Noise => format!("{message}, but the intervals overlap"),
        Evidence::NoInterval => {
            format!("{message}; not decided: an interval is missing, which needs 6 rounds or launches")
        }
        _ => message,
    };
    softened(finding, message, both, limits, (base.advisory.as_ref()).or(both.entry.advisory.as_ref()), context)
}

/// What keeps a finding from being as serious as its size.
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
        return (kind, format!("{message}, but a difference of no more than {floor} never counts"));
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
    /// How the change lies to the threshold that decided.
    fn told(&self, finding: FindingKind) -> String {
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
    /// `150 ms → 190 ms`.
    fn values(&self) -> String {
        format!("{} → {}", show(self.entry, self.base), show(self.entry, self.head))
    }

    /// `26.67 % worse`.
    fn words(&self) -> String {
        let percent = format!("{:.2} %", self.worse.abs() * 100.0);
        match self.worse.partial_cmp(&0.0) {
            Some(std::cmp::Ordering::Greater) => format!("{percent} worse"),
            Some(std::cmp::Ordering::Less) => format!("{percent} better"),
            _ => "unchanged".to_owned(),
        }
    }
}

/// A value with its unit: as our reports write it where it is one of our metrics, else as the file has it.
fn show(entry: &Entry, value: f64) -> String {
    match find(&entry.id).filter(|metric| metric.unit.label() == entry.unit) {
        Some(metric) => metric.unit.show(value),
        None => format!("{} {}", plain(value), entry.unit).trim_end().to_owned(),
    }
}

/// At most four decimals, thousands set apart.
fn plain(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 1e15 || (size < 1e-3 && size > 0.0) => format!("{value:.3e}"),
        _ if size >= 1e4 => grouped(value),
        _ => ((value * 1e4).round() / 1e4).to_string(),
    }
}
