//! Reads and writes `result.json`: the record, its judgement, and a digest that reveals a changed record.

use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::judgement::Judgement;
use crate::measure::canonical::Json;
use crate::measure::journal;
use crate::measure::latency::document;
use crate::measure::record::{Record, SCHEMA_VERSION};
use harness_base::files;
use harness_base::names::is_name;

/// Name of the result in the folder of a run.
pub const RESULT: &str = "result.json";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stored {
    pub record: Record,
    /// The judgement at that time.
    pub judgement: Judgement,
    /// SHA-256 of the record in canonical JSON (keys sorted, no white space), hexadecimal.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::Sha256"))]
    pub record_sha256: String,
}

/// Errors of results. Reading errors are exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file does not exist.
    #[error(
        "{path} does not exist; `harness run SCENARIO` writes one, and `harness report DIR` reads the journal of a run that was killed"
    )]
    Missing { path: PathBuf },
    /// The file exists but cannot be read.
    #[error("{path} cannot be read: {cause}; check its permissions with `ls -l {path}`")]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error("{path} is not JSON: {cause}; if the run was killed while writing it, try `harness report {folder}`", folder = folder_of(path).display())]
    NotJson {
        path: PathBuf,
        /// The mistake, with line and column.
        cause: serde_json::Error,
    },
    /// The file is JSON of another kind.
    #[error("{path} is not a result of `harness run`: {why}; check what it is with `harness validate {path}`")]
    NotResult { path: PathBuf, why: String },
    /// A newer harness wrote it.
    #[error(
        "{path} was made by a newer harness: layout {found}, this one reads up to {SCHEMA_VERSION}; update this harness (`harness --version`)"
    )]
    Newer { path: PathBuf, found: u64 },
    /// An older harness wrote it.
    #[error(
        "{path} was made by an older harness: layout {found}, this one reads {SCHEMA_VERSION}; read it with that harness, or measure again with `harness run`"
    )]
    Older { path: PathBuf, found: u64 },
    #[error(
        "the record in {path} was changed after the run (its digest is {found}, the file says {stored}); take the original file, or measure again with `harness run`"
    )]
    Changed {
        path: PathBuf,
        /// The digest of the content, shortened.
        found: String,
        /// The digest that the file states, shortened.
        stored: String,
    },
    /// The journal of a killed run cannot be read.
    #[error("{path}: {cause}; measure again with `harness run`")]
    Journal {
        path: PathBuf,
        /// The mistake in the journal.
        cause: journal::Error,
    },
    #[error("{path} cannot be written: {cause}; choose another folder with `--out DIR`")]
    Unwritable { path: PathBuf, cause: std::io::Error },
    /// The record has no JSON form.
    #[error("the record cannot be written as JSON: {0}; report this as a bug of the harness")]
    NoJson(serde_json::Error),
}

impl Stored {
    /// Combines a record, its judgement and its digest.
    ///
    /// # Errors
    /// Returns [`Error::NoJson`] if the record has no JSON form.
    pub fn new(record: Record, judgement: Judgement) -> Result<Self, Error> {
        // Computed from the JSON instead of the Rust value, which another version of the harness would write differently.
        let text = serde_json::to_string(&record).map_err(Error::NoJson)?;
        let record_sha256 = serde_json::from_str::<Json<'_>>(&text).map_err(Error::NoJson)?.digest();
        Ok(Self { record, judgement, record_sha256 })
    }

    /// Replaces the file `path` atomically.
    ///
    /// # Errors
    /// Returns [`Error::Unwritable`] or [`Error::NoJson`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut json = serde_json::to_vec(self).map_err(Error::NoJson)?;
        json.push(b'\n');
        files::write_whole(path, &json).map_err(|cause| Error::Unwritable { path: path.to_owned(), cause })
    }

    /// Reads the file `path`. Digest and version are checked first.
    ///
    /// # Errors
    /// Returns an [`Error`] with the next command to type.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = files::read_text(path).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => Error::Missing { path: path.to_owned() },
            _ => Error::Unreadable { path: path.to_owned(), cause },
        })?;
        Self::parse(&text, path)
    }

    /// Parses the text of a result; errors name `path`.
    ///
    /// # Errors
    /// Returns an [`Error`] with the next command to type.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        check(text, path)?;
        let parsed: Result<Self, _> = document(|| serde_json::from_str(text));
        let stored = parsed.map_err(|error| Error::NotResult { path: path.to_owned(), why: error.to_string() })?;
        named(&stored.record, path)?;
        Ok(stored)
    }
}

