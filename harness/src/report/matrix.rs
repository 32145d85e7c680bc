//! Arranges the values of the cells of a matrix in rows and columns.

pub(super) mod text;

use crate::measure::metric::{METRICS, Metric, Unit, bare};
use crate::measure::record::{Record, StageRecord, StageStatus};
use crate::verdict::Judgement;
use crate::verdict::judgement::Measured;
use harness_base::units::{Bytes, Nanos, Rate, three_digits};
use harness_stats::Estimate;

/// The cells of one stage. With one key, every value is a row; with more, the values of the last key are the columns.
#[derive(Debug)]
pub struct Grid<'a> {
    /// The stage of the scenario.
    pub stage: &'a str,
    /// The last part of each key, or the whole key where two end alike.
    pub keys: Vec<&'a str>,
    pub rows: Vec<String>,
    /// Empty texts with one key.
    pub columns: Vec<String>,
    /// The status of each cell, by rows.
    pub states: Vec<&'static str>,
    /// One for each main metric that has a value.
    pub tables: Vec<Table<'a>>,
}

/// One metric of all cells.
#[derive(Debug)]
pub struct Table<'a> {
    /// Its id without the cell; `N` stands for the number of users if that varies.
    pub id: String,
    pub unit: Unit,
    /// By rows; absent where a cell has no value.
    pub entries: Vec<Option<Entry<'a>>>,
}

/// The value of one cell.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub measured: &'a Measured,
    pub estimate: &'a Estimate,
    /// Its relation to the first column, or to the first row with one key; absent there, and where it would not be honest.
    pub scaling: Option<Scaling>,
}

/// A value divided by another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    pub ratio: f64,
    /// The quotients of the opposite ends of both intervals. It covers at least 95 %, because both values scatter independently.
    pub ends: (f64, f64),
    /// The value of the key divided by its first value, if both are numbers.
    pub of: Option<f64>,
}

/// Arranges the cells of every stage that varies.
pub(super) fn grids<'a>(record: &'a Record, judgement: &'a Judgement) -> Vec<Grid<'a>> {
    let mut names: Vec<&str> = Vec::new();
    for stage in record.stages.iter().filter_map(|stage| stage.cell.as_ref()).map(|cell| cell.stage.as_str()) {
        if !names.contains(&stage) {
            names.push(stage);
        }
    }
    names.into_iter().map(|name| grid(name, record, judgement)).collect()
}

/// A cell with its values.
type Valued<'a> = (&'a StageRecord, Vec<&'a str>);
/// A metric of a cell with its estimate, and the number that the last value of the cell is.
type Found<'a> = (&'a Measured, &'a Estimate, Option<f64>);

fn grid<'a>(name: &'a str, record: &'a Record, judgement: &'a Judgement) -> Grid<'a> {
    let of_stage = |stage: &'a StageRecord| {
        let cell = stage.cell.as_ref().filter(|cell| cell.stage == name)?;
        Some((stage, cell.values.iter().map(|value| value.value.as_str()).collect()))
    };
    let cells: Vec<Valued<'a>> = record.stages.iter().filter_map(of_stage).collect();
    let keys: Vec<&str> = cells
        .first()
        .and_then(|(stage, _)| stage.cell.as_ref())
        .map_or_else(Vec::new, |cell| cell.values.iter().map(|value| value.key.as_str()).collect());
    let label = |values: &[&str]| match values {
        [] => (String::new(), String::new()),
        [one] => ((*one).to_owned(), String::new()),
        [others @ .., last] => (others.join(" · "), (*last).to_owned()),
    };
    let labels: Vec<(String, String)> = cells.iter().map(|(_, values)| label(values)).collect();
    let rows = distinct(labels.iter().map(|(row, _)| row));
    let columns = distinct(labels.iter().map(|(_, column)| column));
    let mut placed: Vec<Option<&Valued<'a>>> = vec![None; rows.len() * columns.len()];
    for ((row, column), cell) in labels.iter().zip(&cells) {
        let place = |all: &[String], wanted: &String| all.iter().position(|known| known == wanted).unwrap_or(0);
        placed[place(&rows, row) * columns.len() + place(&columns, column)] = Some(cell);
    }
    let state = |cell: &Option<&Valued<'a>>| cell.map_or("–", |(stage, _)| status(stage, judgement).word());
    let states = placed.iter().map(state).collect();
    let kind = cells.first().map(|(stage, _)| stage.kind());
    let main = METRICS.iter().filter(|metric| metric.key && Some(metric.stage) == kind);
    // With one key, every value is related to the first; else to the first in its row.
    let related = if keys.len() > 1 { columns.len() } else { placed.len().max(1) };
    let tables = main.filter_map(|metric| table(metric, &placed, related, judgement)).collect();
    Grid { stage: name, keys: short(keys), rows, columns, states, tables }
}

