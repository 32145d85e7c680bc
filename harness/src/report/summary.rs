//! Defines the view of a run that every format renders: the content and its order, but not the layout.

use super::Artifacts;
use super::compared::Compared;
use super::facts;
use super::matrix::{self, Grid};
use super::rejected;
use crate::measure::metric::{METRICS, Unit};
use crate::measure::record::{Record, StageRecord, StageStatus};
use crate::verdict::Judgement;
use crate::verdict::judgement::{ClaimFinding, Measured};
use crate::verdict::stage::Detail;
use harness_stats::Estimate;

#[derive(Debug)]
pub struct Summary<'a> {
    pub record: &'a Record,
    pub judgement: &'a Judgement,
    /// The verdict in one sentence.
    pub headline: String,
    /// Whether the record was rebuilt from the journal of a run that did not finish.
    pub partial: bool,
    pub run: String,
    /// The stages that are not cells.
    pub single: Part<'a>,
    /// The cells, which are shown as tables, and one by one only on demand.
    pub cells: Part<'a>,
    /// The cells of each stage that varies, in rows and columns.
    pub grids: Vec<Grid<'a>>,
    /// The changes against a base, if there is one or should be.
    pub compared: Option<Compared<'a>>,
    /// Problems that should be corrected.
    pub warnings: Vec<String>,
    /// Host, builds and tool.
    pub host: Vec<String>,
    /// The folder of the run as the user would type it.
    pub folder: Option<String>,
    /// The artifacts that are written.
    pub artifacts: Artifacts,
}

/// What is shown of some of the stages.
#[derive(Debug)]
pub struct Part<'a> {
    pub records: Vec<&'a StageRecord>,
    /// One line per stage: its name, its state, and its work.
    pub stages: Vec<[String; 3]>,
    /// Metrics that have a value, by category.
    pub groups: Vec<Group<'a>>,
    /// Notes in addition to the numbers, for example that generator and target shared the CPUs.
    pub notes: Vec<String>,
    /// The worst audit values of each stage with load, over its valid rounds.
    pub audit: Vec<String>,
    /// Further reasons why a stage is not valid, in addition to those of the verdict and of the rejected rounds.
    pub further: Vec<String>,
    pub rejected: Vec<String>,
    /// Metrics without a value: the reason, and the ids that it applies to.
    pub absent: Vec<(String, Vec<String>)>,
    pub(super) details: Vec<&'a Detail>,
}

#[derive(Debug)]
pub struct Group<'a> {
    /// `latency`, `memory` …
    pub category: &'a str,
    /// In the order of the metric table.
    pub rows: Vec<Row<'a>>,
}

/// One metric with a value, as text; every number has its unit.
#[derive(Debug)]
pub struct Row<'a> {
    pub metric: &'a Measured,
    /// Median of the direct arm, if there is one.
    pub direct: Option<String>,
    /// Median of the proxied arm, if there is a direct one too.
    pub proxied: Option<String>,
    pub value: String,
    /// The ends of its interval, in the unit of the value.
    pub interval: Option<String>,
    /// How far the value of another run on this machine can be from this one, in percent of it.
    pub between_runs: Option<String>,
    /// Actual coverage of the interval, in percent.
    pub coverage: Option<String>,
    /// Number of rounds or launches.
    pub n: u64,
    pub claim: Option<&'a ClaimFinding>,
}

impl<'a> Summary<'a> {
    /// Creates the view of a record and its judgement.
    pub fn new(record: &'a Record, judgement: &'a Judgement) -> Self {
        let (cells, single) = record.stages.iter().partition(|stage| stage.cell.is_some());
        Self {
            record,
            judgement,
            headline: judgement.headline(),
            partial: false,
            run: facts::run(record),
            single: Part::new(record, judgement, single),
            cells: Part::new(record, judgement, cells),
            grids: matrix::grids(record, judgement),
            compared: Compared::new(record, judgement),
            warnings: facts::warnings(record, judgement),
            host: facts::host(record),
            folder: None,
            artifacts: Artifacts::default(),
        }
    }

    /// Returns one line per stage: its name, its state, and its work; one line for the cells of a stage.
    pub fn stages(&self) -> Vec<[String; 3]> {
        self.single.stages.iter().cloned().chain(self.grids.iter().map(Grid::line)).collect()
    }

    /// Iterates over the metrics of all stages that have a value, those of cells last.
    pub fn all_groups(&self) -> impl Iterator<Item = &Group<'a>> {
        self.single.groups.iter().chain(&self.cells.groups)
    }

    /// Adds the folder of the files.
    #[must_use]
    pub fn in_folder(mut self, folder: &std::path::Path) -> Self {
        self.folder = Some(folder.display().to_string());
        self
    }

    /// Sets the artifacts to write.
    #[must_use]
    pub fn writing(mut self, artifacts: Artifacts) -> Self {
        self.artifacts = artifacts;
        self
    }

    /// Marks the record as partial.
    #[must_use]
    pub fn partial(mut self, partial: bool) -> Self {
        self.partial = partial;
        self
    }

    /// Iterates over every metric that has a value. Judgements of this harness contain finite numbers only; a foreign
    /// one with others must not break a file that is accepted only as a whole.
    pub fn valid(&self) -> impl Iterator<Item = (&'a Measured, &'a Estimate)> {
        let finite = |estimate: &&Estimate| {
            let ends = estimate.interval.map_or([estimate.point; 2], |ends| [ends.low, ends.high]);
            estimate.point.is_finite() && ends.iter().all(|end| end.is_finite())
        };
        self.judgement.metrics.iter().filter_map(move |metric| Some((metric, metric.estimate().filter(finite)?)))
    }
}

