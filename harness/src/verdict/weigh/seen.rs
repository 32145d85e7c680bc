//! Computes effect, difference and p-value from two sets of values, in both directions.

use super::Question;
use crate::measure::metric::Kind;
use crate::verdict::evidence::{Evidence, Grounds};
use crate::verdict::gate::is_signed;
use harness_stats::{
    Estimate, Interval, Sample, Undefined, above_zero, differences, greater_head, larger_head, log_ratios, logarithms,
    predict, shift,
};

/// Number of earlier runs from which their scatter is known.
const HISTORY: usize = 7;

/// Smallest number of rounds of a run for a comparison with those of another.
const FEWEST: usize = 5;

/// Relative difference below which values are equal except for rounding.
const GRAIN: f64 = 1e-12;

/// The change in one direction: positive if the head lies in that direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pull {
    /// Relative to the base; infinite if the base is zero or less.
    pub(super) effect: f64,
    pub(super) difference: f64,
    /// The p-value of a change in that direction.
    pub(super) p: f64,
    /// The p-value of a change in that direction beyond the floor of the gate; 0 if the evidence does not test that.
    pub(super) beyond_floor: f64,
}

#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) evidence: Evidence,
    pub(super) base: f64,
    pub(super) head: f64,
    pub(super) difference: f64,
    pub(super) effect: Option<f64>,
    pub(super) interval: Option<Interval>,
    pub(super) more: Pull,
    pub(super) less: Pull,
    pub(super) n: u64,
    pub(super) tested: bool,
    /// A further note about the values.
    pub(super) note: Option<String>,
}

/// The result of a comparison in both directions.
struct Change {
    base: f64,
    head: f64,
    difference: f64,
    effect: Option<f64>,
    interval: Option<Interval>,
    /// The p-values for a larger and for a smaller head.
    p: (f64, f64),
    /// The same for a difference beyond the floor of the gate.
    beyond_floor: (f64, f64),
    n: usize,
}

/// Computes the effect, or returns why that is impossible.
pub(super) fn see(question: &Question<'_>, grounds: &Grounds) -> Result<Seen, String> {
    match grounds {
        Grounds::Paired { base, head } => {
            let (base, head) = (sample("base", base)?, sample("head", head)?);
            if question.kind == Kind::Exact {
                return exact(question, Evidence::Paired, median(&base), &head);
            }
            let change = paired(question, &base, &head)?;
            change.seen(question, Evidence::Paired)
        }
        Grounds::Stored { base, history, head } => stored(question, base, history, head),
    }
}

fn stored(question: &Question<'_>, base: &[f64], history: &[f64], head: &[f64]) -> Result<Seen, String> {
    let (history, head) = (sample("base", history)?, sample("head", head)?);
    let newest = history.values()[history.values().len() - 1];
    let base = if base.is_empty() { None } else { Some(sample("base", base)?) };
    if question.kind == Kind::Exact {
        return exact(question, Evidence::Numbers, base.as_ref().map_or(newest, median), &head);
    }
    let long = history.values().len() >= HISTORY;
    let tellable =
        |base: &&Sample| smallest_of_rounds(base.values().len(), head.values().len()) < question.gate.alert.p;
    match (base.as_ref().filter(tellable), long) {
        (Some(base), true) => {
            let (one, other) = (rounds(question, base, &head)?, past(question, &history, &head)?);
            let seen = |change: Change| change.seen(question, Evidence::RoundsAndHistory);
            Ok(seen(one)?.and(&seen(other)?))
        }
        (None, true) => past(question, &history, &head)?.seen(question, Evidence::History),
        (Some(base), false) => rounds(question, base, &head)?.seen(question, Evidence::Rounds),
        (None, false) if base.as_ref().is_some_and(|base| base.values().len() > 1) => Err(too_few(
            question.gate.alert.p,
            base.as_ref().map_or(0, |base| base.values().len().min(head.values().len())),
            |n| smallest_of_rounds(n, n),
        )),
        (None, false) => numbers(question, newest, &head),
    }
}

