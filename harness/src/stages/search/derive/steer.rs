//! Steers a search: chooses the rate of the next probe from the verdicts on earlier ones, and returns the answer. It is arithmetic, which
//! the tests run on queues whose answer is known.

use crate::stages::search::facts::Purpose;

/// Whether a rate keeps the objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The whole intervals of all parts keep it.
    Kept,
    /// A whole interval is beyond a limit.
    Failed,
    /// An interval contains a limit.
    Undecided,
    /// Generator, upstream or host do not carry the rate, so it shows nothing about the target.
    Limited,
}

/// A rate that was tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    pub(crate) purpose: Purpose,
    pub(crate) rate: f64,
    pub(crate) verdict: Verdict,
    /// Logarithm of value ÷ limit of the part that is closest to its limit or furthest beyond it; negative if the value is within it.
    pub(crate) excess: f64,
    /// Number of values behind it; 0 if they belong to other probes.
    pub(crate) weight: f64,
}

/// The bounds of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The first rate.
    pub(crate) start: f64,
    /// Half the length of the answer ÷ its middle at which the search ends.
    pub(crate) precision: f64,
    /// Whether only whole numbers are tried.
    pub(crate) whole: bool,
}

/// The next step of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Next {
    Probe(Purpose, f64),
    Done,
}

/// The ends of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Ends {
    /// The highest rate that keeps the objective and is below every rate that does not; absent if none does.
    pub(crate) low: Option<f64>,
    /// The lowest rate that does not keep it, or is limited, and is above every rate that keeps it; absent if there is none.
    pub(crate) high: Option<f64>,
    /// Whether fresh instances confirmed the lower end.
    pub(crate) confirmed: bool,
}

/// Factor between the first two rates.
const STEP: f64 = 1.4;
/// Factor between the ends from which one instance is enough to narrow them.
const WIDE: f64 = 1.35;
/// Largest and smallest logarithm of value ÷ limit that are believed: between them lies the share of a step as well, from no request
/// beyond the limit of p99 to all.
const BELIEVED: f64 = 4.6;
/// Part of the distance between the ends that the next rate keeps from each.
const APART: f64 = 0.15;
/// Distance of the two last rates from the expected answer, relative to the precision. The rest is for an answer between them that is not
/// in their middle.
const ASIDE: f64 = 0.8;
/// Distance of the next rate from one that was undecided, relative to the precision.
const FURTHER: f64 = 0.125;
/// Relative difference of rates from which they are the same.
const SAME: f64 = 1e-9;

impl Seen {
    /// Returns whether it has intervals, and so can be an end of the answer.
    const fn is_certain(&self) -> bool {
        matches!(self.purpose, Purpose::Refine | Purpose::Confirm)
    }

    const fn is_beyond(&self) -> bool {
        matches!(self.verdict, Verdict::Failed | Verdict::Limited)
    }

    fn is_at(&self, rate: f64) -> bool {
        (self.rate / rate - 1.0).abs() < SAME
    }
}

/// Returns the next rate to try if `left` more probes are possible.
pub(crate) fn next(bounds: &Bounds, seen: &[Seen], left: u64) -> Next {
    let seen = settled(seen);
    let found = ends_of(seen.iter().filter(|one| one.is_certain()));
    let confirmed = found.low.is_some_and(|low| is_confirmed(&seen, low));
    let done = found.low.is_some_and(|low| {
        let next_to = |high: f64| bounds.whole && high - low <= 1.0;
        let narrow = found.high.is_some_and(|high| high / low <= widest(bounds.precision) || next_to(high));
        narrow || low >= bounds.high * (1.0 - SAME)
    });
    let none = found.low.is_none() && found.high.is_some_and(|high| high <= bounds.low * (1.0 + SAME));
    if left == 0 || none || (done && confirmed) {
        return Next::Done;
    }
    match found.low {
        Some(low) if !confirmed && (done || left == 1) => Next::Probe(Purpose::Confirm, low),
        _ if bounds.whole => whole(bounds, found, search(bounds, &seen, found)),
        _ => search(bounds, &seen, found),
    }
}

