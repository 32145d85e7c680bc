//! Compares every metric of the head with its base, by the best available evidence.

use super::context::{Against, Past};
use super::evidence::Grounds;
use super::gate::Gates;
use super::guard;
use super::judgement::{Finding, Measured, Value};
use super::options::Options;
use super::published::{Draft, publish};
use super::reference;
use super::stage::judging;
use super::weigh::{Question, undecided, weigh};
use crate::measure::metric::{self, Kind, Source, Unit};
use crate::measure::record::{Record, StageRecord, StageStatus};
use harness_stats::benjamini_hochberg;

/// Number of ids that a sentence names before it counts the rest.
const NAMED: usize = 5;

/// Compares the metrics of `head`, in their order. Two builds in one run take precedence over stored runs; `base` are
/// the metrics of the other build. Without either there is nothing to compare, which is a finding if a comparison was
/// asked for.
pub(super) fn about(record: &Record, head: &[Measured], base: &[Measured], options: &Options) -> Vec<Finding> {
    let mut findings = if record.is_compared() {
        let head = head.iter().filter(|head| !is_of_head_alone(&head.id) && !is_quantile(head));
        head.filter_map(|head| paired(head, base.iter().find(|base| base.id == head.id)?, options)).collect()
    } else if let Some(against) = &options.context.against {
        stored(record, head, against, options)
    } else {
        options.context.no_baseline.iter().map(|why| undecided("baseline", format!("no baseline: {why}"))).collect()
    };
    adjust(&mut findings);
    findings
}

/// Returns whether the base has no such metric in a run of two builds.
fn is_of_head_alone(id: &str) -> bool {
    metric::rows(id).any(|row| judging(row.stage).head_alone)
}

/// Returns whether a value is a quantile of values whose median is compared.
fn is_quantile(metric: &Measured) -> bool {
    metric::find(&metric.id).is_some_and(|row| row.quantile.is_some())
}

/// Compares the paired rounds of two builds. A metric that neither build has is reported once.
fn paired(head: &Measured, base: &Measured, options: &Options) -> Option<Finding> {
    let grounds = match (&base.value, &head.value) {
        (Value::Estimated { rounds: base, .. }, Value::Estimated { rounds: head, .. }) => {
            Grounds::Paired { base: base.clone(), head: head.clone() }
        }
        (Value::Absent { .. }, Value::Absent { .. }) => return None,
        (Value::Absent { reason }, _) => return Some(undecided(&head.id, format!("the base has no value: {reason}"))),
        (_, Value::Absent { reason }) => return Some(undecided(&head.id, format!("the head has no value: {reason}"))),
    };
    if let Some(why) = other_source(base.source, head.source) {
        return Some(undecided(&head.id, why));
    }
    let advisory = base.advisory.as_deref().or(head.advisory.as_deref());
    let gate = options.gates.of_pairs(&head.id, head.unit);
    let finding = weigh(&Question { gate, ..question(head, advisory, &[], &options.gates) }, &grounds);
    let draft = Draft { finding, kind: head.kind, stored: false, guard: None };
    Some(publish(draft, &options.gates, &options.context))
}

/// Compares this run with stored ones. What cannot be compared for one reason is one finding.
fn stored(record: &Record, head: &[Measured], against: &Against, options: &Options) -> Vec<Finding> {
    let factor = reference::factor(record, head, against);
    let elsewhere = match (&against.elsewhere, factor) {
        (Some(elsewhere), Some(factor)) => Some(format!("the baseline is from {elsewhere}; {factor}")),
        (Some(elsewhere), None) => Some(format!("the baseline is from {elsewhere}")),
        (None, factor) => factor,
    };
    let is_apart =
        |head: &&Measured| elsewhere.is_some() && depends_on_machine(head) && past_of(head, against).is_some();
    let (apart, rest): (Vec<&Measured>, Vec<&Measured>) =
        head.iter().partition(|head| is_apart(head) || is_of_invalid_stage(head, record));
    let compared = rest
        .into_iter()
        .filter(|head| !is_quantile(head))
        .filter_map(|head| one_stored(head, past_of(head, against), against, options));
    let mut findings: Vec<Finding> = compared.collect();
    let apart = apart.iter().filter(|head| !is_of_invalid_stage(head, record)).count();
    findings.extend(elsewhere.filter(|_| apart > 0).map(|why| {
        let times = if apart == 1 { "1 time or rate is".to_owned() } else { format!("{apart} times and rates are") };
        undecided("baseline", format!("{times} not compared: {why}"))
    }));
    findings.extend(record.stages.iter().filter_map(|stage| without_numbers(stage, head, against)));
    let gone = |past: &&Past| !head.iter().any(|head| head.id == past.id);
    let gone: Vec<&str> = against.metrics.iter().filter(gone).map(|past| past.id.as_str()).collect();
    if !gone.is_empty() {
        let more = gone.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = gone[..gone.len().min(NAMED)].join(", ");
        let message = format!("not measured in this run, but in baseline {}: {named}{more}", against.name);
        findings.push(undecided("baseline", message));
    }
    findings
}