/// Returns the status of a stage as judged.
fn status<'a>(stage: &'a StageRecord, judgement: &'a Judgement) -> &'a StageStatus {
    let found = judgement.stages.iter().find(|found| found.name == stage.name);
    found.map_or(&stage.status, |found| &found.status)
}

fn distinct<'t>(texts: impl Iterator<Item = &'t String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !all.contains(text) {
            all.push(text.clone());
        }
    }
    all
}

/// Returns the last part of each key, unless two are alike.
fn short(keys: Vec<&str>) -> Vec<&str> {
    let ends: Vec<&str> = keys.iter().map(|key| key.rsplit('.').next().unwrap_or_default()).collect();
    let unique = (0..ends.len()).all(|index| !ends[..index].contains(&ends[index]));
    if unique { ends } else { keys }
}

/// Collects the values of a metric; so many cells are related to the first of them.
fn table<'a>(
    metric: &Metric,
    placed: &[Option<&Valued<'a>>],
    related: usize,
    judgement: &'a Judgement,
) -> Option<Table<'a>> {
    let found = |cell: &Option<&Valued<'a>>| {
        let (stage, values) = cell.as_ref()?;
        let id = metric.id_for(stage);
        let measured = judgement.metric(&id)?;
        Some((measured, measured.estimate()?, values.last().and_then(|value| number(value))))
    };
    let values: Vec<Option<Found<'a>>> = placed.iter().map(found).collect();
    let mut ids = values.iter().flatten().map(|(measured, ..)| bare(&measured.id));
    let first = ids.next()?;
    let id = if ids.all(|id| id == first) { first.to_owned() } else { metric.id.replace("{vus}", "N") };
    let entry = |(place, found): (usize, &Option<Found<'a>>)| {
        let (measured, estimate, value) = (*found)?;
        let from = place - place % related;
        let scaling =
            values[from].filter(|_| from != place && metric.unit != Unit::Percent).and_then(|(_, base, first)| {
                let of = value.zip(first).map(|(value, first)| value / first);
                Scaling::new(estimate, base, of)
            });
        Some(Entry { measured, estimate, scaling })
    };
    let entries = values.iter().enumerate().map(entry).collect();
    Some(Table { id, unit: metric.unit, entries })
}

/// Reads a number, a size, a time or a rate; only positive ones can be divided.
fn number(text: &str) -> Option<f64> {
    let number = text.parse::<f64>().ok();
    let size = || Bytes::parse(text).ok().map(|size| size.0 as f64);
    let time = || Nanos::parse(text).ok().map(|time| time.0 as f64);
    let rate = || Rate::parse(text).ok().map(|rate| rate.0);
    number.or_else(size).or_else(time).or_else(rate).filter(|number| number.is_finite() && *number > 0.0)
}

impl Scaling {
    /// Divides two estimates; `None` unless the interval of each is positive.
    fn new(value: &Estimate, base: &Estimate, of: Option<f64>) -> Option<Self> {
        let (ends, from) = (value.interval?, base.interval?);
        let positive = ends.low > 0.0 && from.low > 0.0;
        let (low, high) = (ends.low / from.high, ends.high / from.low);
        let finite = low.is_finite() && high.is_finite();
        (positive && finite).then(|| Self { ratio: value.point / base.point, ends: (low, high), of })
    }