/// Rounds the next value, so that it stays between the ends.
fn whole(bounds: &Bounds, certain: Ends, next: Next) -> Next {
    let Next::Probe(purpose, value) = next else { return next };
    let least = certain.low.map_or(bounds.low, |low| low + 1.0);
    let most = certain.high.map_or(bounds.high, |high| high - 1.0);
    // At a bound, both can be on the other side of it.
    Next::Probe(purpose, value.round().max(least).min(most).clamp(bounds.low, bounds.high))
}

/// Returns the answer of the probes so far.
pub(crate) fn ends(seen: &[Seen]) -> Ends {
    let seen = settled(seen);
    let found = ends_of(seen.iter().filter(|one| one.is_certain()));
    Ends { confirmed: found.low.is_some_and(|low| is_confirmed(&seen, low)), ..found }
}

/// Returns the largest factor between the ends of an answer of this precision.
fn widest(precision: f64) -> f64 {
    (1.0 + precision) / (1.0 - precision)
}

/// Replaces the verdict on a rate that was kept once and could not be confirmed.
fn settled(seen: &[Seen]) -> Vec<Seen> {
    let refuted =
        |rate: f64| seen.iter().any(|one| one.purpose == Purpose::Confirm && one.is_at(rate) && !one.confirms());
    let one = |one: &Seen| {
        let doubted = one.purpose == Purpose::Refine && one.verdict == Verdict::Kept && refuted(one.rate);
        Seen { verdict: if doubted { Verdict::Undecided } else { one.verdict }, ..*one }
    };
    seen.iter().map(one).collect()
}

impl Seen {
    /// Returns whether it confirms an earlier probe: its values keep the objective, and no interval contradicts.
    const fn confirms(&self) -> bool {
        match self.verdict {
            Verdict::Kept => true,
            Verdict::Undecided => self.excess <= 0.0,
            Verdict::Failed | Verdict::Limited => false,
        }
    }
}

fn is_confirmed(seen: &[Seen], low: f64) -> bool {
    seen.iter().any(|one| one.purpose == Purpose::Confirm && one.is_at(low) && one.confirms())
}

/// Returns the ends of the rates. If a higher rate keeps the objective and a lower one does not, both are between the ends.
fn ends_of<'a>(seen: impl Iterator<Item = &'a Seen> + Clone) -> Ends {
    let kept = || seen.clone().filter(|one| one.verdict == Verdict::Kept).map(|one| one.rate);
    let beyond = || seen.clone().filter(|one| one.is_beyond()).map(|one| one.rate);
    let (lowest, highest) = (beyond().fold(f64::INFINITY, f64::min), kept().fold(0.0, f64::max));
    let low = kept().filter(|rate| *rate < lowest).reduce(f64::max);
    let high = beyond().filter(|rate| *rate > highest).reduce(f64::min);
    Ends { low, high, confirmed: false }
}

/// Chooses a rate between the ends, or beyond them if one is missing.
fn search(bounds: &Bounds, seen: &[Seen], certain: Ends) -> Next {
    let near = ends_of(believed(seen).iter());
    let within = |rate: f64| rate.clamp(bounds.low, bounds.high);
    let coarse = |rate: f64| Next::Probe(Purpose::Bracket, within(rate));
    match (near.low, near.high) {
        (None, None) if seen.is_empty() => coarse(bounds.start),
        (Some(low), None) if low >= bounds.high * (1.0 - SAME) => Next::Probe(Purpose::Refine, bounds.high),
        (None, Some(high)) if high <= bounds.low * (1.0 + SAME) => Next::Probe(Purpose::Refine, bounds.low),
        (Some(_), None) => coarse(highest(seen) * stride(seen)),
        (None, _) => coarse(lowest(seen) / stride(seen)),
        (Some(low), Some(high)) if high / low > WIDE && !is_near(seen, (low, high)) => {
            coarse(expected(seen, low, high))
        }
        (Some(low), Some(high)) => {
            let middle = expected(seen, low, high);
            Next::Probe(Purpose::Refine, within(aside(bounds.precision, seen, certain, middle)))
        }
    }
}

/// Returns the factor to the next rate while all rates are on one side of the answer: it grows with their number, so that an answer far away is
/// reached after a few.
fn stride(seen: &[Seen]) -> f64 {
    let tried = seen.iter().filter(|one| one.purpose == Purpose::Bracket).count();
    STEP.powi(i32::try_from(tried).unwrap_or(i32::MAX).max(1))
}

