//! Plans the runs of a command.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::FEWEST_ROUNDS;
use crate::work::planned::StageWork;
use harness_base::units::Nanos;

/// Duration of a short run, with what is done before and after it.
const RUN: Nanos = Nanos::from_millis(250);

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Runs of each build that must be undisturbed; one value each.
    pub runs: u64,
    /// Runs of each build before them.
    pub warmup_runs: u64,
    /// Whether the program and its inputs are dropped from the page cache before each run.
    pub cold: bool,
    /// Whether the output is kept in the log; otherwise it goes to `/dev/null`.
    pub logs: bool,
    /// A run is stopped after it.
    pub time_limit: Nanos,
    /// Exit codes of a run that succeeded.
    pub exit_codes: Vec<u64>,
    /// Largest share of runs that may fail, from 0 to 1.
    pub failed_limit: f64,
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let cache = if self.cold { "cold" } else { "warm" };
        format!("{} runs after {} warm-up runs, page cache {cache}", self.runs, self.warmup_runs)
    }

    fn duration(&self) -> Nanos {
        RUN.times(self.runs + self.warmup_runs)
    }

    /// Keeps enough runs for a 95 % interval.
    fn shorten(&mut self) {
        self.runs = self.runs.min(FEWEST_ROUNDS);
        self.warmup_runs = self.warmup_runs.min(1);
    }

    fn wanted(&self) -> u64 {
        self.runs
    }

    fn too_few(&self, stage: &str) -> Option<String> {
        (self.runs < FEWEST_ROUNDS).then(|| {
            format!(
                "stage {stage}: {} runs are too few for a 95 % interval; at least {FEWEST_ROUNDS} are needed",
                self.runs
            )
        })
    }

    fn is_profiled(&self) -> bool {
        true
    }

    fn facts(&self) -> StageFacts {
        Stage::from(self).into()
    }
}

impl From<&Work> for Stage {
    fn from(work: &Work) -> Self {
        let Work { exit_codes, failed_limit, time_limit, .. } = work;
        let (exit_codes, time_limit_ns) = (exit_codes.clone(), time_limit.0);
        Self { exit_codes, failed_limit: *failed_limit, time_limit_ns, ..Self::default() }
    }
}
