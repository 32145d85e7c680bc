//! The one view of a run that every format shows: what to say and in which order, but not how it looks.

use super::Artifacts;
use super::compared::Compared;
use super::facts;
use crate::measure::metric::{METRICS, Unit};
use crate::measure::record::Record;
use crate::verdict::Judgement;
use crate::verdict::judgement::{ClaimFinding, Measured};
use harness_stats::Estimate;

#[derive(Debug)]
pub struct Summary<'a> {
    pub record: &'a Record,
    pub judgement: &'a Judgement,
    /// The verdict in one sentence.
    pub headline: String,
    /// The record was put together from the journal of a run that did not finish.
    pub partial: bool,
    pub run: String,
    /// One line for each stage: its name, its state, and what was done.
    pub stages: Vec<[String; 3]>,
    /// What changed against a base, where there is one or should be.
    pub compared: Option<Compared<'a>>,
    /// Metrics that have a value, by category.
    pub groups: Vec<Group<'a>>,
    /// What a reader must know beside the numbers, for example that generator and target shared the CPUs.
    pub notes: Vec<String>,
    /// What the audit of each stage with load found at worst in its valid rounds.
    pub audit: Vec<String>,
    /// What else makes a stage not valid, beyond the reasons of the verdict and the rejected rounds.
    pub further: Vec<String>,
    pub rejected: Vec<String>,
    /// Metrics without a value: the reason, and the ids it holds for.
    pub absent: Vec<(String, Vec<&'a str>)>,
    /// What should be put right.
    pub warnings: Vec<String>,
    /// Where it ran, and on what.
    pub host: Vec<String>,
    /// The run's folder, as a person would type it.
    pub folder: Option<String>,
    /// Which artifacts are written.
    pub artifacts: Artifacts,
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
    /// Median of the direct arm, where there is one.
    pub direct: Option<String>,
    /// Median of the proxied arm, where there is a direct one beside it.
    pub proxied: Option<String>,
    pub value: String,
    /// The ends of its interval, in the unit of the value.
    pub interval: Option<String>,
    /// Real coverage of the interval, in percent.
    pub coverage: Option<String>,
    /// Rounds or launches behind it.
    pub n: u64,
    pub claim: Option<&'a ClaimFinding>,
}

impl<'a> Summary<'a> {
    /// The view of a record and its judgement.
    pub fn new(record: &'a Record, judgement: &'a Judgement) -> Self {
        Self {
            record,
            judgement,
            headline: judgement.headline(),
            partial: false,
            run: facts::run(record),
            stages: facts::stages(record, judgement),
            compared: Compared::new(record, judgement),
            groups: groups(judgement),
            notes: facts::notes(record, judgement),
            audit: facts::audit(record),
            further: facts::further(record, judgement),
            rejected: facts::rejected(record),
            absent: absent(judgement),
            warnings: facts::warnings(record, judgement),
            host: facts::host(record),
            folder: None,
            artifacts: Artifacts::default(),
        }
    }

    /// The same view, saying where the files are.
    #[must_use]
    pub fn in_folder(mut self, folder: &std::path::Path) -> Self {
        self.folder = Some(folder.display().to_string());
        self
    }

    /// The same view, of which these artifacts are written.
    #[must_use]
    pub fn writing(mut self, artifacts: Artifacts) -> Self {
        self.artifacts = artifacts;
        self
    }

    /// The same view of a record that is not complete.
    #[must_use]
    pub fn partial(mut self, partial: bool) -> Self {
        self.partial = partial;
        self
    }

    /// Every metric that has a value, with it. A judgement of ours holds finite numbers only; one that was made elsewhere and
    /// does not must not spoil a file that is read whole or not at all.
    pub fn valid(&self) -> impl Iterator<Item = (&'a Measured, &'a Estimate)> {
        let finite = |estimate: &&Estimate| {
            let ends = estimate.interval.map_or([estimate.point; 2], |ends| [ends.low, ends.high]);
            estimate.point.is_finite() && ends.iter().all(|end| end.is_finite())
        };
        self.judgement.metrics.iter().filter_map(move |metric| Some((metric, metric.estimate().filter(finite)?)))
    }
}

fn groups(judgement: &Judgement) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for metric in &judgement.metrics {
        let Some(estimate) = metric.estimate() else { continue };
        let claim = judgement.targets.iter().find(|target| target.metric == metric.id);
        let row = row(metric, estimate, claim);
        match groups.iter_mut().find(|group| group.category == metric.category()) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { category: metric.category(), rows: vec![row] }),
        }
    }
    // Stages come in the order of the scenario; the table of metrics has one order for all reports.
    groups.sort_by_key(|group| METRICS.iter().position(|metric| metric.category() == group.category));
    groups
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
        coverage: interval.map(|ends| format!("{:.1} %", ends.coverage * 100.0)),
        n: estimate.n,
        claim,
    }
}

/// Absent metrics folded by reason, in the order of their first mention.
fn absent(judgement: &Judgement) -> Vec<(String, Vec<&str>)> {
    let mut folded: Vec<(String, Vec<&str>)> = Vec::new();
    for metric in &judgement.metrics {
        let Some(reason) = metric.absence() else { continue };
        match folded.iter_mut().find(|(known, _)| known == reason) {
            Some((_, ids)) => ids.push(&metric.id),
            None => folded.push((reason.to_owned(), vec![&metric.id])),
        }
    }
    folded
}