/// Returns whether a rate between the ends was undecided, so that one instance does not narrow them.
fn is_near(seen: &[Seen], (low, high): (f64, f64)) -> bool {
    seen.iter().any(|one| one.verdict == Verdict::Undecided && low < one.rate && one.rate < high)
}

fn lowest(seen: &[Seen]) -> f64 {
    seen.iter().map(|one| one.rate).fold(f64::INFINITY, f64::min)
}

fn highest(seen: &[Seen]) -> f64 {
    seen.iter().map(|one| one.rate).fold(0.0, f64::max)
}

/// Leaves out probes of one instance that several instances contradict.
fn believed(seen: &[Seen]) -> Vec<Seen> {
    let certain = ends_of(seen.iter().filter(|one| one.is_certain()));
    let contradicted = |one: &Seen| match one.verdict {
        Verdict::Kept => certain.high.is_some_and(|high| one.rate >= high),
        Verdict::Failed | Verdict::Limited => certain.low.is_some_and(|low| one.rate <= low),
        Verdict::Undecided => false,
    };
    seen.iter().filter(|one| one.is_certain() || !contradicted(one)).copied().collect()
}

/// A group of neighbouring rates: the means of the logarithms of rate and of value ÷ limit.
#[derive(Debug, Clone, Copy)]
struct Level {
    rate: f64,
    excess: f64,
    weight: f64,
}

impl Level {
    fn of(seen: &Seen) -> Self {
        let excess = if seen.verdict == Verdict::Limited { BELIEVED } else { seen.excess.clamp(-BELIEVED, BELIEVED) };
        Self { rate: seen.rate.ln(), excess, weight: seen.weight }
    }

    fn with(self, other: Self) -> Self {
        let weight = self.weight + other.weight;
        let mean = |one: f64, two: f64| (one * self.weight + two * other.weight) / weight;
        Self { rate: mean(self.rate, other.rate), excess: mean(self.excess, other.excess), weight }
    }
}

/// Returns the rate at which the value should reach its limit, apart from both ends: by interpolation on logarithmic scales. The value
/// rises with the rate, so neighbours in the wrong order are replaced by their mean (M. Ayer et al., "An Empirical Distribution Function for
/// Sampling with Incomplete Information", 1955).
fn expected(seen: &[Seen], low: f64, high: f64) -> f64 {
    let mut sorted: Vec<Seen> = seen.iter().filter(|one| one.weight > 0.0).copied().collect();
    sorted.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let mut levels: Vec<Level> = Vec::new();
    for mut level in sorted.iter().map(Level::of) {
        while let Some(before) = levels.pop_if(|before| before.excess >= level.excess) {
            level = before.with(level);
        }
        levels.push(level);
    }
    let (from, to) = (low.ln(), high.ln());
    let crossing = levels.windows(2).find(|pair| pair[0].excess <= 0.0 && pair[1].excess > 0.0).map(|pair| {
        let share = pair[0].excess / (pair[0].excess - pair[1].excess);
        pair[0].rate + share * (pair[1].rate - pair[0].rate)
    });
    let apart = APART * (to - from);
    crossing.unwrap_or(f64::midpoint(from, to)).clamp(from + apart, to - apart).exp()
}

/// Returns a rate on that side of the expected answer whose end is missing or further from it. The lower end comes first, because it is
/// the rate that a user relies on.
fn aside(precision: f64, seen: &[Seen], certain: Ends, middle: f64) -> f64 {
    let below = certain.low.map_or(f64::INFINITY, |low| middle / low);
    let above = certain.high.map_or(f64::INFINITY, |high| high / middle);
    let (aside, further) = (1.0 + ASIDE * precision, 1.0 + FURTHER * precision);
    let undecided =
        || seen.iter().filter(|one| one.is_certain() && one.verdict == Verdict::Undecided).map(|one| one.rate);
    let (down, up) = (
        undecided().filter(|rate| *rate <= middle).map(|rate| rate / further).fold(middle / aside, f64::min),
        undecided().filter(|rate| *rate >= middle).map(|rate| rate * further).fold(middle * aside, f64::max),
    );
    // An end that is there already is moved inwards.
    let down = certain.low.filter(|low| down <= *low * further).map_or(down, |low| (low * middle).sqrt());
    let up = certain.high.filter(|high| up >= *high / further).map_or(up, |high| (high * middle).sqrt());
    if below >= above { down } else { up }
}

#[cfg(test)]
mod tests;
