//! Reads files of other tools strictly into one plain form. Unknown content is refused, never skipped.

mod aether;
mod bencher;
pub(crate) mod budget;
mod copybook;
pub(crate) mod criterion;
pub mod exposition;
mod fields;
mod flat;
pub(crate) mod strict;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::measure::{Entry, Layout, Numbers};
use harness_base::exit::Exit;
use harness_base::files;
use harness_base::units::Nanos;

pub use criterion::directories as criterion_directories;

/// Errors when a file of another tool is read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file does not exist.
    #[error("{path} does not exist; list the folder with `ls {folder}`", folder = folder_of(path).display())]
    Missing { path: PathBuf },
    /// The file exists but cannot be read.
    #[error("{path} cannot be read: {cause}; check its permissions with `ls -l {path}`")]
    Unreadable { path: PathBuf, cause: std::io::Error },
    /// It is a FIFO, a device or a folder, where a file that a tool has written is needed.
    #[error("{path} is not a regular file; inspect it with `ls -l {path}`")]
    NotAFile { path: PathBuf },
    /// The file is empty.
    #[error("{path} is empty; write it again with the tool that measures")]
    Empty { path: PathBuf },
    #[error("{path} is not JSON: {cause}; inspect it with `head -c 300 {path}`")]
    NotJson {
        path: PathBuf,
        /// The mistake, with line and column.
        cause: serde_json::Error,
    },
    /// The file is JSON of an unknown layout.
    #[error(
        "{path} has an unknown layout: it is {found}; expected result.json, Aether bench JSON, Bencher Metric Format, \
         the flat array, a copybook receipt or a Criterion directory; inspect it with `head -c 300 {path}`"
    )]
    UnknownLayout { path: PathBuf, found: String },
    /// The file has a known layout but violates its rules.
    #[error("{path} is not valid as {layout}: {why}; correct it, or measure again", layout = layout.word())]
    Malformed {
        path: PathBuf,
        /// The detected layout.
        layout: Layout,
        why: String,
    },
    #[error(
        "{path} was changed after it was written (its content has the digest {found}, integrity.sha256 is {stored}); \
         take the original file, or measure again"
    )]
    Tampered {
        path: PathBuf,
        /// The digest of the content, shortened.
        found: String,
        /// The digest that the file states, shortened.
        stored: String,
    },
    /// The file is valid but contains no number.
    #[error("{path} ({kind}) has no number, because nothing valid was measured; measure again", kind = layout.word())]
    NoNumber { path: PathBuf, layout: Layout },
    /// The file is valid but belongs to a failed run.
    #[error("{path} is of a run that failed (status is {status}), so it has no usable numbers; measure again")]
    FailedRun {
        path: PathBuf,
        /// The status in the file.
        status: String,
    },
    /// A benchmark is missing in a Criterion directory.
    #[error("{path} has no benchmark {bench} ({near}); run `cargo bench`, or correct [import.criterion] names")]
    NoBench {
        path: PathBuf,
        /// The requested id.
        bench: String,
        /// A similar id, or all existing ones.
        near: String,
    },
    /// A benchmark does not declare how many bytes an iteration has.
    #[error(
        "{path} has no throughput in bytes of {bench}; declare it with `group.throughput(Throughput::Bytes(N))`, or remove throughput from [import.criterion]"
    )]
    NoBytes {
        path: PathBuf,
        /// Its id.
        bench: String,
    },
    /// A JSON file has no number, or list of numbers, where one is named.
    #[error(
        "{path} has no number at {pointer:?}; correct [import.json] names, for example with a pointer that `jq` finds"
    )]
    NoNumberAt {
        path: PathBuf,
        /// A JSON pointer.
        pointer: String,
    },
    /// A benchmark was measured too long ago to belong to this run.
    #[error(
        "{path} is too old: {bench} was measured {age} ago, max_age is {max_age}; run `cargo bench` again, or raise its max_age in [import]"
    )]
    Stale {
        path: PathBuf,
        bench: String,
        /// Its age.
        age: Nanos,
        /// The largest permitted age.
        max_age: Nanos,
    },
    #[error(
        "{path} contains timeouts, not latencies: {label} is {p50} ms at p50 and {p95} ms at p95, the full timeout of \
         {budget_ms} ms; count timeouts as errors and measure again"
    )]
    Budget {
        path: PathBuf,
        label: String,
        /// Quantile 0.5 in milliseconds.
        p50: f64,
        /// Quantile 0.95 in milliseconds.
        p95: f64,
        /// The time budget that they equal.
        budget_ms: f64,
    },
}

