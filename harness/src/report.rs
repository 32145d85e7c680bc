//! Renders the [`Summary`] of a run in several formats. A new format is one more entry in [`FORMATS`].

mod aether;
mod artifacts;
mod badges;
pub mod baseline;
mod bmf;
pub mod brief;
pub mod bundle;
pub mod calibration;
pub mod comment;
pub mod compare;
mod compared;
mod facts;
mod flat;
mod gab;
pub(crate) mod html;
mod junit;
mod lines;
pub(crate) mod markdown;
mod matrix;
pub mod metrics_doc;
pub mod one_command;
mod openmetrics;
mod perf_summary;
pub(crate) mod pods;
mod profile;
mod receipt;
mod rejected;
mod release_notes;
pub mod schema;
mod scrub;
pub(crate) mod show;
mod stage;
mod summary;
mod table;
pub mod text;
pub mod trend;
pub mod validate;
mod verdict;

use std::path::{Path, PathBuf};

use crate::measure::metric::Better;
use harness_base::files;

pub use artifacts::{ALL, Artifacts, UnknownArtifact};
pub use compared::Compared;
pub use matrix::Grid;
pub use summary::{Group, Part, Row, Summary};

/// Errors of reports.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The format cannot represent the summary.
    #[error("{format} cannot be written: {cause}; report this as a bug of the harness")]
    NoJson { format: &'static str, cause: serde_json::Error },
    #[error("{format} cannot be written: {cause}; report this as a bug of the harness")]
    NoXml { format: &'static str, cause: std::io::Error },
    /// The file could not be written.
    #[error("{path} cannot be written: {cause}; choose another folder with `--out DIR`")]
    Unwritable { path: PathBuf, cause: std::io::Error },
}

/// A format of the summary.
pub trait ReportFormat: Sync {
    /// Returns the name for `--format`.
    fn name(&self) -> &'static str;

    /// Returns the name of the file in the folder of the run.
    fn file_name(&self) -> &'static str;

    /// Renders the content of the file, ending in a newline.
    ///
    /// # Errors
    /// Returns [`Error::NoJson`] if a value has no JSON form.
    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error>;

    /// Renders the files in the folder of the run, with their relative paths: the one of [`ReportFormat::file_name`],
    /// unless the tools that read the format need several.
    ///
    /// # Errors
    /// See [`ReportFormat::render`].
    fn files(&self, summary: &Summary<'_>) -> Result<Vec<(String, Vec<u8>)>, Error> {
        Ok(vec![(self.file_name().to_owned(), self.render(summary)?)])
    }
}

/// Every format. `table`, `json` and `markdown` are those of `harness run --format`.
pub const FORMATS: &[&dyn ReportFormat] = &[
    &table::Table,
    &markdown::Markdown,
    &verdict::Json,
    &bmf::Bencher,
    &flat::Flat,
    &html::Html,
    &junit::Junit,
    &openmetrics::OpenMetrics,
    &gab::Benchmark(Better::Lower),
    &gab::Benchmark(Better::Higher),
    &release_notes::ReleaseNotes,
    &perf_summary::PerfSummary,
    &comment::Comment,
    &receipt::Receipt,
    &badges::Badges,
    &aether::Aether,
];

/// Returns the format with this name.
pub fn format(name: &str) -> Option<&'static dyn ReportFormat> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// Writes the artifacts of the summary into `folder`, which is created if necessary. Returns the files in the order of
/// [`FORMATS`].
///
/// # Errors
/// Returns the [`Error`] of the first file that could not be written.
pub fn write(summary: &Summary<'_>, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for format in summary.artifacts.formats() {
        files.extend(format.files(summary)?);
    }
    let write = |(name, content): (String, Vec<u8>)| {
        let path = folder.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        // A reader could mistake a partial file for a complete one.
        let written = made.and_then(|()| files::write_whole(&path, &content));
        written.map_err(|cause| Error::Unwritable { path: path.clone(), cause })?;
        Ok(path)
    };
    files.into_iter().map(write).collect()
}

/// Formats JSON: indented, ending in a newline.
fn pretty<T: serde::Serialize>(format: &'static str, value: &T) -> Result<Vec<u8>, Error> {
    let mut json = serde_json::to_vec_pretty(value).map_err(|cause| Error::NoJson { format, cause })?;
    json.push(b'\n');
    Ok(json)
}
