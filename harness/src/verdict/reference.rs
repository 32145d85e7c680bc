//! Compares how fast two machines were, or one machine at two times: stored times and rates are comparable only as far as that.

use super::context::{Against, Past};
use super::judgement::Measured;
use crate::measure::metric::{Better, find};
use crate::measure::record::{Record, References};

/// Difference of a calibration from which two machines are not equally fast, relative to the smaller value. Alerts begin at 10 %.
const CALIBRATION: f64 = 0.10;

/// Returns how much faster or slower this machine is than that of the stored run, if they differ beyond their scatter. The direct arm of
/// a metric differs if the intervals of both do not overlap.
pub(super) fn factor(record: &Record, head: &[Measured], against: &Against) -> Option<String> {
    // Far quantiles scatter too much to tell machines apart.
    let is_far = |metric: &Measured| find(&metric.id).is_some_and(|row| row.pooled.is_some());
    let pairs = head.iter().filter(|metric| !is_far(metric)).filter_map(|metric| {
        let past = against.metrics.iter().find(|past| past.id == metric.id && past.unit == metric.unit)?;
        direct(metric, past)
    });
    let slowest = pairs.max_by(|one, other| one.size().total_cmp(&other.size()));
    slowest.map(|found| found.to_string()).or_else(|| calibration(record.reference?, against.reference?))
}

/// The direct arms of one metric.
struct Direct<'a> {
    metric: &'a Measured,
    here: f64,
    there: f64,
}

impl Direct<'_> {
    /// Returns how many times as long a request takes here.
    fn slower(&self) -> f64 {
        match self.metric.direction {
            Better::Lower => self.here / self.there,
            Better::Higher => self.there / self.here,
        }
    }

    fn size(&self) -> f64 {
        self.slower().ln().abs()
    }
}

impl std::fmt::Display for Direct<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = self.metric.unit;
        write!(
            out,
            "this machine is {}: the direct arm of {} has {}, there {}",
            times(self.slower()),
            self.metric.id,
            unit.show(self.here),
            unit.show(self.there)
        )
    }
}

fn direct<'a>(metric: &'a Measured, past: &Past) -> Option<Direct<'a>> {
    let (here, there) = (metric.arms?.direct, past.direct?);
    let ends = here.interval?;
    let apart = ends.low > there.high || there.low > ends.high;
    let positive = here.point > 0.0 && there.point > 0.0;
    (apart && positive).then_some(Direct { metric, here: here.point, there: there.point })
}

/// Compares the calibrations, of which the faster one of each run counts.
fn calibration(here: References, there: References) -> Option<String> {
    let (here, there) = (here.fastest(), there.fastest());
    let parts = [
        ("CPU", here.cpu_ns, there.cpu_ns),
        ("memory", here.memory_ns, there.memory_ns),
        ("loopback", here.wakeup_ns, there.wakeup_ns),
    ];
    let ratio = |(_, here, there): &(&str, u64, u64)| *here as f64 / (*there).max(1) as f64;
    let far = parts.iter().max_by(|one, other| ratio(one).ln().abs().total_cmp(&ratio(other).ln().abs()))?;
    let slower = ratio(far);
    (slower.max(1.0 / slower) > 1.0 + CALIBRATION)
        .then(|| format!("the {} of this machine is {}", far.0, times(slower)))
}

/// Formats a factor: `1.38 times slower`.
fn times(slower: f64) -> String {
    if slower >= 1.0 { format!("{slower:.2} times slower") } else { format!("{:.2} times faster", 1.0 / slower) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Reference;

    fn references(cpu_ns: u64, wakeup_ns: u64) -> References {
        let one = Reference { cpu_ns, memory_ns: 1_000, wakeup_ns };
        References { before: one, after: Some(Reference { cpu_ns: cpu_ns * 2, ..one }) }
    }

    #[test]
    fn the_calibration_that_differs_most_is_named() {
        let here = references(1_000, 20_000);
        assert_eq!(calibration(here, references(1_050, 21_000)), None);
        assert_eq!(calibration(here, references(700, 21_000)).unwrap(), "the CPU of this machine is 1.43 times slower");
        assert_eq!(
            calibration(here, references(1_000, 40_000)).unwrap(),
            "the loopback of this machine is 2.00 times faster"
        );
    }
}
