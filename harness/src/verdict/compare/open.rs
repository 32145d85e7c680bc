//! Reads one side of a pair: one run, or for a base a folder of several.

use std::path::{Path, PathBuf};

use crate::interop;
use crate::measure::journal;
use crate::measure::record::Record;
use crate::measure::{Entry, FleetFacts, Layout, Numbers, Values};
use crate::verdict::checked::checked;
use crate::verdict::gate::{self, Gates};
use crate::verdict::judgement::{Measured, Value};
use crate::verdict::measured;
use crate::verdict::stored;
use harness_base::exit::Exit;

/// Errors when a side is read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Stored(#[from] stored::Error),
    /// A file of another tool.
    #[error(transparent)]
    Interop(#[from] interop::Error),
    /// A result without a number.
    #[error("{path} has no metric with a value; print it with `harness report {path}`")]
    NoValue { path: PathBuf },
}

impl Error {
    /// Returns the exit code of the error.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Interop(error) => error.exit(),
            Self::Stored(_) | Self::NoValue { .. } => Exit::InvalidInput,
        }
    }
}

/// One stored run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub numbers: Numbers,
    /// `[gate]` of its scenario; the defaults for a file of another tool.
    pub gates: Gates,
}

impl From<Numbers> for Run {
    fn from(numbers: Numbers) -> Self {
        Self { numbers, gates: Gates::default() }
    }
}

/// Reads a file, or every run in a folder, sorted by name.
///
/// # Errors
/// Returns an [`Error`] with the next command to type.
pub fn open(path: &Path) -> Result<Vec<Run>, Error> {
    if !path.is_dir() {
        return file(path).map(|run| vec![run]);
    }
    // A run that was killed has a journal but no result; the error then says that the result is missing.
    if path.join(stored::RESULT).exists() || path.join(journal::FILE).exists() {
        return file(&path.join(stored::RESULT)).map(|run| vec![run]);
    }
    let roots = interop::criterion_directories(path)?;
    if !roots.is_empty() {
        return roots.iter().map(|root| Ok(interop::criterion(root)?.into())).collect();
    }
    let files = runs(path)?;
    if files.is_empty() {
        return Err(interop::Error::Empty { path: path.to_owned() }.into());
    }
    files.iter().map(|path| file(path)).collect()
}

/// Lists the JSON files of a folder, and the results in the folders of runs below it.
fn runs(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |cause| interop::Error::Unreadable { path: folder.to_owned(), cause };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join(stored::RESULT).is_file() {
            files.push(path.join(stored::RESULT));
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn file(path: &Path) -> Result<Run, Error> {
    let text = interop::read(path)?;
    if !is_result(&text) {
        return Ok(interop::parse(&text, path)?.into());
    }
    let record = stored::parse_record(&text, path)?;
    drop(text);
    let numbers = of_record(&record, path);
    if numbers.entries.is_empty() {
        return Err(Error::NoValue { path: path.to_owned() });
    }
    Ok(Run { numbers, gates: gate::of_text(&record.scenario.text, &record.scenario.overrides) })
}

/// Returns whether the text is meant to be a result of this harness. Only the first key is read, so that large files of
/// other tools are not parsed.
fn is_result(text: &str) -> bool {
    let inside = text.trim_start().strip_prefix('{').map(str::trim_start);
    ["\"record\"", "\"judgement\"", "\"record_sha256\""]
        .iter()
        .any(|key| inside.is_some_and(|inside| inside.starts_with(key)))
}

/// Computes the metrics of a record again, because the digest does not cover its stored judgement.
fn of_record(record: &Record, path: &Path) -> Numbers {
    let checked = checked(record);
    let metrics = measured::metrics(&checked, &measured::details(&checked));
    let facts = &record.scenario;
    let digest: String = facts.sha256.chars().take(12).collect();
    let quick = if facts.quick { " --quick" } else { "" };
    let set: String = facts.overrides.iter().map(|set| format!(" --set {set}")).collect();
    Numbers {
        source: path.display().to_string(),
        layout: Layout::Result,
        host: Some(record.host.fingerprint()),
        scenario: Some(format!("{} {digest}{quick}{set}", facts.name)),
        fleet: record.fleet.as_ref().map(FleetFacts::shape),
        entries: metrics.iter().filter_map(entry).collect(),
        absent: metrics.iter().filter_map(|metric| Some((metric.id.clone(), metric.absence()?.to_owned()))).collect(),
    }
}

fn entry(metric: &Measured) -> Option<Entry> {
    let Value::Estimated { estimate, rounds, .. } = &metric.value else { return None };
    Some(Entry {
        better: Some(metric.direction),
        kind: metric.kind,
        source: metric.source,
        interval: estimate.interval.map(|interval| (interval.low, interval.high)),
        n: Some(estimate.n),
        rounds: rounds.clone(),
        advisory: metric.advisory.clone(),
        ..Entry::new(&metric.id, &metric.id, metric.unit.label(), Values::single(estimate.point))
    })
}
