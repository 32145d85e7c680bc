//! Computes what one session or stream costs, and what came back.

use super::facts::{Instance, Level, Stage};
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::record::{InstanceRecord, StageRecord};

/// The fewest steps that have a slope with a deviation.
pub(crate) const FEWEST_STEPS: usize = 3;

/// A quantity of the target.
pub(crate) type Quantity = fn(&Level) -> Option<u64>;

/// A straight line through the steps of a launch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    /// Change for each session or stream.
    pub(crate) slope: f64,
    /// Standard deviation of the steps from the line.
    pub(crate) deviation: f64,
}

/// Returns the facts of a stage; `None` for a stage of another kind.
pub(crate) const fn facts(stage: &StageRecord) -> Option<&Stage> {
    match &stage.facts {
        StageFacts::Sessions(facts) => Some(facts),
        _ => None,
    }
}

/// Returns the facts of a launch; `None` for one of another kind.
pub(crate) const fn of_launch(instance: &InstanceRecord) -> Option<&Instance> {
    match &instance.facts {
        InstanceFacts::Sessions(facts) => Some(facts),
        _ => None,
    }
}

/// Returns the memory of the target: RSS of a single process, PSS of several, because a sum of RSS counts shared pages more than once.
pub(crate) fn memory(level: &Level) -> Option<u64> {
    if level.processes? > 1 { level.pss_bytes } else { level.rss_bytes }
}

/// Returns the line of a quantity over the number of open sessions or streams, by least squares. `None` with fewer than three steps, or if
/// one of them has no value.
pub(crate) fn line(instance: &Instance, of: Quantity) -> Option<Line> {
    let point = |step: &super::facts::Step| Some((step.open as f64, of(&step.level)? as f64));
    let points: Vec<(f64, f64)> = instance.steps.iter().map(point).collect::<Option<_>>()?;
    if points.len() < FEWEST_STEPS {
        return None;
    }
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (middle, level) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|(open, _)| (open - middle).powi(2)).sum();
    let product: f64 = points.iter().map(|(open, value)| (open - middle) * (value - level)).sum();
    let slope = (spread > 0.0).then(|| product / spread)?;
    let residual = |(open, value): &(f64, f64)| (value - level - slope * (open - middle)).powi(2);
    let residuals: f64 = points.iter().map(residual).sum();
    Some(Line { slope, deviation: (residuals / (count - 2.0)).sqrt() })
}

/// Returns the share of what the sessions or streams had added that the target released after their end, in percent. `None` if they added
/// nothing, or a value is missing.
pub(crate) fn reclaimed_percent(instance: &Instance, of: Quantity) -> Option<f64> {
    let (first, last) = (instance.steps.first()?, instance.steps.last()?);
    let (before, held) = (of(&first.level)? as f64, of(&last.level)? as f64);
    let after = of(&instance.ended.as_ref()?.level)? as f64;
    (held > before).then(|| (held - after) / (held - before) * 100.0)
}

/// Returns how many descriptors more than before the first session or stream are open after the end of the last.
pub(crate) fn descriptors_left(instance: &Instance) -> Option<f64> {
    let before = instance.steps.first()?.level.descriptors?;
    Some(instance.ended.as_ref()?.level.descriptors? as f64 - before as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::sessions::facts::{Ended, Step};

    fn level(rss: u64) -> Level {
        Level { rss_bytes: Some(rss), processes: Some(1), descriptors: Some(rss / 10), ..Level::default() }
    }

    fn instance(steps: &[(u64, u64)], after: u64) -> Instance {
        let steps = steps.iter().map(|(open, rss)| Step { open: *open, cut: 0, level: level(*rss) }).collect();
        Instance { steps, ended: Some(Ended { level: level(after), ..Ended::default() }), ..Instance::default() }
    }

    #[test]
    fn the_slope_of_a_line_is_found_exactly_and_its_deviation_by_hand() {
        let exact = line(&instance(&[(0, 1_000), (10, 1_500), (20, 2_000)], 0), memory).unwrap();
        assert_eq!(exact, Line { slope: 50.0, deviation: 0.0 });
        // Residuals are 10, -20 and 10 around 1000 + 51·x; one degree of freedom is left.
        let bent = line(&instance(&[(0, 1_000), (10, 1_480), (20, 2_020)], 0), memory).unwrap();
        assert!((bent.slope - 51.0).abs() < 1e-9 && (bent.deviation - 600_f64.sqrt()).abs() < 1e-9, "{bent:?}");
    }

    #[test]
    fn two_steps_and_a_missing_value_have_no_line() {
        assert_eq!(line(&instance(&[(0, 1), (1, 2)], 0), memory), None);
        assert_eq!(line(&instance(&[(5, 1), (5, 2), (5, 3)], 0), memory), None, "nothing was opened");
        assert_eq!(line(&instance(&[(0, 1), (1, 2), (2, 3)], 0), |level| level.threads), None);
    }

    #[test]
    fn what_came_back_is_a_share_of_what_was_added() {
        let found = |after| reclaimed_percent(&instance(&[(0, 1_000), (10, 2_000)], after), memory);
        assert_eq!([found(1_100), found(2_000), found(1_000), found(2_100)], [90.0, 0.0, 100.0, -10.0].map(Some));
        assert_eq!(reclaimed_percent(&instance(&[(0, 1_000), (10, 1_000)], 1_000), memory), None);
        assert_eq!(descriptors_left(&instance(&[(0, 1_000), (10, 2_000)], 1_100)), Some(10.0));
    }

    #[test]
    fn the_memory_of_several_processes_is_their_pss() {
        let several = Level { pss_bytes: Some(7), processes: Some(2), ..level(10) };
        assert_eq!((memory(&several), memory(&level(10))), (Some(7), Some(10)));
    }
}
