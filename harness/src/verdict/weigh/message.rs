//! Formats a finding as a sentence.

use super::seen::Seen;
use super::{Question, Sides};
use crate::measure::metric::Better;
use crate::verdict::evidence::Evidence;
use crate::verdict::gate::beyond;
use crate::verdict::judgement::FindingKind;

/// Formats `28.10 % worse (2.31 ms → 2.96 ms), beyond the limit of 25 %, p 0.002`.
pub(super) fn sentence(question: &Question<'_>, seen: &Seen, sides: &Sides, kind: FindingKind) -> String {
    let mut text =
        format!("{} ({} → {})", words(question, seen), question.unit.show(seen.base), question.unit.show(seen.head));
    text.push_str(&limit(question, sides, kind));
    text.extend(seen.p().filter(|_| kind != FindingKind::Noise).map(|p| format!(", {}", p_value(p))));
    if kind == FindingKind::Small && beyond(sides.worse.effect, question.gate.alert.change) {
        let floor = question.unit.show(question.gate.min_abs);
        text.push_str(&format!(", but a difference of up to {floor} is ignored"));
    }
    if kind == FindingKind::Alert && beyond(sides.worse.effect, question.gate.block.change) {
        let (block, p) = (percent(question.gate.block.change), question.gate.block.p);
        text.push_str(&format!("; beyond {block} too, and for a block p must be below {p}"));
    }
    text.extend(seen.note.as_ref().map(|note| format!("; {note}")));
    text
}

fn words(question: &Question<'_>, seen: &Seen) -> String {
    let size = match seen.effect {
        Some(effect) => format!("{:.2} %", effect.abs() * 100.0),
        None => question.unit.show(seen.difference.abs()),
    };
    let more = seen.effect.unwrap_or(seen.difference);
    let worse = if question.direction == Better::Lower { more } else { -more };
    match worse.partial_cmp(&0.0) {
        Some(std::cmp::Ordering::Greater) => format!("{size} worse"),
        Some(std::cmp::Ordering::Less) => format!("{size} better"),
        _ => "unchanged".to_owned(),
    }
}

/// Describes the change relative to the threshold that decided.
fn limit(question: &Question<'_>, sides: &Sides, kind: FindingKind) -> String {
    let gate = &question.gate;
    match kind {
        FindingKind::Block => format!(", beyond the limit of {}", percent(gate.block.change)),
        FindingKind::Alert => format!(", beyond the limit of {}", percent(gate.alert.change)),
        FindingKind::Noise => {
            let p = if sides.worse.effect > 0.0 { sides.worse.p } else { sides.better.p };
            let limit = percent(gate.alert.change);
            format!(", beyond the limit of {limit}, but not significant ({})", p_value(p))
        }
        FindingKind::Small if beyond(sides.worse.effect, gate.alert.change) => String::new(),
        FindingKind::Ok | FindingKind::Small => format!(", within the limit of {}", percent(gate.alert.change)),
        FindingKind::Improved | FindingKind::Inconclusive => String::new(),
    }
}

/// Formats a ratio as percent: `25 %`.
pub(in crate::verdict) fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 100.0)
}

/// Formats `p 0.002`, with two significant digits.
pub(in crate::verdict) fn p_value(p: f64) -> String {
    if p < 1e-4 {
        return "p < 0.0001".to_owned();
    }
    let decimals = usize::try_from(1 - p.log10().floor() as i32).unwrap_or(2);
    let digits = format!("{p:.decimals$}");
    format!("p {}", digits.trim_end_matches('0').trim_end_matches('.'))
}

impl Evidence {
    /// Returns the unit of `n`.
    pub const fn counts(self) -> &'static str {
        match self {
            Self::Paired => "pairs",
            Self::Rounds => "rounds",
            Self::History | Self::RoundsAndHistory => "runs",
            Self::Numbers => "numbers",
        }
    }
}
