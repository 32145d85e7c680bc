//! Reads and writes the baseline files `<folder>/<scenario>/<name>.json`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Error;
use super::check::{check, quantity, same_quantity};
use super::record::{Baseline, Promoted, SCHEMA_VERSION};
use harness_base::files;
use harness_base::names::{is_file_name, is_name};

#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// One baseline file of the folder.
#[derive(Debug)]
pub struct Held {
    /// The scenario, from the name of its folder.
    pub scenario: String,
    /// The name, from the name of its file.
    pub name: String,
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    pub content: Result<Baseline, Error>,
}

impl Store {
    /// Opens the store in this folder, which need not exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of a baseline, whether it exists or not.
    ///
    /// # Errors
    /// Returns [`Error::BadName`] or [`Error::BadScenario`] for an invalid name.
    pub fn path(&self, scenario: &str, name: &str) -> Result<PathBuf, Error> {
        if !is_file_name(name) {
            return Err(Error::BadName { name: name.to_owned() });
        }
        if !is_name(scenario) {
            return Err(Error::BadScenario { name: scenario.to_owned() });
        }
        Ok(self.folder.join(scenario).join(format!("{name}.json")))
    }

    /// Reads a baseline; `None` if it does not exist.
    ///
    /// # Errors
    /// Returns an [`Error`] if the file exists but cannot be used.
    pub fn read(&self, scenario: &str, name: &str) -> Result<Option<(Baseline, PathBuf)>, Error> {
        let path = self.path(scenario, name)?;
        let Some(baseline) = read_file(&path)? else { return Ok(None) };
        if baseline.scenario != scenario || baseline.name != name {
            let why = format!(
                "it names baseline {} of scenario {}, but its path belongs to {name} of scenario {scenario}",
                baseline.name, baseline.scenario
            );
            return Err(Error::Malformed { path, why });
        }
        Ok(Some((baseline, path)))
    }

    /// Adds a run to a baseline, creating it if necessary, and replaces the file atomically. Returns the baseline and
    /// its path.
    ///
    /// # Errors
    /// Returns an [`Error`] if the existing baseline cannot be used, the run does not fit, or the file cannot be
    /// written.
    pub fn promote(&self, scenario: &str, name: &str, run: Promoted) -> Result<(Baseline, PathBuf), Error> {
        let path = self.path(scenario, name)?;
        let mut baseline = self.read(scenario, name)?.map_or_else(
            || Baseline {
                schema_version: SCHEMA_VERSION,
                name: name.to_owned(),
                scenario: scenario.to_owned(),
                runs: Vec::new(),
            },
            |(baseline, _)| baseline,
        );
        fits(&baseline, &run, &path)?;
        let place = baseline.runs.partition_point(|earlier| earlier.started_at <= run.started_at);
        baseline.runs.insert(place, run);
        check(&baseline).map_err(|why| Error::Malformed { path: path.clone(), why })?;
        write(&baseline, &path)?;
        Ok((baseline, path))
    }

    /// Lists every baseline, sorted by scenario and name. A folder that does not exist contains none.
    ///
    /// # Errors
    /// Returns [`Error::Unreadable`] if a folder cannot be read; the error of a single file is in its
    /// [`Held::content`].
    pub fn list(&self) -> Result<Vec<Held>, Error> {
        let mut found = Vec::new();
        for folder in entries(&self.folder)?.into_iter().filter(|path| path.is_dir()) {
            let scenario = named(&folder);
            for path in entries(&folder)? {
                let bytes = std::fs::metadata(&path).map_or(0, |facts| facts.len());
                if path.extension().is_some_and(|extension| extension == "json") {
                    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                    let content = self.read(&scenario, &name).and_then(|read| {
                        let gone = || Error::MissingFile { path: path.clone() };
                        read.map(|(baseline, _)| baseline).ok_or_else(gone)
                    });
                    found.push(Held { scenario: scenario.clone(), name, path, bytes, content });
                }
            }
        }
        Ok(found)
    }
}

/// Checks whether a run can join the existing ones.
fn fits(baseline: &Baseline, run: &Promoted, path: &Path) -> Result<(), Error> {
    if baseline.runs.iter().any(|earlier| earlier.run_id == run.run_id) {
        let (run_id, name) = (run.run_id.clone(), baseline.name.clone());
        return Err(Error::Twice { run_id, name, path: path.to_owned() });
    }
    for metric in &run.metrics {
        let stored = baseline.runs.iter().rev().find_map(|earlier| earlier.metric(&metric.id));
        if let Some(stored) = stored.filter(|stored| !same_quantity(stored, metric)) {
            let (found, stored) = (quantity(metric), quantity(stored));
            return Err(Error::OtherUnit { id: metric.id.clone(), found, stored, path: path.to_owned() });
        }
    }
    Ok(())
}

/// Reads a baseline at any path; `None` if the file does not exist. It checks version, layout and rules, in this order.
///
/// # Errors
/// Returns an [`Error`] if the file exists but cannot be used.
pub(super) fn read_file(path: &Path) -> Result<Option<Baseline>, Error> {
    let text = match files::read_text(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(Error::Unreadable { path: path.to_owned(), cause }),
    };
    parse(&text, path).map(Some)
}

/// Parses the text of a baseline; errors name `path`.
///
/// # Errors
/// Returns an [`Error`] with the next command to type.
pub fn parse(text: &str, path: &Path) -> Result<Baseline, Error> {
    let malformed = |why: String| Error::Malformed { path: path.to_owned(), why };
    let raw: Value = serde_json::from_str(text).map_err(|cause| Error::NotJson { path: path.to_owned(), cause })?;
    match raw["schema_version"].as_u64() {
        None => {
            return Err(malformed(
                "it has no schema_version, so `harness baseline promote` did not write it".to_owned(),
            ));
        }
        Some(found) if found > u64::from(SCHEMA_VERSION) => return Err(Error::Newer { path: path.to_owned(), found }),
        Some(_) => {}
    }
    // Parsed from the text again, so that errors have a line.
    let baseline: Baseline = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
    check(&baseline).map_err(malformed)?;
    Ok(baseline)
}

/// Writes one run per line, so that git shows a promotion as one added line.
fn write(baseline: &Baseline, path: &Path) -> Result<(), Error> {
    let unwritable = |cause| Error::Unwritable { path: path.to_owned(), cause };
    let no_json = |error: serde_json::Error| unwritable(std::io::Error::other(error));
    let head = Baseline { runs: Vec::new(), ..baseline.clone() };
    let mut text = serde_json::to_string(&head).map_err(no_json)?;
    // The empty list is last: `[]}` makes room for the runs.
    text.truncate(text.len() - 2);
    for (index, run) in baseline.runs.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&serde_json::to_string(run).map_err(no_json)?);
    }
    text.push_str("\n]}\n");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        // The file itself is replaced, so a link in its place is not followed.
        if std::fs::symlink_metadata(folder).map_err(unwritable)?.is_symlink() {
            return Err(Error::Link { path: folder.to_owned() });
        }
    }
    files::write_whole(path, text.as_bytes()).map_err(unwritable)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |cause| Error::Unreadable { path: folder.to_owned(), cause };
    let listed = match std::fs::read_dir(folder) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(unreadable)?,
    };
    let mut paths = listed.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    paths.sort();
    Ok(paths)
}

fn named(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