/// Compares pairs of rounds: Wilcoxon's signed-rank test on logarithms of ratios, or on differences if values may be
/// zero.
fn paired(question: &Question<'_>, base: &Sample, head: &Sample) -> Result<Change, String> {
    let changes = differences(base, head).map_err(reason)?;
    let n = changes.values().len();
    let smallest = |n: usize| 2.0 * 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    if smallest(n) >= question.gate.alert.p {
        return Err(too_few(question.gate.alert.p, n, smallest));
    }
    let middle = Estimate::median(&changes);
    let reference = median(base);
    let (tested, effect, interval) = if is_signed(question.id, question.unit) {
        let share = |difference: f64| difference / reference;
        let positive = reference > 0.0;
        let interval = middle.interval.filter(|_| positive).map(|interval| mapped(interval, share));
        (changes, positive.then(|| share(middle.point)), interval)
    } else {
        let logs = log_ratios(base, head).map_err(reason)?;
        let ratio = Estimate::median(&logs);
        (logs, Some(ratio.point.exp_m1()), ratio.interval.map(|interval| mapped(interval, f64::exp_m1)))
    };
    let p = (two_sided(above_zero(&tested)), two_sided(above_zero(&turned(&tested)?)));
    let floor = question.gate.min_abs;
    let beyond = |changes: &Sample| -> Result<f64, String> {
        let beyond = sample("difference", &changes.values().iter().map(|change| change - floor).collect::<Vec<_>>())?;
        Ok(if floor > 0.0 { two_sided(above_zero(&beyond)) } else { 0.0 })
    };
    let changes = differences(base, head).map_err(reason)?;
    let beyond_floor = (beyond(&changes)?, beyond(&turned(&changes)?)?);
    Ok(Change { base: reference, head: median(head), difference: middle.point, effect, interval, p, beyond_floor, n })
}

/// Compares rounds of two runs: Welch and Mann–Whitney must agree, so the larger p counts.
fn rounds(question: &Question<'_>, base: &Sample, head: &Sample) -> Result<Change, String> {
    let signed = is_signed(question.id, question.unit);
    let scale = |sample: &Sample| if signed { Ok(sample.clone()) } else { logarithms(sample).map_err(reason) };
    let (one, other) = (scale(base)?, scale(head)?);
    let agreed = |base: &Sample, head: &Sample| -> Result<f64, String> {
        let mean = greater_head(base, head).map_err(reason)?;
        Ok(two_sided(mean.max(larger_head(base, head))))
    };
    let p = (agreed(&one, &other)?, agreed(&turned(&one)?, &turned(&other)?)?);
    let (reference, found) = (median(base), median(head));
    let positive = reference > 0.0;
    let between = shift(&one, &other).map_err(reason)?.interval;
    let share = |value: f64| if signed { value / reference } else { value.exp_m1() };
    Ok(Change {
        base: reference,
        head: found,
        difference: found - reference,
        effect: positive.then(|| (found - reference) / reference),
        interval: between.filter(|_| positive).map(|interval| mapped(interval, share)),
        p,
        beyond_floor: (0.0, 0.0),
        n: base.values().len().min(head.values().len()),
    })
}

/// Compares the point of a run with those of earlier runs: whether it fits them, and its distance from their median.
fn past(question: &Question<'_>, history: &Sample, head: &Sample) -> Result<Change, String> {
    let found = median(head);
    let (reference, level) = (median(history), 1.0 - question.gate.alert.p);
    let p = match predict(history, found, level) {
        Ok(prediction) => (prediction.significance.greater, prediction.significance.less),
        // Without scatter every difference is significant.
        Err(Undefined::Constant) => {
            let same = (found - reference).abs() <= GRAIN * reference.abs();
            let certain = |is: bool| if is { 0.0 } else { 1.0 };
            (certain(found > reference && !same), certain(found < reference && !same))
        }
        Err(undefined) => return Err(reason(undefined)),
    };
    let effect = (reference > 0.0).then(|| (found - reference) / reference);
    let n = history.values().len();
    Ok(Change {
        base: reference,
        head: found,
        difference: found - reference,
        effect,
        interval: None,
        p,
        beyond_floor: (0.0, 0.0),
        n,
    })
}

/// Compares values without rounds by thresholds alone.
fn numbers(question: &Question<'_>, base: f64, head: &Sample) -> Result<Seen, String> {
    let found = median(head);
    let effect = (base > 0.0).then(|| (found - base) / base);
    let change = Change {
        base,
        head: found,
        difference: found - base,
        effect,
        interval: None,
        p: (0.0, 0.0),
        beyond_floor: (0.0, 0.0),
        n: 1,
    };
    Ok(Seen { tested: false, ..change.seen(question, Evidence::Numbers)? })
}

/// Compares exact values without a test, and reports values that vary although they should not.
fn exact(question: &Question<'_>, evidence: Evidence, base: f64, head: &Sample) -> Result<Seen, String> {
    let seen = Seen { evidence, ..numbers(question, base, head)? };
    let varies = head.values().iter().any(|value| *value != head.values()[0]);
    Ok(Seen { note: varies.then(|| "it varies, but should not".to_owned()), ..seen })
}

