//! Judges a soak: growth beyond its budget, drift, and the smallest leak that would have been detected.
//!
//! `docs/soak.md` describes the procedure. All results are computed from the recorded windows, also if the soak was
//! stopped early.

mod message;

use serde::{Deserialize, Serialize};

use super::derive::{self, whole_windows};
use super::facts::{FEWEST_WINDOWS, Quantity, SoakWindow, Stage};
use super::metrics::quantity_of;
use crate::measure::facts::StageFacts;
use crate::measure::kind::StageKind;
use crate::measure::metric::{Absent, Metric, Unit};
use crate::measure::record::StageRecord;
use crate::verdict::judgement::finding::{Finding, FindingKind, Topic};
use crate::verdict::judging::{Judging, no_trend, too_few_requests};
use harness_stats::{Estimate, FEWEST_INDEPENDENT, Sample, Slope, slope};

/// Why slopes are not compared between runs.
const SLOPE: &str = "a change over a soak is compared with its budget, not with other runs";

/// The base is not measured in a soak.
pub(crate) const JUDGING: Judging =
    Judging { noun: "window", head_alone: true, flaws: derive::faults, advisory, ..Judging::ROUNDS };

const SECONDS_PER_DAY: f64 = 86_400.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Judged {
    pub stage: String,
    /// Number of windows that were measured to their ends.
    pub windows: u64,
    /// Number of windows in the plan.
    pub wanted: u64,
    /// Length of a window in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1_000_000_000)))]
    pub window_ns: u64,
    /// When the target exited by itself, in nanoseconds since the load began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died_ns: Option<u64>,
    /// Whether memory is PSS; otherwise it is RSS of a single process.
    pub pss: bool,
    /// Every quantity that could be judged.
    pub trends: Vec<Trend>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// The change of one quantity. Leaks are growth per day; drifts are changes over the windows as percent of their
/// median, positive if worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Trend {
    pub quantity: Quantity,
    /// The slope with its interval, in bytes or units per day or in percent; above 0 is worse.
    pub change: Estimate,
    /// Its budget, in the same unit.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub budget: f64,
    /// The change from the first third of the windows to the last: for leaks of the minimum, for drifts of the median,
    /// in bytes, units, milliseconds or requests per second; above 0 is worse.
    pub growth: f64,
    /// The number of windows that are independent of their neighbours; with too few of them, nothing is kept.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub independent: f64,
    /// Growth up to this value never counts.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub floor: f64,
    /// The smallest true change for which this run would have raised the alarm, in the unit of `change`.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub smallest_seen: f64,
    pub state: TrendState,
}

/// State of a trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TrendState {
    /// The whole interval is beyond the budget, and the growth is beyond the floor.
    Alarm,
    /// The whole interval is within the budget, and a change just beyond the budget would have exceeded the floor.
    Kept,
    /// Neither: no alarm, but a change beyond the budget cannot be excluded, or too few windows are independent.
    #[serde(alias = "not_seen")]
    Undecided,
}

impl TrendState {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Alarm => "ALARM",
            Self::Kept => "kept",
            Self::Undecided => "undecided",
        }
    }
}

fn advisory(metric: &Metric, stage: &StageRecord) -> Option<String> {
    if metric.trend {
        return Some(SLOPE.to_owned());
    }
    too_few_requests(metric, whole_windows(stage).map(|window| window.ok).min()?, "a window")
}

/// Judges a soak as far as it ran; `None` for a stage of another kind.
pub(crate) fn judge(stage: &StageRecord) -> Option<Judged> {
    let StageFacts::Soak(facts) = &stage.facts else { return None };
    let (mut trends, mut unknown) = (Vec::new(), Vec::new());
    let windows = whole_windows(stage).count() as u64;
    if windows < FEWEST_WINDOWS {
        unknown = derive::faults(stage).iter().map(ToString::to_string).collect();
    } else {
        for quantity in Quantity::ALL {
            match trend(stage, facts, quantity) {
                Ok(trend) => trends.push(trend),
                Err(why) => unknown.push(format!("{}: {why}", quantity.name())),
            }
        }
    }
    Some(Judged {
        stage: stage.name.clone(),
        windows,
        wanted: stage.wanted,
        window_ns: facts.window_ns,
        died_ns: derive::instances(stage).find_map(|instance| instance.died_ns),
        pss: derive::has_pss(stage),
        trends,
        unknown,
    })
}

fn trend(stage: &StageRecord, facts: &Stage, quantity: Quantity) -> Result<Trend, String> {
    let series = derive::series(stage, quantity);
    let whole = whole_windows(stage).count();
    if quantity.leaks() && series.len() < whole {
        return Err(format!("it could not be read in {} of {whole} windows", whole - series.len()));
    }
    let (times, values): (Vec<f64>, Vec<f64>) = series.iter().copied().unzip();
    let sample = Sample::new(values).map_err(|unusable| unusable.to_string())?;
    let Slope { estimate: raw, independent } = slope(&times, &sample).map_err(|undefined| undefined.to_string())?;
    let (budget, floor) = demanded(facts, quantity);
    let factor = factor(quantity, &times, &sample).ok_or("its median is 0, so there is no share of it")?;
    let change = raw.scaled(factor);
    let thirds = Thirds::of(&times, sample.values()).ok_or("there are too few windows")?;
    let growth = if quantity == Quantity::Memory {
        thirds.growth(quantity).min(rss_growth(stage).unwrap_or(f64::INFINITY))
    } else {
        thirds.growth(quantity)
    };
    // The smallest detectable change has its lower end at the budget, and exceeds the floor in the last third.
    let by_floor = floor / thirds.apart_s * factor.abs();
    let (low, high) = change.interval.map_or((change.point, change.point), |ends| (ends.low, ends.high));
    let smallest_seen = (budget + (change.point - low).max(0.0)).max(by_floor);
    let state = if low > budget && growth > floor {
        TrendState::Alarm
    } else if high <= budget && by_floor <= budget && independent >= FEWEST_INDEPENDENT {
        TrendState::Kept
    } else {
        TrendState::Undecided
    };
    Ok(Trend { quantity, change, budget, growth, independent, floor, smallest_seen, state })
}