/// Finds the stored values of a metric: those of its own source, if there are any.
fn past_of<'a>(head: &Measured, against: &'a Against) -> Option<&'a Past> {
    let all = || against.metrics.iter().filter(|past| past.id == head.id);
    all().find(|past| past.source == head.source).or_else(|| all().next())
}

/// Explains why values of two sources are not comparable; `None` for one source.
pub(super) fn other_source(base: Option<Source>, head: Option<Source>) -> Option<String> {
    let words = |source: Option<Source>| source.map_or("of unknown source", Source::words);
    let (one, other) = (words(base), words(head));
    (base != head).then(|| format!("not comparable: the values of the base are {one}, those of the head are {other}"))
}

fn is_of_invalid_stage(metric: &Measured, record: &Record) -> bool {
    record.stages.iter().any(|stage| stage.name == metric.stage && stage.status != StageStatus::Valid)
}

/// Counts the metrics of the baseline that have no value because their stage has no numbers.
fn without_numbers(stage: &StageRecord, head: &[Measured], against: &Against) -> Option<Finding> {
    let lost = head.iter().filter(|metric| metric.stage == stage.name && past_of(metric, against).is_some()).count();
    (stage.status != StageStatus::Valid && lost > 0).then(|| {
        let metrics = if lost == 1 { "1 metric".to_owned() } else { format!("{lost} metrics") };
        let word = stage.status.word();
        undecided(
            &format!("stage {}", stage.name),
            format!("{metrics} of baseline {} have no value here: the stage is {word}", against.name),
        )
    })
}

fn one_stored(head: &Measured, past: Option<&Past>, against: &Against, options: &Options) -> Option<Finding> {
    let (past, rounds) = match (past, &head.value) {
        (Some(past), Value::Estimated { rounds, .. }) => (past, rounds),
        (None, Value::Absent { .. }) => return None,
        (None, _) => return Some(undecided(&head.id, format!("baseline {} does not have it", against.name))),
        (Some(_), Value::Absent { reason }) => {
            return Some(undecided(&head.id, format!("the baseline has it, this run has no value: {reason}")));
        }
    };
    if past.unit != head.unit {
        let (one, other) = (past.unit.label(), head.unit.label());
        return Some(undecided(&head.id, format!("the units differ: {one} in the baseline, {other} here")));
    }
    if let Some(why) = other_source(past.source, head.source) {
        return Some(undecided(&head.id, why));
    }
    let grounds = Grounds::Stored { base: past.rounds.clone(), history: past.history.clone(), head: rounds.clone() };
    let advisory = past.advisory.as_deref().or(head.advisory.as_deref());
    let finding = weigh(&question(head, advisory, &against.caps, &options.gates), &grounds);
    // The guard needs comparable runs.
    let guard = guard::breach(&options.gates.guard, head, past).filter(|_| against.caps.is_empty());
    let draft = Draft { finding, kind: head.kind, stored: true, guard };
    Some(publish(draft, &options.gates, &options.context))
}

/// Returns whether a value depends on the speed of the machine: a time or a rate.
pub(super) fn depends_on_machine(metric: &Measured) -> bool {
    let is_time = matches!(metric.unit, Unit::Millis | Unit::Micros);
    let is_rate = matches!(metric.unit, Unit::PerSecond | Unit::ConnectionsPerSecond | Unit::MegabytesPerSecond);
    metric.kind == Kind::Sampled && (is_time || is_rate || matches!(metric.category(), "cpu" | "overhead"))
}

/// Creates the question about a metric.
pub(super) fn question<'a>(
    metric: &'a Measured,
    advisory: Option<&'a str>,
    caps: &'a [String],
    gates: &Gates,
) -> Question<'a> {
    Question {
        id: &metric.id,
        unit: metric.unit,
        direction: metric.direction,
        kind: metric.kind,
        gate: gates.of(&metric.id, metric.unit),
        advisory,
        caps,
    }
}

/// Adds the p-values adjusted for their number.
fn adjust(findings: &mut [Finding]) {
    let mut tested: Vec<_> = findings
        .iter_mut()
        .filter_map(|finding| finding.weighed.as_mut().filter(|weighed| weighed.p.is_some()))
        .collect();
    let p_values: Vec<f64> = tested.iter().filter_map(|weighed| weighed.p).collect();
    for (weighed, adjusted) in tested.iter_mut().zip(benjamini_hochberg(&p_values).unwrap_or_default()) {
        weighed.p_adjusted = Some(adjusted);
    }
}
