//! Shows the history of one metric in a baseline: every run, the guard of the last seven, and a prediction for the next
//! run.

use serde::Serialize;

use super::text::wrap;
use super::{Error, baseline::plural};
use crate::baseline::{Baseline, Promoted, StoredMetric};
use crate::measure::metric::{Better, Unit};
use harness_stats::{Estimate, Interval, Sample, Undefined, predict};

const WIDTH: usize = 80;

/// Number of last runs whose median the guard uses.
const GUARD_RUNS: usize = 7;
/// Smallest number of runs for a guard.
const GUARD_FEWEST: usize = 3;
/// Limits relative to the median, if lower is better and if higher is better.
const GUARD_LOWER: f64 = 0.15;
const GUARD_HIGHER: f64 = -0.10;
/// Smallest number of runs for a prediction.
const PREDICTION_FEWEST: usize = 7;
/// Level of the prediction limit, one-sided.
const LEVEL: f64 = 0.95;

/// Number of marks that fit into one line.
const SPARKS: usize = 60;

/// The history of one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trend {
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    schema_version: u32,
    scenario: String,
    baseline: String,
    metric: String,
    unit: Unit,
    direction: Better,
    /// Runs of the baseline without the metric.
    runs_without: usize,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    runs: Vec<Point>,
    /// Median absolute deviation and limit of the last seven comparable runs.
    guard: Guard,
    prediction: Predicted,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Point {
    run_id: String,
    started_at: String,
    commit: Option<String>,
    value: f64,
    interval: Option<Interval>,
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    n: u64,
    /// Same scenario, options, harness, host and source of the values as in the newest run.
    comparable: bool,
    override_reason: Option<String>,
}

/// The last-seven-median guard over the comparable runs, for the next run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Guard {
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = GUARD_RUNS)))]
    runs: usize,
    median: f64,
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    mad: f64,
    /// The limit that a breach exceeds; absent with the reason.
    limit: Option<f64>,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = [GUARD_LOWER, GUARD_HIGHER])))]
    change_ratio: f64,
    absent: Option<String>,
}

/// Student's prediction limit over all comparable runs, for the next run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Predicted {
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    runs: usize,
    mean: Option<f64>,
    limit: Option<f64>,
    absent: Option<String>,
}

impl Trend {
    /// Returns the history of `metric`; `None` if no run has it.
    pub fn of(baseline: &Baseline, metric: &str) -> Option<Self> {
        let has = |run: &&Promoted| run.metric(metric).is_some();
        let newest = baseline.runs.iter().rev().find(has)?;
        let stored = newest.metric(metric)?;
        // The newest run is comparable with itself, even if facts of its host are unknown.
        let comparable = |run: &Promoted| run.run_id == newest.run_id || run.differs(newest).is_empty();
        let points = baseline.runs.iter().map(|run| {
            let found = run.metric(metric)?;
            point(run, found, comparable(run) && found.source == stored.source)
        });
        let runs: Vec<Point> = points.flatten().collect();
        let comparable: Vec<f64> = runs.iter().filter(|point| point.comparable).map(|point| point.value).collect();
        Some(Self {
            schema_version: 1,
            scenario: baseline.scenario.clone(),
            baseline: baseline.name.clone(),
            metric: metric.to_owned(),
            unit: stored.unit,
            direction: stored.direction,
            runs_without: baseline.runs.len() - runs.len(),
            guard: guard(&comparable, stored.direction)?,
            prediction: prediction(comparable, stored.direction)?,
            runs,
        })
    }

    /// Renders JSON, ending in a newline.
    ///
    /// # Errors
    /// Returns [`Error::NoJson`] if a value has no JSON form.
    pub fn json(&self) -> Result<String, Error> {
        super::pretty("trend", self).map(|json| String::from_utf8_lossy(&json).into_owned())
    }

    /// Renders text, 80 columns wide.
    pub fn table(&self) -> String {
        let better = if self.direction == Better::Lower { "lower" } else { "higher" };
        let (metric, scenario, name) = (&self.metric, &self.scenario, &self.baseline);
        let runs = plural(self.runs.len(), "run");
        let mut text = wrap(
            &format!("{metric} in baseline {name} of scenario {scenario}: {runs}, {better} is better"),
            WIDTH,
            "",
            "  ",
        );
        text.push_str(&format!("\n  {:<12}{:<15}{:>14}  {:<21}{:>4}\n", "date", "commit", "value", "interval", "n"));
        text.push_str(&self.runs.iter().map(|point| self.row(point)).collect::<String>());
        if self.runs.iter().any(|point| !point.comparable) {
            text.push_str("  ~ not comparable with the newest run, so excluded below\n");
        }
        text.push('\n');
        let mut line = |message: String| text.push_str(&wrap(&message, WIDTH, "  ", "    "));
        line(self.spark_line());
        line(self.guard_line());
        line(self.prediction_line());
        if self.runs_without > 0 {
            line(format!("{} of the baseline without this metric", plural(self.runs_without, "run")));
        }
        text
    }

