//! Plans requests that need an approval.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::{FEWEST_ROUNDS, LAUNCH};
use crate::work::planned::{StageWork, too_few_launches};
use harness_base::units::{Nanos, Rate};

/// Requests of a launch in `--quick`.
const QUICK_COUNT: u64 = 3;

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The foreign host that is asked, by its name in the scenario.
    pub egress: String,
    /// Fresh starts of the target; one value each.
    pub launches: u64,
    /// Requests of each launch, one after the other.
    pub count: u64,
    /// Requests per second, unless the one before is still unanswered.
    pub rate: Rate,
    /// Time from a request for approval until the approval is given.
    pub approve_after: Nanos,
    /// Largest permitted share of failures.
    pub failed_limit: f64,
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let Self { egress, launches, count, rate, approve_after, .. } = self;
        format!(
            "{launches} launches, each with {count} requests at {rate}, one at a time; {egress} approves them after {}",
            approve_after.notation()
        )
    }

    fn duration(&self) -> Nanos {
        let each = self.rate.period().max(self.approve_after);
        LAUNCH.plus(each.times(self.count)).times(self.launches)
    }

    /// Keeps enough launches for a 95 % interval.
    fn shorten(&mut self) {
        self.launches = self.launches.min(FEWEST_ROUNDS);
        self.count = self.count.min(QUICK_COUNT);
    }

    fn wanted(&self) -> u64 {
        self.launches
    }

    fn too_few(&self, stage: &str) -> Option<String> {
        too_few_launches(stage, self.launches)
    }

    fn runs_on_fleet(&self) -> bool {
        false
    }

    fn facts(&self) -> StageFacts {
        Stage {
            egress: self.egress.clone(),
            count: self.count,
            approve_after_ns: self.approve_after.0,
            failed_limit: self.failed_limit,
        }
        .into()
    }
}