impl<'a> Part<'a> {
    fn new(record: &'a Record, judgement: &'a Judgement, records: Vec<&'a StageRecord>) -> Self {
        let has = |name: &str| records.iter().any(|stage| stage.name == name);
        let mut stages = facts::stages(record, judgement);
        stages.retain(|[name, ..]| has(name));
        let details =
            judgement.stages.iter().filter(|found| has(&found.name)).filter_map(|found| found.detail.as_ref());
        let metrics: Vec<&'a Measured> = judgement.metrics.iter().filter(|metric| has(&metric.stage)).collect();
        Self {
            stages,
            groups: groups(&metrics, judgement),
            notes: facts::notes(&records, judgement),
            audit: facts::audit(&records),
            further: facts::further(&records, judgement),
            rejected: rejected::rejected(&records),
            absent: absent(&metrics, judgement),
            details: details.collect(),
            records,
        }
    }
}

fn groups<'a>(metrics: &[&'a Measured], judgement: &'a Judgement) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for metric in metrics {
        let Some(estimate) = metric.estimate() else { continue };
        let claim = judgement.targets.iter().find(|target| target.metric == metric.id);
        let row = row(metric, estimate, claim);
        match groups.iter_mut().find(|group| group.category == metric.category()) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { category: metric.category(), rows: vec![row] }),
        }
    }
    // Stages come in the order of the scenario; the table of metrics has one order for all reports.
    // Those of a fleet are about the instrument, and last.
    let place = |group: &Group<'_>| METRICS.iter().position(|metric| metric.category() == group.category);
    groups.sort_by_key(|group| place(group).unwrap_or(METRICS.len()));
    groups
}

/// Formats how far another run can be from `point`; `None` for a point of 0 without spread, which has no percentage.
fn spread(point: f64, low: f64, high: f64) -> Option<String> {
    let percent = (high - point).max(point - low) / point.abs() * 100.0;
    match percent {
        _ if percent.is_nan() => None,
        _ if percent > 100.0 => Some("over ± 100 %".to_owned()),
        _ => Some(format!("± {percent:.0} %")),
    }
}

fn row<'a>(metric: &'a Measured, estimate: &Estimate, claim: Option<&'a ClaimFinding>) -> Row<'a> {
    let unit: Unit = metric.unit;
    let interval = estimate.interval;
    Row {
        metric,
        direct: metric.arms.map(|arms| unit.show(arms.direct.point)),
        proxied: metric.arms.map(|arms| unit.show(arms.proxied.point)),
        value: unit.show(estimate.point),
        interval: interval.map(|ends| unit.show_interval(estimate.point, ends.low, ends.high)),
        between_runs: metric.between_runs.and_then(|ends| spread(estimate.point, ends.low, ends.high)),
        coverage: interval.map(|ends| format!("{:.1} %", ends.coverage * 100.0)),
        n: estimate.n,
        claim,
    }
}

/// Groups absent metrics by reason, in the order of their first occurrence. Those of a stage without numbers are counted.
fn absent(metrics: &[&Measured], judgement: &Judgement) -> Vec<(String, Vec<String>)> {
    let mut folded: Vec<(String, Vec<String>)> = Vec::new();
    for metric in metrics {
        let Some(reason) = metric.absence() else { continue };
        match folded.iter_mut().find(|(known, _)| known == reason) {
            Some((_, ids)) => ids.push(metric.id.clone()),
            None => folded.push((reason.to_owned(), vec![metric.id.clone()])),
        }
    }
    let has_numbers = |id: &String| {
        let stage = judgement.metric(id).map(|metric| &metric.stage);
        judgement.stages.iter().any(|found| Some(&found.name) == stage && found.status == StageStatus::Valid)
    };
    for (_, ids) in &mut folded {
        if ids.len() > 1 && !ids.iter().any(has_numbers) {
            *ids = vec![format!("{} metrics", ids.len())];
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_a_percentage_of_a_point_that_is_not_0() {
        assert_eq!(spread(10.0, 8.0, 11.0).as_deref(), Some("± 20 %"));
        assert_eq!(spread(1.0, -2.0, 4.0).as_deref(), Some("over ± 100 %"));
        assert_eq!(spread(0.0, 0.0, 1.0).as_deref(), Some("over ± 100 %"));
        assert_eq!(spread(0.0, 0.0, 0.0), None);
    }
}