    fn row(&self, point: &Point) -> String {
        let mark = if point.comparable { ' ' } else { '~' };
        let date = point.started_at.get(..10).unwrap_or(&point.started_at);
        let commit = point.commit.as_deref().unwrap_or("no git");
        let value = self.unit.show(point.value);
        let interval = point.interval.map(|ends| self.unit.show_interval(point.value, ends.low, ends.high));
        let interval = interval.unwrap_or_default();
        format!("{mark} {date:<12}{commit:<15}{value:>14}  {interval:<21}{:>4}\n", point.n)
    }

    fn spark_line(&self) -> String {
        let values: Vec<Option<f64>> = self.runs.iter().map(|point| point.comparable.then_some(point.value)).collect();
        let shown = &values[values.len().saturating_sub(SPARKS)..];
        let known = || shown.iter().flatten().copied();
        let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
        // The newest run is comparable and among those shown, so there is a lowest and a highest.
        let range = if low < high {
            format!("{} to {}", self.unit.show(low), self.unit.show(high))
        } else {
            format!("always {}", self.unit.show(low))
        };
        format!("{}  {range}", sparkline(shown))
    }

    fn guard_line(&self) -> String {
        let Guard { runs, median, mad, limit, change_ratio, absent } = &self.guard;
        let (unit, percent) = (self.unit, change_ratio * 100.0);
        let limit = match (limit, absent) {
            (Some(limit), _) => {
                let side = if self.direction == Better::Lower { "above" } else { "below" };
                format!("an alert {side} {} ({percent:+.0} %)", unit.show(*limit))
            }
            (None, why) => format!("no limit: {}", why.as_deref().unwrap_or("unknown")),
        };
        let last = plural(*runs, "comparable run");
        format!("guard: median of the last {last} {}, MAD {}; {limit}", unit.show(*median), unit.show(*mad))
    }

    fn prediction_line(&self) -> String {
        let Predicted { runs, limit, absent, .. } = &self.prediction;
        match (limit, absent) {
            (Some(limit), _) => {
                let side = if self.direction == Better::Lower { "below" } else { "above" };
                let limit = self.unit.show(*limit);
                format!("prediction: with 95 % the next run lies {side} {limit} (Student's t, {runs} runs)")
            }
            (None, why) => format!("prediction: none, {}", why.as_deref().unwrap_or("unknown")),
        }
    }
}

fn point(run: &Promoted, metric: &StoredMetric, comparable: bool) -> Option<Point> {
    let estimate = Estimate::median(&Sample::new(metric.rounds.clone()).ok()?);
    Some(Point {
        run_id: run.run_id.clone(),
        started_at: run.started_at.clone(),
        commit: run.commit(),
        value: metric.point,
        interval: estimate.interval,
        n: estimate.n,
        comparable,
        override_reason: run.override_reason.clone(),
    })
}

fn guard(comparable: &[f64], direction: Better) -> Option<Guard> {
    let last = &comparable[comparable.len().saturating_sub(GUARD_RUNS)..];
    let middle = |values: Vec<f64>| Some(Estimate::median(&Sample::new(values).ok()?).point);
    let median = middle(last.to_vec())?;
    let mad = middle(last.iter().map(|value| (value - median).abs()).collect())?;
    let change_ratio = if direction == Better::Lower { GUARD_LOWER } else { GUARD_HIGHER };
    let absent = match last.len() {
        runs if runs < GUARD_FEWEST => Some(format!("it needs {GUARD_FEWEST} comparable runs, there are {runs}")),
        _ if median <= 0.0 => Some("the median is not above 0, so that no share of it is a limit".to_owned()),
        _ => None,
    };
    let limit = absent.is_none().then_some(median + change_ratio * median);
    Some(Guard { runs: last.len(), median, mad, limit, change_ratio, absent })
}

fn prediction(comparable: Vec<f64>, direction: Better) -> Option<Predicted> {
    let runs = comparable.len();
    let newest = *comparable.last()?;
    let absent = |why: String| Predicted { runs, mean: None, limit: None, absent: Some(why) };
    if runs < PREDICTION_FEWEST {
        return Some(absent(format!("it needs {PREDICTION_FEWEST} comparable runs, there are {runs}")));
    }
    let history = Sample::new(comparable).ok()?;
    Some(match predict(&history, newest, LEVEL) {
        Ok(found) => {
            let limit = if direction == Better::Lower { found.high } else { found.low };
            Predicted { runs, mean: Some(found.mean), limit: Some(limit), absent: None }
        }
        Err(Undefined::Constant) => absent(format!("all {runs} runs are equal, so that any other value is a change")),
        Err(undefined) => absent(undefined.to_string()),
    })
}

/// Draws one mark per value, from the lowest to the highest; in the middle if all are equal. Values that are not
/// comparable are dots.
fn sparkline(values: &[Option<f64>]) -> String {
    const MARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let known = || values.iter().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let mark = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        MARKS[((share * 7.0).round() as usize).min(7)]
    };
    values.iter().map(|value| value.map_or('·', mark)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_follow_the_values() {
        let line = |values: &[f64]| sparkline(&values.iter().copied().map(Some).collect::<Vec<_>>());
        assert_eq!(line(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&[7.0, -7.0]), "█▁");
        assert_eq!(line(&[5.0; 3]), "▅▅▅");
        assert_eq!(sparkline(&[Some(1.0), None, Some(2.0)]), "▁·█");
        assert_eq!((sparkline(&[]), sparkline(&[None])), (String::new(), "·".to_owned()));
    }
}
