//! Computes the probes of a search from its record: their values, their verdicts, the next one, and the answer.

mod assess;
#[cfg(test)]
mod simulation;
mod steer;

use super::facts::{Instance, Objective, Probe, Purpose, Stage, Variable};
use crate::measure::audit::Check;
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::reason::Failure;
use crate::measure::record::{InstanceRecord, RoundRecord, StageRecord};
use crate::measure::trial::TrialRecord;
use assess::{Tried, Unit, overall, verdicts};
use harness_base::units::Nanos;
use harness_load::facts::Arm;

pub(crate) use assess::Found;
pub(crate) use harness_stats::FEWEST_UNITS;
use steer::{Bounds, Seen};
pub(crate) use steer::{Ends, Next, Verdict};

/// The first rate ÷ the rate of the closed loop, at which the target was always busy.
const START: f64 = 0.75;

/// The results of one probe.
#[derive(Debug, Clone)]
pub(crate) struct Probed<'r> {
    pub(crate) probe: Probe,
    pub(crate) instances: Vec<&'r InstanceRecord>,
    /// Every part of the objective; empty if no slice is valid.
    pub(crate) found: Vec<Found>,
    pub(crate) verdict: Verdict,
    units: Vec<Unit>,
    /// The verdict that holds whatever was measured through the target.
    fixed: Option<Verdict>,
}

impl<'r> Probed<'r> {
    /// Iterates over the valid trials of an arm.
    pub(crate) fn trials(&self, arm: Arm) -> impl Iterator<Item = &'r TrialRecord> + use<'r, '_> {
        self.rounds().filter_map(move |round| round.trial(arm))
    }

    /// Iterates over the valid rounds.
    pub(crate) fn rounds(&self) -> impl Iterator<Item = &'r RoundRecord> + use<'r, '_> {
        self.instances.iter().flat_map(|instance| instance.valid_rounds())
    }

    /// Returns the rule by which generator, upstream or host limit the rate.
    pub(crate) fn limited(&self) -> Option<&'r Check> {
        self.instances.iter().find_map(|instance| of_instance(instance)?.limited.as_ref())
    }

    /// Returns how the target failed under this load.
    pub(crate) fn gave_up(&self) -> Option<&'r Failure> {
        self.instances.iter().find_map(|instance| of_instance(instance)?.gave_up.as_ref())
    }

    /// Returns whether as many instances again as it has can decide it, if `most` are possible.
    pub(crate) fn can_be_decided(&self, most: usize) -> bool {
        self.verdict == Verdict::Undecided && assess::can_be_decided(&self.found, self.units.len(), most)
    }
}

/// Returns the settings of a search; `None` for a stage of another kind.
pub(crate) fn settings(stage: &StageRecord) -> Option<&Stage> {
    match &stage.facts {
        StageFacts::Search(facts) => Some(facts),
        _ => None,
    }
}

fn of_instance(instance: &InstanceRecord) -> Option<&Instance> {
    match &instance.facts {
        InstanceFacts::Search(facts) => Some(facts),
        _ => None,
    }
}

/// Returns the rate of the closed loop on one arm: the mean over its slices; `None` if it was not measured.
pub(crate) fn closed_rate(stage: &StageRecord, arm: Arm) -> Option<f64> {
    let rates: Vec<f64> =
        closed(stage).flat_map(InstanceRecord::valid_rounds).filter_map(|round| round.trial(arm)?.rps()).collect();
    (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
}

/// Returns the users of the first closed loop.
fn closed_users(stage: &StageRecord) -> Option<f64> {
    let round = closed(stage).flat_map(InstanceRecord::valid_rounds).next()?;
    Some(round.trial(Arm::Proxied)?.connections as f64)
}

/// Iterates over the instances of the first closed loop.
pub(crate) fn closed(stage: &StageRecord) -> impl Iterator<Item = &InstanceRecord> {
    let is_closed = |facts: &Instance| facts.probe.purpose == Purpose::Closed;
    stage.instances.iter().filter(move |instance| of_instance(instance).is_some_and(is_closed))
}

/// Returns the probes after the first closed loop, in their order.
pub(crate) fn probes(stage: &StageRecord) -> Vec<Probed<'_>> {
    let Some(settings) = settings(stage) else { return Vec::new() };
    let mut groups: Vec<(Probe, Vec<&InstanceRecord>)> = Vec::new();
    for instance in &stage.instances {
        let Some(facts) = of_instance(instance).filter(|facts| facts.probe.purpose != Purpose::Closed) else {
            continue;
        };
        match groups.iter_mut().find(|(probe, _)| probe.number == facts.probe.number) {
            Some((_, instances)) => instances.push(instance),
            None => groups.push((facts.probe, vec![instance])),
        }
    }
    groups.into_iter().map(|(probe, instances)| probed(settings, probe, instances)).collect()
}

fn probed<'r>(settings: &Stage, probe: Probe, instances: Vec<&'r InstanceRecord>) -> Probed<'r> {
    let units = units(&settings.objective, &instances, Arm::Proxied);
    let found =
        if units.is_empty() { Vec::new() } else { assess::assess(&settings.objective, settings.achieved, &units) };
    let verdict = overall(&found).0;
    let probed = Probed { probe, instances, found, verdict, units, fixed: None };
    let fixed = fixed(settings, &probed);
    Probed { verdict: fixed.unwrap_or(verdict), fixed, ..probed }
}

