//! Plans the import of numbers.

use std::path::{Path, PathBuf};

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::measure::metric::Metric;
use crate::work::planned::StageWork;
use harness_base::units::Nanos;

/// The metrics that a JSON file can have; each number is in the unit of its metric.
pub(super) const JSON: [&str; 4] = ["import/time", "throughput/import_mbs", "import/count", "import/size"];

/// Which numbers to import as which metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    pub source: Source,
    /// Criterion's full ids or `FILE#/POINTER`, and their metrics.
    pub names: Vec<(String, &'static str)>,
    /// Largest age of the files.
    pub max_age: Nanos,
    /// The command that writes them; absent if another stage runs it, or if they exist.
    pub run: Option<Tool>,
}

/// A command that writes the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Its working folder; relative to the scenario.
    pub cwd: PathBuf,
    pub time_limit: Nanos,
}

/// Where the numbers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In Criterion's directory; relative to the scenario.
    Criterion { dir: PathBuf },
    /// In JSON files; relative to the scenario.
    Json,
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let names: Vec<String> = self.names.iter().map(|(place, metric)| format!("{place} as {metric}")).collect();
        let first = self.run.as_ref().map_or_else(String::new, |tool| format!("runs {}, then ", tool.argv.join(" ")));
        match &self.source {
            Source::Criterion { dir } => {
                format!("{first}reads {} from Criterion's {}", names.join(", "), dir.display())
            }
            Source::Json => format!("{first}reads {}", names.join(", ")),
        }
    }

    fn duration(&self) -> Nanos {
        Nanos::ZERO
    }

    fn shorten(&mut self) {}

    fn wanted(&self) -> u64 {
        1
    }

    fn is_profiled(&self) -> bool {
        self.run.is_some()
    }

    fn missing(&self, folder: &Path, optional: bool) -> Option<String> {
        if self.run.is_some() {
            return None;
        }
        let then = if optional { "it will be left out" } else { "a run will stop" };
        match &self.source {
            Source::Criterion { dir } => (!folder.join(dir).is_dir())
                .then(|| format!("import.criterion.dir: {} is not there: {then}; run `cargo bench`", dir.display())),
            Source::Json => {
                let files = self.names.iter().map(|(place, _)| file_of(place));
                let missing = files.into_iter().find(|file| !folder.join(file).is_file())?;
                Some(format!("import.json.names: {missing} is not there: {then}; run the tool that writes it"))
            }
        }
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

/// Returns the file of `FILE#/POINTER`.
pub(super) fn file_of(place: &str) -> &str {
    place.split_once('#').map_or(place, |(file, _)| file)
}