impl Error {
    /// Returns the exit code of the error.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Budget { .. } => Exit::Invalid,
            _ => Exit::InvalidInput,
        }
    }
}

/// Reads a file as text.
///
/// # Errors
/// Returns [`Error::Missing`], [`Error::Unreadable`] or [`Error::Empty`].
pub fn read(path: &Path) -> Result<String, Error> {
    let text = files::read_text(path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { path: path.to_owned() },
        _ => Error::Unreadable { path: path.to_owned(), cause },
    })?;
    if text.trim().is_empty() { Err(Error::Empty { path: path.to_owned() }) } else { Ok(text) }
}

/// Parses the text of a file of another tool; errors name `path`.
///
/// # Errors
/// Returns an [`Error`] with the next command to type.
pub fn parse(text: &str, path: &Path) -> Result<Numbers, Error> {
    let value = strict::parse(text).map_err(|cause| Error::NotJson { path: path.to_owned(), cause })?;
    let found = || Error::UnknownLayout { path: path.to_owned(), found: looks(&value) };
    let layout = layout(&value).ok_or_else(found)?;
    let mut host = None;
    let entries = match layout {
        Layout::Aether => aether::read(&value),
        Layout::Flat => flat::read(&value),
        Layout::Copybook => {
            copybook::check_integrity(text).map_err(|wrong| tampered(path, &wrong))?;
            host = copybook::host(&value);
            copybook::read(&value)
        }
        _ => bencher::read(&value),
    };
    let malformed = |why| Error::Malformed { path: path.to_owned(), layout, why };
    let entries = entries.map_err(malformed)?;
    if let Some(status) = copybook::failed(&value).filter(|_| layout == Layout::Copybook) {
        return Err(Error::FailedRun { path: path.to_owned(), status });
    }
    checked(Numbers {
        source: path.display().to_string(),
        layout,
        host,
        scenario: None,
        fleet: None,
        entries,
        absent: Vec::new(),
    })
}

fn tampered(path: &Path, wrong: &copybook::Tampered) -> Error {
    let short = |digest: &str| digest.chars().take(12).collect();
    Error::Tampered { path: path.to_owned(), found: short(&wrong.found), stored: short(&wrong.stored) }
}

/// Reads one Criterion directory.
///
/// # Errors
/// Returns an [`Error`] with the next command to type.
pub fn criterion(root: &Path) -> Result<Numbers, Error> {
    checked(Numbers {
        source: root.display().to_string(),
        layout: Layout::Criterion,
        host: None,
        scenario: None,
        fleet: None,
        entries: criterion::read(root)?,
        absent: Vec::new(),
    })
}

/// Checks the rules that hold for every layout.
fn checked(numbers: Numbers) -> Result<Numbers, Error> {
    let path = PathBuf::from(&numbers.source);
    let malformed = |why: String| Error::Malformed { path: path.clone(), layout: numbers.layout, why };
    if numbers.entries.is_empty() {
        return Err(Error::NoNumber { path, layout: numbers.layout });
    }
    if let Some(twice) = twice(&numbers.entries) {
        return Err(malformed(format!("it contains {} twice", twice.label())));
    }
    match budget::find(&numbers.entries) {
        Some(found) => {
            let budget::Found { label, p50, p95, budget_ms } = found;
            Err(Error::Budget { path, label, p50, p95, budget_ms })
        }
        None => Ok(numbers),
    }
}

fn twice(entries: &[Entry]) -> Option<&Entry> {
    let mut seen = std::collections::BTreeSet::new();
    entries.iter().find(|entry| !seen.insert((&entry.id, &entry.metric)))
}

/// Detects the layout of a JSON value of another tool.
pub fn layout(value: &Value) -> Option<Layout> {
    match value {
        Value::Array(_) => Some(Layout::Flat),
        Value::Object(_) if aether::suits(value) => Some(Layout::Aether),
        Value::Object(_) if copybook::suits(value) => Some(Layout::Copybook),
        Value::Object(map) if !map.is_empty() && map.values().all(Value::is_object) => Some(Layout::Bencher),
        _ => None,
    }
}

/// Describes a value: `an object with the keys a, b`.
pub fn looks(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "an empty object".to_owned(),
        Value::Object(map) => {
            let keys: Vec<&str> = map.keys().take(5).map(String::as_str).collect();
            let more = if map.len() > keys.len() { " …" } else { "" };
            format!("an object with the keys {}{more}", keys.join(", "))
        }
        other => fields::named(other),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