/// Returns the verdict that holds whatever was measured: a target that failed does not keep the objective, and a rate that fails without the
/// target too shows nothing about it.
fn fixed(settings: &Stage, probed: &Probed<'_>) -> Option<Verdict> {
    if probed.gave_up().is_some() {
        return Some(Verdict::Failed);
    }
    let direct_fails = probed.verdict == Verdict::Failed && !keeps_without_target(settings, probed);
    (probed.limited().is_some() || direct_fails).then_some(Verdict::Limited)
}

/// Returns whether the direct arm keeps the objective at the same rate, as far as it was measured.
fn keeps_without_target(settings: &Stage, probed: &Probed<'_>) -> bool {
    let objective = Objective { cpu_percent: None, ..settings.objective };
    let direct = units(&objective, &probed.instances, Arm::Direct);
    direct.is_empty() || overall(&assess::assess(&objective, settings.achieved, &direct)).0 != Verdict::Failed
}

/// Returns a value for each instance, or for each slice if too few instances have one for an interval.
fn units(objective: &Objective, instances: &[&InstanceRecord], arm: Arm) -> Vec<Unit> {
    let of = |instance: &&InstanceRecord| -> Vec<Unit> {
        instance.valid_rounds().filter_map(|round| Some(unit(objective, round.trial(arm)?))).collect()
    };
    let slices: Vec<Vec<Unit>> = instances.iter().map(of).filter(|slices| !slices.is_empty()).collect();
    if slices.len() < FEWEST_UNITS {
        return slices.into_iter().flatten().collect();
    }
    slices.iter().map(|slices| Unit::sum(slices)).collect()
}

/// Counts the requests of a trial. Requests that a stall of the generator overlaps are left out.
fn unit(objective: &Objective, trial: &TrialRecord) -> Unit {
    let load = &trial.load;
    let stalls = load.stalls.unwrap_or_default();
    let failed = (load.outcomes.total() - load.outcomes.ok).saturating_sub(stalls.errors);
    let response = &load.latencies.response;
    let beyond = objective.latencies().map(|latency| response.count_above(latency.limit) + failed).collect();
    // Some requests are under way at the end of the window, more or fewer than at its start.
    let by_chance = 1.0 + 3.0 * (2.0 * load.mean_in_flight).sqrt();
    let answered = load.completed_in_window + load.outcomes.errors() + stalls.ended_after + by_chance as u64;
    let (used, span) = (trial.readings.target_cpu_ns(), trial.readings.span_ns());
    Unit {
        due: load.scheduled.saturating_sub(stalls.requests),
        beyond,
        failed,
        answered: answered.min(load.scheduled),
        scheduled: load.scheduled,
        cpu_percent: used.zip(span).map(|(used, span)| used as f64 / span.max(1) as f64 * 100.0),
    }
}

/// Returns what to do next if `left` more probes are possible; `None` before the closed loop was measured.
pub(crate) fn next(stage: &StageRecord, left: u64) -> Option<Next> {
    Some(steer::next(&bounds(stage)?, &seen(stage), left))
}

/// Returns the bounds of the rates.
fn bounds(stage: &StageRecord) -> Option<Bounds> {
    let settings = settings(stage)?;
    let high = ceiling(stage)?;
    let (low, precision) = (settings.low.min(high), settings.precision);
    let (start, whole) = match settings.variable {
        Variable::Rate => (START * closed_rate(stage, Arm::Proxied)?, false),
        Variable::Users => (closed_users(stage)?, true),
    };
    Some(Bounds { low, high, start: start.clamp(low, high), precision, whole })
}

/// Returns the highest rate that is tried: the one of the scenario, otherwise what the direct arm carries. Without a direct arm it is what
/// the target carries in a closed loop on as many connections, twice, because more connections than these never wait at the same time.
pub(crate) fn ceiling(stage: &StageRecord) -> Option<f64> {
    settings(stage)?
        .high
        .or_else(|| closed_rate(stage, Arm::Direct))
        .or_else(|| closed_rate(stage, Arm::Proxied).map(|carried| 2.0 * carried))
}

fn seen(stage: &StageRecord) -> Vec<Seen> {
    let Some(settings) = settings(stage) else { return Vec::new() };
    let one = |probed: Probed<'_>| {
        let Probe { purpose, rate, .. } = probed.probe;
        Tried { purpose, rate, units: probed.units, fixed: probed.fixed }
    };
    let tried: Vec<Tried> = probes(stage).into_iter().map(one).collect();
    verdicts(&settings.objective, settings.achieved, &tried)
}

/// Returns the ends of the answer. A window shows a queue only when it delays requests beyond the limit, so the lower end is lower by the
/// largest excess of the rate over the capacity that its windows do not show.
pub(crate) fn ends(stage: &StageRecord) -> Ends {
    let found = steer::ends(&seen(stage));
    // In a closed loop, no queue grows.
    let open = settings(stage).filter(|settings| settings.variable == Variable::Rate);
    let unseen = open.and_then(|settings| Some((settings.objective.longest()?, shortest_load(stage)?)));
    let factor = unseen.map_or(1.0, |(limit, load)| 1.0 + limit.0 as f64 / load.0.max(1) as f64);
    Ends { low: found.low.map(|low| low / factor), ..found }
}

/// Returns the shortest time for which a probe had loaded the target at the end of a window.
fn shortest_load(stage: &StageRecord) -> Option<Nanos> {
    let probes = probes(stage);
    let trials = probes.iter().flat_map(|probed| probed.trials(Arm::Proxied));
    trials.map(|trial| Nanos(trial.load.window_ns)).min()
}
