//! Formats the findings about a soak as sentences.

use super::{Judged, Trend, TrendState, unit};
use crate::measure::metric::Unit;
use crate::stages::soak::facts::Quantity;
use harness_base::units::Nanos;
use harness_stats::FEWEST_INDEPENDENT;

impl Judged {
    /// Describes the progress: `60 of 60 windows of 1s`.
    pub fn course(&self) -> String {
        let Self { windows, wanted, .. } = self;
        let mut text = format!("{windows} of {wanted} windows of {}", Nanos(self.window_ns).notation());
        if let Some(died) = self.died_ns {
            text.push_str(&format!("; the target ended by itself after {:.1} s of load", died as f64 / 1e9));
        }
        text.push_str(if self.pss { "; memory is PSS" } else { "; memory is RSS" });
        if windows < wanted {
            text.push_str("; stopped early and judged on the completed windows");
        }
        text
    }

    /// Names the quantity: `memory (PSS)`.
    pub fn called(&self, quantity: Quantity) -> String {
        match (quantity, self.pss) {
            (Quantity::Memory, true) => "memory (PSS)".to_owned(),
            (Quantity::Memory, false) => "memory (RSS)".to_owned(),
            (other, _) => other.name().to_owned(),
        }
    }

    /// Describes a trend in a sentence.
    pub fn message(&self, trend: &Trend) -> String {
        let called = self.called(trend.quantity);
        let verb = if trend.quantity.leaks() { "grows by" } else { "worsens by" };
        let why = match trend.state {
            TrendState::Alarm => format!("beyond the budget of {}", trend.shown(trend.budget)),
            TrendState::Kept => format!("within the budget of {}", trend.shown(trend.budget)),
            TrendState::Undecided if trend.independent < FEWEST_INDEPENDENT => {
                format!("undecided: only {:.1} windows are independent, lengthen the soak", trend.independent)
            }
            TrendState::Undecided => {
                format!("undecided: more than the budget of {} cannot be excluded", trend.shown(trend.budget))
            }
        };
        format!(
            "{called} {verb} {}{}, {why}; {} from the first third to the last (floor {}); the smallest \
             detectable change is {}",
            trend.shown(trend.change.point),
            trend.ends().map_or_else(String::new, |ends| format!(" {ends}")),
            unit(trend.quantity).show(trend.growth),
            unit(trend.quantity).show(trend.floor),
            trend.shown(trend.smallest_seen)
        )
    }
}

impl Trend {
    /// Formats a change in its unit: `42.2 GiB/day`, `3.10 %`.
    pub fn shown(&self, change: f64) -> String {
        let unit = self.unit();
        if self.quantity.leaks() { format!("{}/day", unit.show(change)) } else { unit.show(change) }
    }

    /// Formats the ends of the interval, in the unit of the change.
    pub fn ends(&self) -> Option<String> {
        let ends = self.change.interval?;
        Some(self.unit().show_interval(self.change.point, ends.low, ends.high))
    }

    const fn unit(&self) -> Unit {
        match self.quantity {
            Quantity::Memory => Unit::Bytes,
            Quantity::Descriptors | Quantity::Threads => Unit::Count,
            Quantity::P99 | Quantity::Rate => Unit::Percent,
        }
    }
}
