//! Draws the response times of a stage by percentile, on an axis where each nine (90 %, 99 %, 99.9 %) has the same
//! width.

use maud::Markup;

use super::chart::{Axis, Caption, Chart};
use super::scale::{Readable, Scale};
use super::text::nothing;
use super::view::{Path, builds, trials};
use crate::measure::Arm;
use crate::measure::LatencyHistogram;
use crate::measure::record::{RoundStatus, StageRecord};

/// Number of values that must be beyond a quantile for it to be drawn; fewer would show only chance.
const FEWEST_BEYOND: f64 = 10.0;

/// Points of a curve for each nine.
const STEPS: f64 = 40.0;

/// Draws the curves of all paths of the valid rounds in one chart.
pub(crate) fn chart(stage: &StageRecord) -> Markup {
    let pooled = pooled(stage);
    let curves: Vec<(Path, Vec<(f64, f64)>)> = pooled.iter().map(|(path, pool)| (*path, curve(pool))).collect();
    let spans = || curves.iter().flat_map(|(_, points)| points.iter().map(|(_, span)| *span));
    let unit = Readable::span(spans().fold(0.0, f64::max));
    let Some(y) = Scale::log(spans().map(|span| span / unit.divisor)) else { return nothing() };
    let nines = curves.iter().flat_map(|(_, points)| points.iter().map(|(nines, _)| *nines)).fold(1.0, f64::max);
    let x = Axis::with_ticks(Scale::between(0.0, nines), "share of requests answered within", ticks(nines));
    let title = format!("{}: response time by percentile", stage.name);
    let mut chart = Chart::new(&title, x, Axis::new(y, &format!("response time ({}), logarithmic", unit.unit)));
    for (path, points) in &curves {
        chart.explain(path.class(), path.name());
        let scaled: Vec<(f64, f64)> = points.iter().map(|(nines, span)| (*nines, span / unit.divisor)).collect();
        chart.line(&format!("{} curve", path.class()), &scaled);
    }
    chart.figure(&Caption { kind: "latency", stage: &stage.name, message: &message(&pooled, unit) })
}

/// Pools the response times of the valid rounds; the direct arms of two builds are one path.
fn pooled(stage: &StageRecord) -> Vec<(Path, LatencyHistogram)> {
    let mut paths = Vec::new();
    for build in builds(stage) {
        for arm in [Arm::Direct, Arm::Proxied] {
            let path = Path { build, arm };
            if !paths.iter().any(|(known, _): &(Path, LatencyHistogram)| known.class() == path.class()) {
                paths.push((path, LatencyHistogram::default()));
            }
        }
    }
    for placed in trials(stage).filter(|placed| placed.status == RoundStatus::Valid) {
        let pool = paths.iter_mut().find(|(path, _)| path.class() == placed.path.class());
        if let Some((_, pool)) = pool {
            pool.merge(&placed.trial.load.latencies.response);
        }
    }
    paths.retain(|(_, pool)| pool.count() > 0);
    paths
}

/// Returns points of nines of the quantile (1 is p90, 2 is p99) and response time in nanoseconds.
fn curve(pool: &LatencyHistogram) -> Vec<(f64, f64)> {
    let most = (pool.count() as f64 / FEWEST_BEYOND).log10();
    let steps = (most * STEPS).floor().max(0.0) as u32;
    let point = |step: u32| {
        let nines = f64::from(step) / STEPS;
        let span = pool.quantile(1.0 - 10_f64.powf(-nines))?;
        Some((nines, span.0 as f64))
    };
    (0..=steps).filter_map(point).collect()
}

fn ticks(nines: f64) -> Vec<(f64, String)> {
    let half = (0.5_f64.log10().abs(), "50 %".to_owned());
    let whole = (1..=6).map(|n| {
        let decimals = usize::try_from(n - 2).unwrap_or(0);
        (f64::from(n), format!("{:.decimals$} %", 100.0 - 10_f64.powi(2 - n)))
    });
    std::iter::once(half).chain(whole.filter(|(place, _)| *place <= nines)).collect()
}

fn message(pooled: &[(Path, LatencyHistogram)], unit: Readable) -> String {
    let one = |(path, pool): &(Path, LatencyHistogram)| {
        let at = |quantile: f64| pool.quantile(quantile).map_or_else(String::new, |span| unit.show(span.0 as f64));
        format!("{} p50 {}, p99 {}", path.name(), at(0.5), at(0.99))
    };
    let all: Vec<String> = pooled.iter().map(one).collect();
    format!(
        "{}. This chart pools all valid rounds; a p50 in the table is over instances or rounds. A curve ends where fewer than \
         ten requests lie beyond it.",
        all.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::units::Nanos;

    #[test]
    fn a_curve_follows_the_histogram_and_ends_before_its_last_values() {
        let mut pool = LatencyHistogram::default();
        (1..=10_000).for_each(|step| pool.record(Nanos(step * 1_000)));
        let points = curve(&pool);
        let at = |nines: f64| points.iter().find(|(n, _)| (n - nines).abs() < 1e-9).map_or(0.0, |(_, span)| *span);
        assert!((at(1.0) / 9e6 - 1.0).abs() < 2e-3 && (at(2.0) / 9.9e6 - 1.0).abs() < 2e-3);
        assert_eq!(points.last().map(|(nines, _)| *nines), Some(3.0));
        assert!(curve(&LatencyHistogram::default()).is_empty());
    }

    #[test]
    fn every_nine_has_a_tick() {
        let texts: Vec<String> = ticks(4.2).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
    }
}
