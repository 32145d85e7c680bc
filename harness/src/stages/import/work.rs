//! Plans the import of benchmarks.

use std::path::{Path, PathBuf};

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::measure::metric::Metric;
use crate::work::planned::StageWork;
use harness_base::units::Nanos;

/// Which benchmarks to import as which metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Criterion's directory; relative to the scenario.
    pub dir: PathBuf,
    /// Benchmarks by Criterion's full ids, and their metrics.
    pub names: Vec<(String, &'static str)>,
    /// Largest age of the files.
    pub max_age: Nanos,
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let names: Vec<String> = self.names.iter().map(|(bench, metric)| format!("{bench} as {metric}")).collect();
        format!("reads {} from Criterion's {}", names.join(", "), self.dir.display())
    }

    fn duration(&self) -> Nanos {
        Nanos::ZERO
    }

    fn shorten(&mut self) {}

    fn wanted(&self) -> u64 {
        1
    }

    fn missing(&self, folder: &Path, optional: bool) -> Option<String> {
        let then = if optional { "it will be left out" } else { "a run will stop" };
        (!folder.join(&self.dir).is_dir())
            .then(|| format!("import.criterion.dir: {} is not there: {then}; run `cargo bench`", self.dir.display()))
    }

    fn does_not_measure(&self, metric: &Metric) -> Option<(String, String)> {
        let imported = self.names.iter().any(|(_, id)| *id == metric.id);
        let hint = format!("name its benchmark in [import.criterion] names: \"GROUP/BENCH\" = \"{}\"", metric.id);
        (!imported).then(|| ("no benchmark is imported as it".to_owned(), hint))
    }

    fn facts(&self) -> StageFacts {
        Stage::default().into()
    }
}