/// Parses only the record of a result, with the same checks, for readers that judge it again.
///
/// # Errors
/// Returns an [`Error`] with the next command to type.
pub fn parse_record(text: &str, path: &Path) -> Result<Record, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Parts {
        record: Record,
        #[serde(rename = "judgement")]
        _judgement: IgnoredAny,
        #[serde(rename = "record_sha256")]
        _record_sha256: IgnoredAny,
    }
    check(text, path)?;
    let parts: Result<Parts, _> = document(|| serde_json::from_str(text));
    let parts = parts.map_err(|error| Error::NotResult { path: path.to_owned(), why: error.to_string() })?;
    named(&parts.record, path)?;
    Ok(parts.record)
}

/// Checks the names in a record that become names of files: a stranger may have written it.
fn named(record: &Record, path: &Path) -> Result<(), Error> {
    let stages = record.stages.iter().map(|stage| ("stages.name", stage.name.as_str()));
    let names = [("scenario.name", record.scenario.name.as_str()), ("run_id", record.run_id.as_str())];
    match names.into_iter().chain(stages).find(|(_, name)| !is_name(name)) {
        None => Ok(()),
        Some((key, name)) => {
            let why = format!("its {key} is {name:?}, which must be 1 to 64 letters, digits, - or _");
            Err(Error::NotResult { path: path.to_owned(), why })
        }
    }
}

fn check(text: &str, path: &Path) -> Result<(), Error> {
    let path = path.to_owned();
    let raw: Json<'_> = match serde_json::from_str(text) {
        Ok(raw) => raw,
        Err(cause) => return Err(Error::NotJson { path, cause }),
    };
    let record = raw.get("record");
    let version = record.and_then(|record| record.get("schema_version")).and_then(Json::as_u64);
    let (Some(record), Some(found)) = (record, version) else {
        return Err(Error::NotResult { path, why: "it has no record.schema_version".to_owned() });
    };
    if found > u64::from(SCHEMA_VERSION) {
        return Err(Error::Newer { path, found });
    }
    if found < u64::from(SCHEMA_VERSION) {
        return Err(Error::Older { path, found });
    }
    let found = record.digest();
    let stored = raw.get("record_sha256").and_then(Json::as_str).unwrap_or("nothing");
    if found != stored {
        return Err(Error::Changed { path, found: shortened(&found), stored: shortened(stored) });
    }
    Ok(())
}

/// The complete or partial result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The facts so far.
    pub record: Record,
    /// The context of their judgement; empty if they are from a journal.
    pub context: Context,
    /// Whether they are from the journal of a run that did not end by itself.
    pub partial: bool,
}

/// Opens a result file, or the folder of a run: its `result.json`, or its `journal.jsonl` if the run was killed before
/// it wrote a result.
///
/// # Errors
/// Returns an [`Error`] with the next command to type.
pub fn open(path: &Path) -> Result<Opened, Error> {
    let (result, written) = (path.join(RESULT), path.join(journal::FILE));
    if !path.is_dir() || result.exists() || !written.exists() {
        let result = if path.is_dir() { result } else { path.to_owned() };
        return Stored::read(&result).map(|stored| Opened {
            record: stored.record,
            context: stored.judgement.context,
            partial: false,
        });
    }
    let bytes = files::read_bounded(&written).map_err(|cause| Error::Unreadable { path: written.clone(), cause })?;
    let replay = document(|| journal::replay(&bytes));
    let replay = replay.map_err(|cause| Error::Journal { path: written.clone(), cause })?;
    named(&replay.record, &written)?;
    Ok(Opened { record: replay.record, context: Context::default(), partial: !replay.complete })
}

fn shortened(digest: &str) -> String {
    digest.chars().take(12).collect()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
