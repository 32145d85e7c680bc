//! Shows when each launch listened, was healthy and was ready.

use maud::Markup;

use crate::measure::launch::LaunchRecord;
use crate::measure::record::StageRecord;
use crate::measure::trial::Build;
use crate::report::html::chart::{Axis, Caption, Chart};
use crate::report::html::scale::{Readable, Scale};
use crate::report::html::text::{joined, nothing};
use crate::report::html::view::{builds, instances, median};
use crate::report::pods;
use crate::report::show::Show;
use crate::verdict::stage::Detail;

/// Total height of the rows if there are many.
const ROOM: f64 = 300.0;
const TALLEST_ROW: f64 = 13.0;

type Moment = (&'static str, &'static str, fn(&LaunchRecord) -> Option<u64>);

const MOMENTS: [Moment; 3] = [
    ("listening", "listening", |launch| launch.listening_ns),
    ("healthy", "healthy", |launch| launch.healthy_ns),
    ("ready", "ready", |launch| launch.ready_ns),
];

pub(crate) const SHOW: Show = Show { charts, notes, ..Show::LAUNCHES };

/// States what Kubernetes says of the first launch, if the target was in a pod. The record has the others.
fn notes(stage: &StageRecord) -> Vec<String> {
    let first = stage.instances.iter().find_map(|instance| {
        let (launch, said) = (instance.index + 1, pods::instants(instance.launch.pod.as_deref()?)?);
        Some(format!("{}: Kubernetes says of launch {launch}, to the second and by its own clocks: {said}", stage.name))
    });
    first.into_iter().collect()
}

/// Draws one chart for each build.
fn charts(stage: &StageRecord, _detail: Option<&Detail>) -> Markup {
    joined(builds(stage).into_iter().map(|build| chart(stage, build)))
}

fn chart(stage: &StageRecord, build: Build) -> Markup {
    let launches: Vec<&LaunchRecord> = instances(stage, build).map(|instance| &instance.launch).collect();
    let spans = launches.iter().flat_map(|launch| MOMENTS.iter().filter_map(|(_, _, of)| of(launch)));
    let longest = spans.fold(0, u64::max) as f64;
    if longest == 0.0 {
        return nothing();
    }
    let unit = Readable::span(longest);
    let n = launches.len() as f64;
    let every =
        [1, 2, 5, 10, 20, 50, 100, 200, 500].into_iter().find(|step| launches.len() / step <= 10).unwrap_or(1_000);
    let numbered = (1..=launches.len()).filter(|number| *number == 1 || number.is_multiple_of(every));
    // The first launch is at the top.
    let ticks = numbered.map(|number| (-(number as f64), number.to_string())).collect();
    let y = Axis::with_ticks(Scale::between(-n - 0.6, -0.4), "launch", ticks);
    let x = Axis::new(Scale::from_zero([longest / unit.divisor]), &format!("time since the spawn ({})", unit.unit));
    let whose = if build == Build::Base { " (base)" } else { "" };
    let height = (n * TALLEST_ROW).clamp(60.0, ROOM) + 64.0;
    let mut chart = Chart::new(&format!("{}: every launch{whose}", stage.name), x, y).high(height);
    for (index, launch) in launches.iter().enumerate() {
        let row = -(index as f64) - 1.0;
        let places: Vec<(&Moment, f64)> =
            MOMENTS.iter().filter_map(|moment| Some((moment, (moment.2)(launch)? as f64 / unit.divisor))).collect();
        let last = places.iter().map(|(_, place)| *place).fold(0.0, f64::max);
        chart.line("joined", &[(0.0, row), (last, row)]);
        for ((class, word, _), place) in places {
            chart.explain(class, word);
            chart.dot(
                class,
                (place, row),
                &format!("launch {}: {word} after {}", index + 1, unit.show(place * unit.divisor)),
            );
        }
    }
    chart.figure(&Caption { kind: "startup", stage: &stage.name, message: &message(&launches, unit) })
}

fn message(launches: &[&LaunchRecord], unit: Readable) -> String {
    let one = |(_, word, of): &Moment| {
        let spans = launches.iter().filter_map(|launch| of(launch)).map(|span| span as f64);
        median(spans).map(|span| format!("{word} after {}", unit.show(span)))
    };
    let medians: Vec<String> = MOMENTS.iter().filter_map(one).collect();
    let gap = launches.iter().map(|launch| launch.probe_gap_ns).max().unwrap_or(0) as f64;
    format!(
        "Medians of {} launches: {}. Times count from just before the spawn; endpoints were probed at least every {}.",
        launches.len(),
        medians.join(", "),
        Readable::span(gap).show(gap)
    )
}