    /// Formats `×1.93 of 8`.
    pub(super) fn short(&self) -> String {
        let of = self.of.map_or_else(String::new, |of| format!(" of {}", plain(of)));
        format!("×{}{of}", three_digits(self.ratio))
    }

    /// Formats `×1.93 [1.88, 1.98] of 8`.
    pub(super) fn long(&self) -> String {
        let of = self.of.map_or_else(String::new, |of| format!(" of {}", plain(of)));
        let [low, high] = [self.ends.0, self.ends.1].map(three_digits);
        format!("×{} [{low}, {high}]{of}", three_digits(self.ratio))
    }
}

/// Formats a factor without decimals that say nothing: `8`, `0.5`.
fn plain(factor: f64) -> String {
    if (factor - factor.round()).abs() < 1e-9 { format!("{factor:.0}") } else { three_digits(factor) }
}

impl Grid<'_> {
    /// Returns name, state and work, as those of a stage.
    pub(super) fn line(&self) -> [String; 3] {
        let valid = self.states.iter().filter(|state| **state == StageStatus::Valid.word()).count();
        let all = self.states.len();
        let state = if self.is_valid() { "valid".to_owned() } else { format!("{valid} of {all}") };
        [self.stage.to_owned(), state, format!("{all} cells of {}", self.keys.join(" × "))]
    }

    /// Returns whether every cell has numbers.
    pub(super) fn is_valid(&self) -> bool {
        self.states.iter().all(|state| *state == StageStatus::Valid.word())
    }

    /// Returns the number of columns of values.
    pub(super) fn width(&self) -> usize {
        self.columns.len().max(1)
    }

    /// Returns the title of the columns of the row labels: the keys but the last, or the only one.
    pub(super) fn row_title(&self) -> String {
        match self.keys.as_slice() {
            [others @ .., _] if !others.is_empty() => others.join(" · "),
            all => all.join(" · "),
        }
    }

    /// Returns the title of the columns; `None` with one key.
    pub(super) fn column_title(&self) -> Option<&str> {
        self.keys.last().copied().filter(|_| self.keys.len() > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_stats::Interval;

    fn estimate(low: f64, point: f64, high: f64) -> Estimate {
        Estimate { point, interval: Some(Interval { low, high, coverage: 0.95 }), n: 5 }
    }

    #[test]
    fn a_ratio_has_the_ends_of_both_intervals_and_needs_positive_ones() {
        let scaling = Scaling::new(&estimate(18.0, 20.0, 22.0), &estimate(9.0, 10.0, 11.0), Some(8.0)).unwrap();
        assert_eq!(scaling.long(), "×2.00 [1.64, 2.44] of 8");
        assert_eq!(scaling.short(), "×2.00 of 8");
        assert_eq!(Scaling::new(&estimate(1.0, 2.0, 3.0), &estimate(-0.1, 0.1, 0.3), None), None);
        let without = Estimate { interval: None, ..estimate(1.0, 1.0, 1.0) };
        assert_eq!(Scaling::new(&without, &estimate(1.0, 1.0, 1.0), None), None);
    }

    #[test]
    fn values_of_keys_are_numbers_where_they_can_be_divided() {
        assert_eq!(["8", "1KiB", "5ms", "1000/s"].map(number), [Some(8.0), Some(1024.0), Some(5e6), Some(1000.0)]);
        assert_eq!(["0", "h2c", "", "0s", "inf"].map(number), [None; 5]);
        assert_eq!(short(vec!["upstream.builtin.body", "stage.capacity.vus"]), ["body", "vus"]);
        assert_eq!(short(vec!["upstream.builtin.delay", "stage.x.delay"]), ["upstream.builtin.delay", "stage.x.delay"]);
    }
}
