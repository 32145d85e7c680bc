//! Compares a probe with the objective.

use harness_stats::{Estimate, Part as Share, Sample, binomial, share, total};

use super::steer::{Seen, Verdict};
use crate::stages::search::facts::{Objective, Part, Purpose};

/// Part of the expected half length of an interval by which a value has to be apart from its limit, for more values to be worth their time.
const WORTH: f64 = 0.3;

/// Largest number of neighbours that are judged together.
const TOGETHER: usize = 4;

/// The result of a part of a probe: of an instance, or of a slice if there are fewer than five instances.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Unit {
    /// Requests that were due.
    pub(crate) due: u64,
    /// Requests that took longer than each limit of the response time, or failed.
    pub(crate) beyond: Vec<u64>,
    /// Requests that were not answered as expected.
    pub(crate) failed: u64,
    /// All requests, also those that the generator delayed.
    pub(crate) scheduled: u64,
    /// Those that were answered within the window, whenever they were due.
    pub(crate) answered: u64,
    /// CPU use of the target, in percent of one core.
    pub(crate) cpu_percent: Option<f64>,
}

impl Unit {
    /// Adds the slices of one instance. Its CPU use is their mean; absent if one has none.
    pub(crate) fn sum(slices: &[Self]) -> Self {
        let mut all =
            Self { beyond: vec![0; slices.iter().map(|one| one.beyond.len()).max().unwrap_or(0)], ..Self::default() };
        for one in slices {
            all.due += one.due;
            all.failed += one.failed;
            all.scheduled += one.scheduled;
            all.answered += one.answered;
            all.beyond.iter_mut().zip(&one.beyond).for_each(|(sum, beyond)| *sum += beyond);
        }
        let cpu: Option<f64> = slices.iter().map(|one| one.cpu_percent).sum();
        Self { cpu_percent: cpu.map(|sum| sum / slices.len().max(1) as f64), ..all }
    }
}

/// A rate that was tried, with what it found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tried {
    pub(crate) purpose: Purpose,
    pub(crate) rate: f64,
    pub(crate) units: Vec<Unit>,
    /// The verdict that holds whatever the units found.
    pub(crate) fixed: Option<Verdict>,
}

/// A part of the objective for one probe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    pub(crate) part: Part,
    pub(crate) verdict: Verdict,
    /// See [`super::steer::Seen::excess`].
    pub(crate) excess: f64,
    /// The share of requests beyond the limit, or the CPU use in percent.
    pub(crate) value: Option<Estimate>,
}

/// Returns the verdicts on all probes, in their order, and then those on neighbours together.
///
/// The values rise with the rate. So if several neighbours together do not keep the objective, the highest of them does not, and if they keep
/// it together, the lowest does. Probes near the answer, each of which is undecided, decide something together.
pub(crate) fn verdicts(objective: &Objective, achieved: f64, tried: &[Tried]) -> Vec<Seen> {
    let seen = |tried: &Tried| {
        let (verdict, excess) = overall(&assess(objective, achieved, &tried.units));
        let (purpose, rate, weight) = (tried.purpose, tried.rate, tried.units.len() as f64);
        Seen { purpose, rate, verdict: tried.fixed.unwrap_or(verdict), excess, weight }
    };
    let mut all: Vec<Seen> = tried.iter().map(seen).collect();
    let certain = |tried: &&Tried| tried.purpose != Purpose::Bracket && tried.fixed.is_none();
    let mut sorted: Vec<&Tried> = tried.iter().filter(certain).collect();
    sorted.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    for together in (2..=TOGETHER).flat_map(|number| sorted.windows(number)) {
        let units: Vec<Unit> = together.iter().flat_map(|tried| tried.units.clone()).collect();
        let (verdict, _) = overall(&assess(objective, achieved, &units));
        let rate = match verdict {
            Verdict::Kept => together.first(),
            Verdict::Failed => together.last(),
            _ => None,
        };
        let one =
            |tried: &&Tried| Seen { purpose: Purpose::Refine, rate: tried.rate, verdict, excess: 0.0, weight: 0.0 };
        all.extend(rate.map(one));
    }
    all
}

