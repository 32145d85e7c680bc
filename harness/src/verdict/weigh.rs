//! Weighs the change of one metric. This pure function of two sets of values is the only place that decides.
//!
//! A finding depends on three values: the effect, which must be strictly beyond a threshold; the p-value, which must be
//! below that of the threshold; and the difference, which must exceed the floor. Each is a monotone function of every
//! value of the head, so a worse value never makes a finding milder.

mod message;
mod seen;

use super::evidence::{Evidence, Grounds};
use super::gate::{Gate, Threshold, beyond};
use super::judgement::{Finding, FindingKind, Topic, Weighed};
use crate::measure::metric::{Better, Kind, Unit};

pub(super) use message::{p_value, percent};
use seen::{Pull, Seen};

/// Why plain numbers never block.
const NO_P: &str = "two stored numbers have no p-value";

/// The question about a metric.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub id: &'a str,
    pub unit: Unit,
    pub direction: Better,
    /// How its values are obtained.
    pub kind: Kind,
    pub gate: Gate,
    /// Why it must not decide, if that is so.
    pub advisory: Option<&'a str>,
    /// Why a block can only be an alert; does not apply to exact values.
    pub caps: &'a [String],
}

/// Weighs the head against the base.
///
/// - *block*, *alert*: worse, beyond the threshold, significant, and more than the floor.
/// - *improved*: the same as an alert, in the good direction.
/// - *small*: worse and significant, but within the first threshold or the floor.
/// - *noise*: beyond the first threshold, in either direction, but not significant.
/// - *inconclusive*: not decided, with the reason. Numbers that are not finite are always inconclusive.
pub fn weigh(question: &Question<'_>, grounds: &Grounds) -> Finding {
    match seen::see(question, grounds) {
        Ok(seen) => found(question, &seen),
        Err(why) => undecided(question.id, why),
    }
}

/// Creates an undecided finding.
pub(super) fn undecided(id: &str, why: String) -> Finding {
    let (subject, topic) = (id.to_owned(), Topic::Change);
    Finding { subject, topic, kind: FindingKind::Inconclusive, message: why, weighed: None }
}

fn found(question: &Question<'_>, seen: &Seen) -> Finding {
    let sides = Sides::of(seen, question.direction);
    let kind = sides.decide(&question.gate);
    let mut message = message::sentence(question, seen, &sides, kind);
    let (published, why) = softened(question, seen.evidence, kind);
    message.extend(why.map(|why| format!("; {why}")));
    let threshold = if kind == FindingKind::Block { question.gate.block } else { question.gate.alert };
    let weighed = Weighed {
        evidence: seen.evidence,
        unit: question.unit,
        direction: question.direction,
        base: seen.base,
        head: seen.head,
        difference: seen.difference,
        effect: seen.effect,
        interval: seen.interval,
        p: seen.p(),
        p_adjusted: None,
        threshold: if question.direction == Better::Lower { threshold.change } else { -threshold.change },
        n: seen.n,
        seen: kind,
        times: 0,
        guard: false,
    };
    Finding { subject: question.id.to_owned(), topic: Topic::Change, kind: published, message, weighed: Some(weighed) }
}

/// Reduces the severity of a finding that other evidence weakens.
fn softened(question: &Question<'_>, evidence: Evidence, kind: FindingKind) -> (FindingKind, Option<String>) {
    let decides = kind.is_breach() || kind == FindingKind::Improved;
    if let Some(advisory) = question.advisory.filter(|_| decides) {
        return (FindingKind::Noise, Some(format!("advisory: {advisory}")));
    }
    let plain = (evidence == Evidence::Numbers).then_some(NO_P);
    let cap = question.caps.first().map(String::as_str).or(plain);
    match cap.filter(|_| kind == FindingKind::Block && question.kind == Kind::Sampled) {
        Some(cap) => (FindingKind::Alert, Some(format!("no more than an alert: {cap}"))),
        None => (kind, None),
    }
}

/// The change towards worse and towards better: the same numbers with opposite signs.
struct Sides {
    worse: Pull,
    better: Pull,
    tested: bool,
}

impl Sides {
    const fn of(seen: &Seen, direction: Better) -> Self {
        match direction {
            Better::Lower => Self { worse: seen.more, better: seen.less, tested: seen.tested },
            Better::Higher => Self { worse: seen.less, better: seen.more, tested: seen.tested },
        }
    }

    fn decide(&self, gate: &Gate) -> FindingKind {
        let large = |pull: &Pull, threshold: &Threshold| {
            beyond(pull.effect, threshold.change) && is_more(pull.difference, gate.min_abs)
        };
        let passes = |pull: &Pull, threshold: &Threshold| {
            large(pull, threshold) && pull.p < threshold.p && pull.beyond_floor < threshold.p
        };
        match self {
            Self { worse, .. } if passes(worse, &gate.block) => FindingKind::Block,
            Self { worse, .. } if passes(worse, &gate.alert) => FindingKind::Alert,
            Self { better, .. } if passes(better, &gate.alert) => FindingKind::Improved,
            Self { worse, tested: true, .. } if worse.effect > 0.0 && worse.p < gate.alert.p => FindingKind::Small,
            Self { worse, better, .. } if large(worse, &gate.alert) || large(better, &gate.alert) => FindingKind::Noise,
            _ => FindingKind::Ok,
        }
    }
}

/// Returns whether a difference exceeds the floor, in any unit.
fn is_more(difference: f64, floor: f64) -> bool {
    if floor > 0.0 { beyond(difference / floor, 1.0) } else { difference > 0.0 }
}