impl Change {
    fn seen(self, question: &Question<'_>, evidence: Evidence) -> Result<Seen, String> {
        let Self { base, head, difference, effect, interval, p, beyond_floor, n } = self;
        let ends = interval.map_or([0.0; 2], |interval| [interval.low, interval.high]);
        let numbers = [base, head, difference, effect.unwrap_or_default(), p.0, p.1, ends[0], ends[1]];
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(reason(Undefined::Overflow));
        }
        let signed = is_signed(question.id, question.unit);
        if let Some((side, value)) =
            [("base", base), ("head", head)].into_iter().find(|(_, value)| *value <= 0.0 && !signed)
        {
            let value = question.unit.show(value);
            return Err(format!("the {side} is {value}, so nothing was measured there; measure it again"));
        }
        if effect.is_none() && difference != 0.0 && question.gate.min_abs == 0.0 {
            let base = question.unit.show(base);
            return Err(format!("no share can be taken of a base of {base}; give its gate a min_abs"));
        }
        let effect = effect.or((difference == 0.0).then_some(0.0));
        // The limit of the ratio as the base approaches zero.
        let share = effect.unwrap_or_else(|| f64::INFINITY.copysign(difference));
        let more = Pull { effect: share, difference, p: p.0, beyond_floor: beyond_floor.0 };
        let less = Pull { effect: -share, difference: -difference, p: p.1, beyond_floor: beyond_floor.1 };
        Ok(Seen {
            evidence,
            base,
            head,
            difference,
            effect,
            interval,
            more,
            less,
            n: n as u64,
            tested: true,
            note: None,
        })
    }
}

impl Seen {
    /// Returns the p-value of the direction of the change; the smaller one if there is no change.
    pub(super) fn p(&self) -> Option<f64> {
        let p = match self {
            Self { more, .. } if more.effect > 0.0 => more.p,
            Self { less, .. } if less.effect > 0.0 => less.p,
            Self { more, less, .. } => more.p.min(less.p),
        };
        self.tested.then_some(p)
    }

    /// Combines two results that must agree: in each direction the smaller effect and the larger p. Of both, the one
    /// nearer to no change is shown.
    fn and(&self, other: &Self) -> Self {
        let both = |one: Pull, other: Pull| Pull {
            effect: one.effect.min(other.effect),
            difference: one.difference.min(other.difference),
            p: one.p.max(other.p),
            beyond_floor: one.beyond_floor.max(other.beyond_floor),
        };
        let (more, less) = (both(self.more, other.more), both(self.less, other.less));
        let nearer = if self.more.effect.abs() <= other.more.effect.abs() { self } else { other };
        let note = (self.more.effect * other.more.effect < 0.0)
            .then(|| "the newest run and the history before it disagree about the direction".to_owned());
        Self { more, less, n: other.n, note, ..nearer.clone() }
    }
}

/// Formats the smallest number of values with which the p-value can be below `p`.
fn too_few(p: f64, n: usize, smallest: impl Fn(usize) -> f64) -> String {
    let needed = (1..64).find(|n| smallest(*n) < p).unwrap_or(64);
    format!("{n} rounds or launches cannot show a significant change at p < {p}; at least {needed} can")
}

/// Returns the smallest two-sided p of the Mann–Whitney test: one of all ways to choose the head's values, and its
/// mirror image.
fn smallest_of_rounds(base: usize, head: usize) -> f64 {
    // Two or three rounds compared with many could have a small p, but do not show how a run scatters.
    if base.min(head) < FEWEST {
        return 1.0;
    }
    let ways = (1..=base).map(|at| (head + at) as f64 / at as f64).product::<f64>();
    2.0 / ways
}

fn two_sided(p: f64) -> f64 {
    (2.0 * p).min(1.0)
}

fn sample(side: &str, values: &[f64]) -> Result<Sample, String> {
    Sample::new(values.to_vec()).map_err(|unusable| format!("{side}: {unusable}"))
}

fn turned(sample: &Sample) -> Result<Sample, String> {
    Sample::new(sample.values().iter().map(|value| -value).collect()).map_err(|unusable| unusable.to_string())
}

fn median(sample: &Sample) -> f64 {
    Estimate::median(sample).point
}

fn mapped(interval: Interval, by: impl Fn(f64) -> f64) -> Interval {
    Interval { low: by(interval.low), high: by(interval.high), ..interval }
}

fn reason(undefined: Undefined) -> String {
    undefined.to_string()
}
