//! How long a plan will take.

use super::{LoadWork, Plan, Stage, Work};
use harness_base::units::Nanos;

/// Start and stop of the target, and of the upstream and the load child beside it, once.
const LAUNCH: Nanos = Nanos::from_millis(300);

/// Around each trial: drain, ledger, handing over the histograms.
const GAP: Nanos = Nanos::from_millis(50);

impl Plan {
    /// How long it will take if no round has to be repeated.
    pub fn expected_duration(&self) -> Nanos {
        self.stages.iter().map(Stage::expected_duration).fold(Nanos::ZERO, Nanos::plus)
    }
}

impl Stage {
    /// How long this stage will take if no round has to be repeated.
    pub fn expected_duration(&self) -> Nanos {
        let of_one = match &self.work {
            Work::Artifact { .. } | Work::Import(_) => Nanos::ZERO,
            Work::Startup { launches } => LAUNCH.times(*launches),
            Work::Idle { launches, settle, window } => LAUNCH.plus(*settle).plus(*window).times(*launches),
            Work::Load(load) => load.expected_duration(),
            Work::Soak(soak) => LAUNCH.plus(soak.load.warmup).plus(soak.load.window),
            Work::Faults(faults) => faults.possible().fold(Nanos::ZERO, |all, kind| {
                all.plus(LAUNCH).plus(faults.load.warmup).plus(faults.window(kind)).plus(GAP)
            }),
            Work::Curve { cells, load, .. } => load.expected_duration().times(cells.len() as u64),
        };
        of_one.times(if self.compared { 2 } else { 1 })
    }
}

impl LoadWork {
    pub const fn arms(&self) -> u64 {
        if self.paired { 2 } else { 1 }
    }

    /// Rounds and one warm-up round per instance.
    fn expected_duration(&self) -> Nanos {
        let trial = self.warmup.plus(self.window).plus(GAP);
        let round = trial.times(self.arms());
        round.times(self.rounds.saturating_add(self.instances)).plus(LAUNCH.times(self.instances))
    }
}
