//! Draws both arms of each round, joined by a line. The chart shows what a median hides: drift, a disturbed round, a
//! step.

use maud::Markup;

use super::chart::{Axis, Caption, Chart};
use super::scale::{Readable, Scale};
use super::text::{joined, nothing};
use super::view::{Path, Slot, builds, median, slots};
use crate::measure::metric::Unit;
use crate::measure::record::StageRecord;
use crate::measure::trial::{Build, TrialRecord};
use crate::measure::{Arm, Pace};

/// The quantity that a stage measures, on one arm of one round.
struct Quantity {
    name: &'static str,
    unit: Readable,
    of: fn(&TrialRecord) -> Option<f64>,
}

/// Draws one chart for each build, and one of both if there are two.
pub(crate) fn charts(stage: &StageRecord) -> Markup {
    let builds = builds(stage);
    let both = (builds.len() == 2).then(|| of_builds(stage));
    joined(builds.iter().map(|build| of_build(stage, *build)).chain(both))
}

fn of_build(stage: &StageRecord, build: Build) -> Markup {
    let slots = slots(stage, build);
    let [direct, proxied] = [Arm::Direct, Arm::Proxied].map(|arm| Path { build, arm });
    let sides = [(direct, slots.as_slice()), (proxied, slots.as_slice())];
    let whose = if build == Build::Base { " (base)" } else { "" };
    paired(stage, &format!("{} round by round{whose}", stage.name), "rounds", sides)
}

fn of_builds(stage: &StageRecord) -> Markup {
    let [base, head] = [Build::Base, Build::Head].map(|build| slots(stage, build));
    // Valid rounds are paired by their order.
    let [base, head] =
        [base, head].map(|slots| slots.into_iter().filter(|slot| slot.number.is_some()).collect::<Vec<_>>());
    let path = |build| Path { build, arm: Arm::Proxied };
    let sides = [(path(Build::Base), base.as_slice()), (path(Build::Head), head.as_slice())];
    paired(stage, &format!("{} round by round, head beside base", stage.name), "builds", sides)
}

fn quantity(stage: &StageRecord) -> Quantity {
    let p50 = |trial: &TrialRecord| trial.load.latencies.response.quantile(0.5).map(|span| span.0 as f64);
    match stage.offered {
        Some(Pace::Closed { .. }) => {
            Quantity { name: "requests per second", unit: Readable::plain(Unit::PerSecond), of: TrialRecord::rps }
        }
        _ => {
            let all = stage.instances.iter().flat_map(|instance| &instance.rounds).flat_map(|round| &round.trials);
            let longest = all.filter_map(p50).fold(0.0, f64::max);
            Quantity { name: "response time p50", unit: Readable::span(longest), of: p50 }
        }
    }
}

fn paired(stage: &StageRecord, title: &str, kind: &str, sides: [(Path, &[Slot<'_>]); 2]) -> Markup {
    let quantity = quantity(stage);
    let values = sides.map(|(path, slots)| {
        let value = |slot: &Slot<'_>| Some((quantity.of)(slot.trial(path.arm)?)? / quantity.unit.divisor);
        slots.iter().map(value).collect::<Vec<Option<f64>>>()
    });
    let n = values.iter().map(Vec::len).max().unwrap_or(0);
    if values.iter().flatten().flatten().next().is_none() {
        return nothing();
    }
    let longest = sides.iter().map(|(_, slots)| *slots).max_by_key(|slots| slots.len()).unwrap_or_default();
    let x = Axis::with_ticks(Scale::between(-0.6, n as f64 - 0.4), "round", ticks(longest));
    let y = Axis::new(Scale::from_zero(values.iter().flatten().flatten().copied()), &label(&quantity));
    let mut chart = Chart::new(title, x, y);
    for (place, _) in longest.iter().enumerate().filter(|(_, slot)| slot.number.is_none()) {
        chart.shade("rejected", place as f64 - 0.5, place as f64 + 0.5);
        chart.explain("rejected", "rejected, not counted");
    }
    for place in 0..n {
        let [one, other] = [0, 1].map(|side: usize| values[side].get(place).copied().flatten());
        if let (Some(one), Some(other)) = (one, other) {
            chart.line("joined", &[(place as f64, one), (place as f64, other)]);
        }
    }
    for ((path, _), values) in sides.iter().zip(&values) {
        chart.explain(path.class(), path.name());
        for (place, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            let message = format!("{}: {}", path.name(), quantity.unit.show(value * quantity.unit.divisor));
            chart.dot(path.class(), (place as f64, *value), &message);
        }
    }
    let message = message(&quantity, sides.map(|(path, _)| path), &values, longest);
    chart.figure(&Caption { kind, stage: &stage.name, message: &message })
}

fn label(quantity: &Quantity) -> String {
    format!("{} ({})", quantity.name, quantity.unit.unit)
}

/// Numbers the valid rounds; if there are many, only every second, fifth and so on.
fn ticks(slots: &[Slot<'_>]) -> Vec<(f64, String)> {
    let every = [1, 2, 5, 10, 20, 50, 100].into_iter().find(|step| slots.len() / step <= 12).unwrap_or(1_000);
    let numbered = slots.iter().enumerate().filter_map(|(place, slot)| Some((place, slot.number?)));
    let shown = numbered.filter(|(_, number)| every == 1 || number.is_multiple_of(every));
    shown.map(|(place, number)| (place as f64, number.to_string())).collect()
}

fn message(quantity: &Quantity, paths: [Path; 2], values: &[Vec<Option<f64>>; 2], slots: &[Slot<'_>]) -> String {
    let valid = |values: &[Option<f64>]| {
        let counted = values.iter().zip(slots).filter(|(_, slot)| slot.number.is_some());
        counted.filter_map(|(value, _)| *value).collect::<Vec<f64>>()
    };
    let medians = paths.iter().zip(values).filter_map(|(path, values)| {
        let median = median(valid(values))?;
        Some(format!("{} {}", path.name(), quantity.unit.show(median * quantity.unit.divisor)))
    });
    let rejected = slots.iter().filter(|slot| slot.number.is_none()).count();
    let rejected = if rejected > 0 { format!("; {rejected} rejected") } else { String::new() };
    let n = slots.len() - slots.iter().filter(|slot| slot.number.is_none()).count();
    format!(
        "Each line joins the two values of one round, measured one after the other. Medians of {n} valid rounds: {}{rejected}.",
        medians.collect::<Vec<_>>().join(", ")
    )
}
