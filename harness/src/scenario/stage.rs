//! `[stage.NAME]`: what is done, in which order.

mod faults;
mod limits;
mod load;
mod read;
mod soak;

use std::path::PathBuf;

use crate::interop::import;
use crate::measure::audit::Limits;
use crate::measure::curve::Objective;
use crate::measure::faults::{FaultKind, Planned};
use crate::measure::group::ResourceLimits;
use crate::measure::record::StageKind;
use crate::measure::soak::{Budget, Floors};
use harness_base::units::Nanos;
use harness_load::spec::{Pace, Request};
use harness_rig::target::spec::Upstream;

pub(super) use read::{Base, read_all, read_import};

/// Fewest rounds that have a 95 % interval of the median: the whole range of five covers only 1 − 2 · 0.5⁵ = 93.75 %.
pub const FEWEST_ROUNDS: u64 = 6;

#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name in the scenario.
    pub name: String,
    pub kind: StageKind,
    /// A stage that cannot run is skipped with a warning instead of failing the run.
    pub optional: bool,
    /// What stands behind the target; absent for a target that answers by itself.
    pub upstream: Option<Upstream>,
    pub requests: Vec<Request>,
    pub audit: Limits,
    /// What the target may use; empty where nothing is limited.
    pub limits: ResourceLimits,
    /// CPUs the target may run on, instead of the target's own.
    pub cpuset: Option<Vec<u64>>,
    /// The base is measured beside the head: the plan says so, not the scenario.
    pub compared: bool,
    pub work: Work,
}

/// The work of a stage.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    Artifact {
        /// An image in OCI layout, an archive of one or of `docker save`; looked at as well.
        image: Option<PathBuf>,
    },
    /// Reads what Criterion has measured.
    Import(import::Spec),
    /// Launches the target this often.
    Startup {
        launches: u64,
    },
    /// Launches the target this often and watches it do nothing.
    Idle {
        launches: u64,
        /// Time between ready and the window.
        settle: Nanos,
        window: Nanos,
    },
    Load(LoadWork),
    /// Drives load in rounds inside one set of limits after the other.
    Curve {
        cells: Vec<ResourceLimits>,
        /// The load, the same in each.
        load: LoadWork,
        /// What the target must do in them.
        objective: Objective,
    },
    /// Drives load for hours and watches what grows.
    Soak(SoakWork),
    /// Drives load while one thing after the other fails.
    Faults(FaultsWork),
}

/// Faults: an instance and a load for each.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultsWork {
    /// The load; its window is as long as that of a fault that ends.
    pub load: LoadWork,
    pub before: Nanos,
    pub fault: Nanos,
    pub after: Nanos,
    /// Time after a fault within which everything must be answered again.
    pub recover: Nanos,
    /// A request without a complete answer by then hangs.
    pub timeout: Nanos,
    /// How long a slow upstream holds every answer back.
    pub slow: Nanos,
    pub readers: u64,
    /// The faults, in the order in which they are made.
    pub planned: Vec<Planned>,
}

/// A soak: one instance, one long load, cut into windows.
#[derive(Debug, Clone, PartialEq)]
pub struct SoakWork {
    /// The load; its window is the whole soak.
    pub load: LoadWork,
    /// Length of one window, in whole seconds.
    pub window: Nanos,
    pub budget: Budget,
    /// Changes so small that they never count.
    pub min_abs: Floors,
}

/// Load in rounds of trials.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadWork {
    /// Fresh starts of the target; the rounds are shared out between them.
    pub instances: u64,
    /// Rounds that must be valid.
    pub rounds: u64,
    pub pace: Pace,
    /// Connections (open loop) or virtual users (closed loop).
    pub connections: u64,
    /// Time over which the rate or the users come up, at the start of the warm-up.
    pub ramp: Nanos,
    /// Discarded part of a trial.
    pub warmup: Nanos,
    /// Measured part of a trial.
    pub window: Nanos,
    /// Whether rounds have a direct arm beside the proxied one.
    pub paired: bool,
}

impl SoakWork {
    pub fn windows(&self) -> u64 {
        self.load.window.0 / self.window.0.max(1)
    }
}

impl FaultsWork {
    /// Length of the window of a fault: a target that was stopped is not waited for.
    pub fn window(&self, kind: FaultKind) -> Nanos {
        let until = self.before.plus(self.fault);
        if kind == FaultKind::Stop { until } else { until.plus(self.after) }
    }

    /// The load under which a fault is made.
    pub fn load_of(&self, kind: FaultKind) -> LoadWork {
        LoadWork { window: self.window(kind), ..self.load.clone() }
    }

    /// The faults that can be made here.
    pub fn possible(&self) -> impl Iterator<Item = FaultKind> + '_ {
        self.planned.iter().filter(|planned| planned.skipped.is_none()).map(|planned| planned.kind)
    }
}

impl Stage {
    /// Whether the target runs inside limits.
    pub fn is_limited(&self) -> bool {
        !self.limits.is_empty() || matches!(self.work, Work::Curve { .. })
    }
}
