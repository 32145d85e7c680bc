//! Validates artifacts: detects the kind of a file, and reports every place where it violates the schema or the rules
//! of its kind.

mod bundle;
mod faults;
mod kind;
mod nodes;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::baseline;
use crate::interop;
use crate::measure::calibration;
use crate::measure::canonical::Json;
use crate::measure::journal;
use crate::measure::latency::document;
use crate::measure::metric::Absent;
use crate::verdict::Stored;

pub use faults::against;
pub use kind::Kind;

/// One mistake in an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer of the field, for example `/record/host/cpus`; empty for the whole file.
    pub pointer: String,
    /// The expected and the actual value.
    pub message: String,
}

/// The result for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The file, or the directory of Criterion.
    pub path: PathBuf,
    /// The detected kind; absent if it is unknown.
    pub kind: Option<Kind>,
    /// Its faults; empty for a valid artifact.
    pub faults: Vec<Fault>,
}

impl Fault {
    /// Creates a fault of the whole file.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { pointer: String::new(), message: message.into() }
    }
}

/// Lists the files of `path`: itself, or for the folder of a run its artifacts.
///
/// # Errors
/// Returns why the folder contains nothing to validate.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, Absent> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let is_run = path.join(crate::verdict::stored::RESULT).exists() || path.join(journal::FILE).exists();
    if !is_run {
        return match interop::criterion_directories(path) {
            Ok(roots) if roots.is_empty() => Err(Absent(
                "it is a folder with neither a run nor a Criterion directory; name the files in it".to_owned(),
            )),
            Ok(roots) => Ok(roots),
            Err(error) => Err(Absent(error.to_string())),
        };
    }
    let artifacts = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(|path| path.is_file() && is_artifact(path)).collect::<Vec<_>>()
    };
    let mut files = artifacts(path);
    files.extend(["aether", "badges"].iter().flat_map(|inner| artifacts(&path.join(inner))));
    files.sort();
    Ok(files)
}

/// Returns whether a file in the folder of a run has a schema or a reader; the series of a soak has neither.
fn is_artifact(path: &Path) -> bool {
    let is_journal = path.file_name().is_some_and(|name| name == journal::FILE);
    is_journal || kind::is_of_nodes(path) || kind::has_extension(path, &["json"])
}

/// Validates one file, or one directory of Criterion, as the detected kind or as `forced`. Scenarios are detected but
/// not read, because their reader is in a module above this one.
pub fn check(path: &Path, forced: Option<Kind>) -> Checked {
    let of = |kind, faults| Checked { path: path.to_owned(), kind, faults };
    if path.is_dir() {
        let read = interop::criterion(path);
        return of(
            Some(Kind::Criterion),
            read.err().map(|error| Fault::whole(error.to_string())).into_iter().collect(),
        );
    }
    if forced.map_or_else(|| kind::has_extension(path, &["gz", "tgz"]), |kind| kind == Kind::Bundle) {
        return of(Some(Kind::Bundle), bundle::faults(path));
    }
    // It may be longer than any file that is read whole.
    if forced.map_or_else(|| kind::is_of_nodes(path), |kind| kind == Kind::Nodes) {
        return of(Some(Kind::Nodes), nodes::faults_of_file(path));
    }
    let text = match interop::read(path) {
        Ok(text) => text,
        Err(error) => return of(forced, vec![Fault::whole(error.to_string())]),
    };
    match forced.map_or_else(|| kind::recognise(path, &text), Ok) {
        Ok(kind) => of(Some(kind), faults_of(kind, &text, path)),
        Err(Absent(found)) => {
            of(None, vec![Fault::whole(format!("its kind is unknown: it is {found}; {}", kind::HINT))])
        }
    }
}

/// Lists violations of the schema; if there are none, violations of rules that the schema cannot express.
fn faults_of(kind: Kind, text: &str, path: &Path) -> Vec<Fault> {
    if kind == Kind::Journal {
        let replayed = document(|| journal::replay(text.as_bytes()));
        return replayed.err().map(|error| Fault::whole(error.to_string())).into_iter().collect();
    }
    if kind == Kind::Nodes {
        return nodes::faults(text.as_bytes());
    }
    let Some(schema) = kind.schema() else { return Vec::new() };
    // Objects with duplicate keys are refused here; the next reader would silently keep the last one.
    let value = serde_json::from_str::<Json<'_>>(text).and_then(|_| serde_json::from_str::<Value>(text));
    let value = match value {
        Ok(value) => value,
        Err(error) => return vec![Fault::whole(format!("it is not JSON: {error}"))],
    };
    let broken = faults::against(schema, &value);
    if !broken.is_empty() {
        return broken;
    }
    let read = match kind {
        // A run without a valid stage has no metric.
        Kind::Bencher if value.as_object().is_some_and(serde_json::Map::is_empty) => None,
        Kind::Result => Stored::parse(text, path).err().map(|error| error.to_string()),
        Kind::Baseline => match serde_json::from_str(text) {
            Ok(read) => baseline::check(&read).err(),
            Err(error) => Some(error.to_string()),
        },
        Kind::Calibration => calibration::parse(text).err(),
        Kind::Bencher | Kind::Flat | Kind::Receipt | Kind::Aether => {
            interop::parse(text, path).err().filter(|error| !is_of_a_failed_run(error)).map(|error| error.to_string())
        }
        _ => None,
    };
    read.map(Fault::whole).into_iter().collect()
}

/// Returns whether the error is that the run failed: its artifacts are valid, but comparisons cannot use them.
const fn is_of_a_failed_run(error: &interop::Error) -> bool {
    matches!(error, interop::Error::NoNumber { .. } | interop::Error::FailedRun { .. })
}
