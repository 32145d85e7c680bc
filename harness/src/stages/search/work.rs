//! Plans a search: a closed loop, and probes at rates that follow from each other.

use super::facts::{Objective, Stage, Variable};
use crate::measure::facts::StageFacts;
use crate::work::load::{GAP, LAUNCH, LoadWork};
use crate::work::planned::StageWork;
use harness_base::units::{Nanos, Ratio};

/// Shortest warm-up and window of `--quick`, and its number of probes.
const QUICK_WARMUP: Nanos = Nanos::from_millis(100);
const QUICK_WINDOW: Nanos = Nanos::from_millis(300);
const QUICK_PROBES: u64 = 6;
/// Half the length of the answer ÷ its middle that is enough for `--quick`.
const QUICK_PRECISION: f64 = 0.2;
/// Slices of an instance of `--quick`, as many as have an interval.
const QUICK_SLICES: u64 = 5;

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The load of a slice; its pace is replaced by that of each probe.
    pub load: LoadWork,
    pub variable: Variable,
    pub objective: Objective,
    /// In the unit of the variable.
    pub low: f64,
    pub high: Option<f64>,
    /// Half the length of the answer ÷ its middle at which the search ends.
    pub precision: Ratio,
    pub probes: u64,
    /// Time after which no further probe begins.
    pub budget: Nanos,
    /// Slices of one instance.
    pub slices: u64,
    /// Smallest share of the requests that must be answered.
    pub achieved: Ratio,
}

impl Work {
    /// Returns how long a launch with its slices takes.
    pub fn instance(&self) -> Nanos {
        LAUNCH.plus(self.slice().times(self.slices))
    }

    /// Returns how long one slice takes.
    fn slice(&self) -> Nanos {
        self.load.warmup.plus(self.load.window).plus(GAP)
    }
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let Self { load, variable, objective, probes, budget, precision, .. } = self;
        let high = self.high.map_or_else(|| "what the direct arm carries".to_owned(), |high| variable.show(high));
        let on = match variable {
            Variable::Rate => format!(" on {} connections", load.connections),
            Variable::Users => String::new(),
        };
        let instances =
            if load.instances == 1 { "1 instance".to_owned() } else { format!("{} instances", load.instances) };
        let slices = if self.slices == 1 { "1 slice".to_owned() } else { format!("{} slices", self.slices) };
        format!(
            "the highest {} with {objective}, from {} to {high}{on}: at most {probes} probes within {}, until the answer is known to ± {}; \
             each on {instances} with {slices} of {} after a warm-up of {}",
            variable.one(),
            variable.show(self.low),
            budget.notation(),
            precision.notation(),
            load.window.notation(),
            load.warmup.notation()
        )
    }

    fn duration(&self) -> Nanos {
        self.budget.min(self.instance().times(self.load.instances).times(self.probes))
    }

    fn shorten(&mut self) {
        self.load.instances = 1;
        self.load.warmup = self.load.warmup.min(QUICK_WARMUP);
        self.load.window = self.load.window.min(QUICK_WINDOW);
        self.slices = QUICK_SLICES;
        self.probes = self.probes.min(QUICK_PROBES);
        self.precision = Ratio(self.precision.0.max(QUICK_PRECISION));
        self.budget = self.budget.min(Nanos::from_secs(15));
    }

    fn wanted(&self) -> u64 {
        self.probes
    }

    fn compares(&self) -> bool {
        false
    }

    fn runs_on_fleet(&self) -> bool {
        false
    }

    fn facts(&self) -> StageFacts {
        Stage {
            objective: self.objective,
            variable: self.variable,
            low: self.low,
            high: self.high,
            precision: self.precision.0,
            probes: self.probes,
            achieved: self.achieved.0,
        }
        .into()
    }
}
