//! Shows each run.

use maud::Markup;

use super::derive::{counted, facts, failed, is_success, succeeded};
use crate::measure::Dropped;
use crate::measure::facts::InstanceFacts;
use crate::measure::record::StageRecord;
use crate::measure::trial::Build;
use crate::report::html::chart::{Axis, Caption, Chart};
use crate::report::html::scale::{Readable, Scale};
use crate::report::html::text::{joined, nothing};
use crate::report::html::view::{builds, median};
use crate::report::show::{Show, within};
use crate::verdict::stage::Detail;

pub(crate) const SHOW: Show = Show { done, charts, notes, ..Show::LAUNCHES };

fn done(stage: &StageRecord) -> String {
    let runs = counted(stage).count();
    let repeated = match stage.instances.len() - runs {
        0 => String::new(),
        repeated => format!(" ({repeated} repeated)"),
    };
    let cache = match facts(stage).and_then(|facts| facts.dropped) {
        None => "page cache warm",
        Some(Dropped::Host) => "page cache of the host dropped before each run",
        Some(Dropped::Files) => "program and inputs dropped from the page cache before each run",
    };
    format!("{runs} of {} runs{repeated}, {cache}{}", stage.wanted, within(stage))
}

/// A first run this much slower than the median of the others shows that caches were empty.
const SLOW: f64 = 1.5;

fn notes(stage: &StageRecord) -> Vec<String> {
    let Some(facts) = facts(stage) else { return Vec::new() };
    let own = |note: String| format!("{}: {note}", stage.name);
    let fetched = succeeded(stage).filter(|run| run.fetched_bytes.is_some_and(|bytes| bytes > 0)).count();
    let fetched = (facts.dropped.is_none() && fetched > 0)
        .then(|| format!("{fetched} runs read from a storage device although the page cache is warm"));
    let walls: Vec<f64> = succeeded(stage).map(|run| run.wall_ns as f64).collect();
    let slow = walls.split_first().and_then(|(first, rest)| {
        let others = median(rest.iter().copied())?;
        let text =
            || format!("the first run took {:.1} times as long as the others: use more warmup_runs", first / others);
        (rest.len() > 3 && *first > SLOW * others).then(text)
    });
    let failed = failed(stage).len();
    let failed = (failed > 0).then(|| format!("{failed} runs failed and have no duration"));
    fetched.into_iter().chain(slow).chain(failed).map(own).collect()
}

/// Draws one chart with the runs of all builds in their order.
fn charts(stage: &StageRecord, _detail: Option<&Detail>) -> Markup {
    let Some(facts) = facts(stage) else { return nothing() };
    let longest = succeeded(stage).map(|run| run.wall_ns).max().unwrap_or(0) as f64;
    if longest == 0.0 {
        return nothing();
    }
    let unit = Readable::span(longest);
    let all: Vec<_> = stage
        .instances
        .iter()
        .filter_map(|instance| match &instance.facts {
            InstanceFacts::Command(run) => Some((instance, run)),
            _ => None,
        })
        .collect();
    let turns = all.iter().map(|(_, run)| run.turn + 1).max().unwrap_or(1) as f64;
    let x = Axis::new(Scale::between(0.0, turns + 1.0), "run");
    let y = Axis::new(Scale::from_zero([longest / unit.divisor]), &format!("wall time ({})", unit.unit));
    let mut chart = Chart::new(&format!("{}: every run", stage.name), x, y);
    for (instance, facts_of_run) in &all {
        let Some(run) = &facts_of_run.run else { continue };
        let (class, word) = if !instance.left_out.is_empty() || !is_success(facts, Some(run)) {
            ("third", "not counted")
        } else if instance.build == Build::Base {
            ("base", "base")
        } else {
            ("proxied", "head")
        };
        chart.explain(class, word);
        let message = format!("run {}: {}, {word}", facts_of_run.turn + 1, unit.show(run.wall_ns as f64));
        chart.dot(class, (facts_of_run.turn as f64 + 1.0, run.wall_ns as f64 / unit.divisor), &message);
    }
    let medians = builds(stage).into_iter().filter_map(|build| message(stage, build, unit));
    let message = format!("Medians: {}.", medians.collect::<Vec<_>>().join(", "));
    joined([chart.figure(&Caption { kind: "command", stage: &stage.name, message: &message })])
}

fn message(stage: &StageRecord, build: Build, unit: Readable) -> Option<String> {
    let walls = stage.counted_launches().filter(|instance| instance.build == build).filter_map(|instance| {
        match &instance.facts {
            InstanceFacts::Command(run) => Some(run.run.as_ref()?.wall_ns as f64),
            _ => None,
        }
    });
    Some(format!("{} {}", build.name(), unit.show(median(walls)?)))
}