/// Returns the growth of the RSS, if every window has it. A leak increases both PSS and RSS. PSS is read once per second, so a window
/// can miss the trough of a saw-tooth; RSS is read ten times per second.
fn rss_growth(stage: &StageRecord) -> Option<f64> {
    let point = |window: &SoakWindow| Some((window.middle_s(), window.rss?.trough as f64));
    let (times, values): (Vec<f64>, Vec<f64>) =
        whole_windows(stage).map(point).collect::<Option<Vec<_>>>()?.into_iter().unzip();
    Some(Thirds::of(&times, &values)?.growth(Quantity::Memory))
}

/// Returns budget and floor of a quantity, in the units of its change and of its growth.
fn demanded(facts: &Stage, quantity: Quantity) -> (f64, f64) {
    let (budget, floors) = (&facts.budget, &facts.min_abs);
    match quantity {
        Quantity::Memory => (budget.memory_bytes_per_day, floors.memory_bytes as f64),
        Quantity::Descriptors => (budget.descriptors_per_day, floors.descriptors as f64),
        Quantity::Threads => (budget.threads_per_day, floors.threads as f64),
        Quantity::P99 => (budget.p99_ratio * 100.0, floors.p99_ns as f64 / 1e6),
        Quantity::Rate => (budget.rate_ratio * 100.0, 0.0),
    }
}

/// Returns the factor that converts a slope per second: to a day, or to percent of the median over all windows. It is
/// negative if less is worse.
fn factor(quantity: Quantity, times: &[f64], sample: &Sample) -> Option<f64> {
    if quantity.leaks() {
        return Some(SECONDS_PER_DAY);
    }
    let span = times.last()? - times.first()?;
    let median = Estimate::median(sample).point;
    let percent = (median > 0.0).then(|| span / median * 100.0)?;
    Some(if quantity == Quantity::Rate { -percent } else { percent })
}

/// The first and the last third of a series.
struct Thirds<'a> {
    first: &'a [f64],
    last: &'a [f64],
    /// Time between their beginnings, in seconds.
    apart_s: f64,
}

impl<'a> Thirds<'a> {
    fn of(times: &[f64], values: &'a [f64]) -> Option<Self> {
        let third = values.len() / 3;
        let from = values.len() - third;
        let apart_s = times.get(from)? - times.first()?;
        (third > 0 && apart_s > 0.0).then(|| Self { first: &values[..third], last: &values[from..], apart_s })
    }

    /// Returns the change from the first to the last third, positive if it is worse. Leaking quantities use the minimum
    /// of each third, which ignores memory that is released from time to time.
    fn growth(&self, quantity: Quantity) -> f64 {
        let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        let median =
            |values: &[f64]| Sample::new(values.to_vec()).map_or(0.0, |sample| Estimate::median(&sample).point);
        match quantity {
            Quantity::Rate => median(self.first) - median(self.last),
            Quantity::P99 => median(self.last) - median(self.first),
            _ => least(self.last) - least(self.first),
        }
    }
}

impl Judged {
    /// Returns the trend of a quantity, if it was judged.
    pub fn of(&self, quantity: Quantity) -> Option<&Trend> {
        self.trends.iter().find(|trend| trend.quantity == quantity)
    }

    /// Returns alarms as findings. A leak is a block, which sets exit code 3. Drift is an alert, because other programs
    /// on the host can cause it too.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let alarms = self.trends.iter().filter(|trend| trend.state == TrendState::Alarm);
        let finding = |trend: &Trend| Finding {
            subject: self.subject(trend.quantity),
            topic: Topic::Budget,
            kind: if trend.quantity.leaks() { FindingKind::Block } else { FindingKind::Alert },
            message: self.message(trend),
            weighed: None,
        };
        alarms.map(finding).collect()
    }

    /// Returns the id of the metric that contains the trend of a quantity.
    fn subject(&self, quantity: Quantity) -> String {
        let row = super::metrics::METRICS.iter().find(|row| quantity_of(row) == Some(quantity));
        let id = row.map_or(quantity.name(), |row| row.id);
        if self.stage == StageKind::Soak.name() { id.to_owned() } else { format!("{id}@{}", self.stage) }
    }

    pub(crate) fn trend(&self, metric: &Metric) -> Result<Estimate, Absent> {
        let found = quantity_of(metric).and_then(|quantity| self.of(quantity));
        found.map(|trend| trend.change).ok_or_else(|| match quantity_of(metric) {
            Some(quantity) => Absent(format!("{} has no trend in stage {}", quantity.name(), self.stage)),
            None => no_trend(metric, &self.stage),
        })
    }
}

/// Returns the unit of the growth of a quantity.
const fn unit(quantity: Quantity) -> Unit {
    match quantity {
        Quantity::Memory => Unit::Bytes,
        Quantity::Descriptors | Quantity::Threads => Unit::Count,
        Quantity::P99 => Unit::Millis,
        Quantity::Rate => Unit::PerSecond,
    }
}
