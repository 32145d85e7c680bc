//! Interop: files of other tools, read strictly into one plain form. What is not understood is refused, never skipped.

mod aether;
mod bencher;
pub(crate) mod budget;
mod copybook;
pub(crate) mod criterion;
mod fields;
mod flat;
mod strict;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::measure::{Entry, Layout, Numbers};
use harness_base::exit::Exit;
use harness_base::units::Nanos;

pub use criterion::directories as criterion_directories;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("{path} does not exist; look at what is there with `ls {folder}`", folder = folder_of(path).display())]
    Missing { path: PathBuf },
    /// It is there and cannot be read.
    #[error("{path} cannot be read: {source}; check its permissions with `ls -l {path}`")]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// There is nothing in it.
    #[error("{path} is empty; write it again with the tool that measures")]
    Empty { path: PathBuf },
    #[error("{path} is not JSON: {why}; look at it with `head -c 300 {path}`")]
    NotJson {
        path: PathBuf,
        /// What is wrong, with line and column.
        why: String,
    },
    /// It is JSON of no layout that is known here.
    #[error(
        "{path} has an unknown layout: it is {found}; expected result.json, Aether bench JSON, Bencher Metric Format, the flat array, a copybook receipt or a Criterion directory; look at it with `head -c 300 {path}`"
    )]
    UnknownLayout { path: PathBuf, found: String },
    /// It is of a known layout and breaks its rules.
    #[error("{path} is no valid file of its kind ({layout}): {why}; correct it, or measure again", layout = layout.word())]
    Malformed {
        path: PathBuf,
        /// What it was taken for.
        layout: Layout,
        why: String,
    },
    #[error(
        "{path} was changed after it was written (its content has the digest {found}, integrity.sha256 message {stored}); take the original file, or measure again"
    )]
    Tampered {
        path: PathBuf,
        /// The digest of what is there, shortened.
        found: String,
        /// The digest the file states, shortened.
        stored: String,
    },
    /// It is valid, and holds no number.
    #[error("{path} is {kind} and it has no number: nothing valid was measured; measure again", kind = layout.word())]
    NoNumber { path: PathBuf, layout: Layout },
    /// It is valid, and of a run that failed.
    #[error("{path} is of a run that failed (status is {status}), so it has no numbers to go by; measure again")]
    FailedRun {
        path: PathBuf,
        /// The status as it stands in the file.
        status: String,
    },
    /// A directory of Criterion lacks a benchmark.
    #[error("{path} has no benchmark {bench} ({near}); run `cargo bench`, or correct [import.criterion] names")]
    NoBench {
        path: PathBuf,
        /// The id that was wanted.
        bench: String,
        /// The near one, or all there are.
        near: String,
    },
    /// A benchmark was measured too long ago to be of this run.
    #[error(
        "{path} is too old: {bench} was measured {age} ago, max_age is {max_age}; run `cargo bench` again, or raise max_age in [import.criterion]"
    )]
    Stale {
        path: PathBuf,
        bench: String,
        /// How long ago it was written.
        age: Nanos,
        /// How long ago it may have been.
        max_age: Nanos,
    },
    #[error(
        "{path} holds timeouts, not latencies: {label} is {p50} ms at p50 and {p95} ms at p95, a whole budget of {budget_ms} ms; count timeouts as errors and measure again"
    )]
    Budget {
        path: PathBuf,
        label: String,
        /// Quantile 0.5 in milliseconds.
        p50: f64,
        /// Quantile 0.95 in milliseconds.
        p95: f64,
        /// The budget they lie on.
        budget_ms: f64,
    },
}

impl Error {
    /// The exit code it stands for.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Budget { .. } => Exit::Invalid,
            _ => Exit::InvalidInput,
        }
    }
}

/// The text of a file.
///
/// # Errors
/// [`Error::Missing`], [`Error::Unreadable`] or [`Error::Empty`].
pub fn read(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { path: path.to_owned() },
        _ => Error::Unreadable { path: path.to_owned(), source },
    })?;
    if text.trim().is_empty() { Err(Error::Empty { path: path.to_owned() }) } else { Ok(text) }
}

/// Reads the text of a file of another tool; `path` is what errors name.
///
/// # Errors
/// [`Error`], each with the next command to type.
pub fn parse(text: &str, path: &Path) -> Result<Numbers, Error> {
    let not_json = |error: serde_json::Error| Error::NotJson { path: path.to_owned(), why: error.to_string() };
    let value = strict::parse(text).map_err(not_json)?;
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
    checked(Numbers { source: path.display().to_string(), layout, host, scenario: None, entries, absent: Vec::new() })
}

fn tampered(path: &Path, wrong: &copybook::Tampered) -> Error {
    let short = |digest: &str| digest.chars().take(12).collect();
    Error::Tampered { path: path.to_owned(), found: short(&wrong.found), stored: short(&wrong.stored) }
}

/// Reads one Criterion directory.
///
/// # Errors
/// [`Error`], each with the next command to type.
pub fn criterion(root: &Path) -> Result<Numbers, Error> {
    checked(Numbers {
        source: root.display().to_string(),
        layout: Layout::Criterion,
        host: None,
        scenario: None,
        entries: criterion::read(root)?,
        absent: Vec::new(),
    })
}

/// Rules that hold for every layout.
fn checked(numbers: Numbers) -> Result<Numbers, Error> {
    let path = PathBuf::from(&numbers.source);
    let malformed = |why: String| Error::Malformed { path: path.clone(), layout: numbers.layout, why };
    if numbers.entries.is_empty() {
        return Err(Error::NoNumber { path, layout: numbers.layout });
    }
    if let Some(twice) = twice(&numbers.entries) {
        return Err(malformed(format!("{} stands in it twice", twice.label())));
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

/// How a JSON value is laid out, if it is a file of another tool.
pub fn layout(value: &Value) -> Option<Layout> {
    match value {
        Value::Array(_) => Some(Layout::Flat),
        Value::Object(_) if aether::suits(value) => Some(Layout::Aether),
        Value::Object(_) if copybook::suits(value) => Some(Layout::Copybook),
        Value::Object(map) if !map.is_empty() && map.values().all(Value::is_object) => Some(Layout::Bencher),
        _ => None,
    }
}

/// What a person would call it: `an object with the keys a, b`.
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