/// Compares the units with every part of the objective. `achieved` is the smallest share of the requests that must be answered.
pub(crate) fn assess(objective: &Objective, achieved: f64, units: &[Unit]) -> Vec<Found> {
    let late = objective.latencies().enumerate().filter_map(|(index, latency)| {
        let allowed = latency.part.may_be_beyond()?;
        let of = |unit: &Unit| Share { beyond: unit.beyond.get(index).copied().unwrap_or(unit.due), of: unit.due };
        Some(of_share(latency.part, allowed, &units.iter().map(of).collect::<Vec<_>>()))
    });
    let errors = objective.errors_ratio.map(|allowed| {
        let of = |unit: &Unit| Share { beyond: unit.failed, of: unit.due };
        counted(Part::Errors, allowed, total(&units.iter().map(of).collect::<Vec<_>>()))
    });
    let cpu = objective.cpu_percent.map(|most| of_cpu(most, units));
    let of = |unit: &Unit| Share { beyond: unit.scheduled.saturating_sub(unit.answered), of: unit.scheduled };
    let carried = shown_only(of_share(Part::Achieved, 1.0 - achieved, &units.iter().map(of).collect::<Vec<_>>()));
    late.chain(errors).chain(cpu).chain([carried]).collect()
}

/// Returns the verdict on all parts, and the excess of the worst.
pub(crate) fn overall(found: &[Found]) -> (Verdict, f64) {
    let excess = found.iter().map(|part| part.excess).fold(f64::NEG_INFINITY, f64::max);
    let has = |verdict| found.iter().any(|part| part.verdict == verdict);
    let verdict = if has(Verdict::Failed) {
        Verdict::Failed
    } else if found.is_empty() || has(Verdict::Undecided) {
        Verdict::Undecided
    } else {
        Verdict::Kept
    };
    (verdict, excess)
}

/// Compares a share with the largest that is allowed: by the interval over the units, or, with fewer units than have one, by that of
/// independent requests.
fn of_share(part: Part, allowed: f64, units: &[Share]) -> Found {
    let all = total(units);
    let value = share(units).ok();
    let (low, high) =
        value.and_then(|value| value.interval).map_or_else(|| binomial(all), |ends| (ends.low, ends.high));
    Found { part, verdict: verdict(low, high, allowed), excess: excess(all, allowed), value }
}

/// Counts a part only if it is shown to fail: an unanswered request of a short window may be one that came at its end.
fn shown_only(found: Found) -> Found {
    match found.verdict {
        Verdict::Failed => found,
        _ => Found { verdict: Verdict::Kept, excess: f64::NEG_INFINITY, ..found },
    }
}

/// Compares a share that is counted and not estimated, like the errors of every stage.
fn counted(part: Part, allowed: f64, all: Share) -> Found {
    let value = all.beyond as f64 / all.of as f64;
    let verdict = match all.of {
        0 => Verdict::Undecided,
        _ if value <= allowed => Verdict::Kept,
        _ => Verdict::Failed,
    };
    let estimate = (all.of > 0).then_some(Estimate { point: value, interval: None, n: 1 });
    // An exact share says how far it is from its limit only beyond it.
    let excess = if verdict == Verdict::Failed { excess(all, allowed) } else { f64::NEG_INFINITY };
    Found { part, verdict, excess, value: estimate }
}

/// Returns the logarithm of the share ÷ `allowed`, as if half a request more were beyond the limit, so that it is finite.
fn excess(all: Share, allowed: f64) -> f64 {
    let share = (all.beyond as f64 + 0.5) / (all.of as f64 + 1.0);
    (share / allowed.max(1e-6)).ln()
}

fn of_cpu(most: f64, units: &[Unit]) -> Found {
    let values: Option<Vec<f64>> = units.iter().map(|unit| unit.cpu_percent).collect();
    let value = values.and_then(|values| Sample::new(values).ok()).and_then(|sample| Estimate::mean(&sample).ok());
    let Some(value) = value else {
        return Found { part: Part::Cpu, verdict: Verdict::Undecided, excess: 0.0, value: None };
    };
    let (low, high) = value.interval.map_or((value.point, value.point), |ends| (ends.low, ends.high));
    Found {
        part: Part::Cpu,
        verdict: verdict(low, high, most),
        excess: (value.point / most).max(1e-6).ln(),
        value: Some(value),
    }
}

fn verdict(low: f64, high: f64, most: f64) -> Verdict {
    match (low > most, high <= most) {
        (true, _) => Verdict::Failed,
        (_, true) => Verdict::Kept,
        _ => Verdict::Undecided,
    }
}

/// Returns whether as many values again as there are could decide what is undecided, if `most` values are possible. A value close to its
/// limit would need far more.
pub(crate) fn can_be_decided(found: &[Found], values: usize, most: usize) -> bool {
    let left = (values as f64 / most as f64).sqrt();
    let open = |part: &&Found| part.verdict == Verdict::Undecided;
    values < most
        && found.iter().filter(open).all(|part| {
            let Some((value, ends)) = part.value.and_then(|value| Some((value, value.interval?))) else { return true };
            let limit = value.point / part.excess.exp();
            let half = if limit > value.point { ends.high - value.point } else { value.point - ends.low };
            (limit - value.point).abs() > WORTH * left * half
        })
}
