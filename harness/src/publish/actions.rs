//! What GitHub Actions reads from a step: workflow commands among its output, and files whose paths stand in the environment.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::verdict::Judgement;
use crate::verdict::judgement::{ClaimState, FindingKind, Ground};

/// Annotations of one level that GitHub shows for a step are ten; the last one says how many more there are.
const SHOWN: usize = 9;

/// GitHub takes no summary of a step beyond 1 MiB, and then drops all of it.
pub const SUMMARY_LIMIT: u64 = 1 << 20;

/// Why a file of the runner could not be extended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} cannot be extended: {source}; it is named by {variable}, unset that to go without")]
    Unwritable {
        path: PathBuf,
        /// The variable that names it.
        variable: &'static str,
        source: std::io::Error,
    },
    /// It would be more than GitHub takes.
    #[error(
        "{path} would have {bytes} bytes, and GitHub drops a summary of more than {SUMMARY_LIMIT}; print it in a step of its own"
    )]
    Full {
        path: PathBuf,
        /// Its size with the new text, in bytes.
        bytes: u64,
    },
}

/// How loud an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One workflow command, as a line. Whatever would end it or begin another one is escaped.
pub fn command(level: Level, title: &str, message: &str) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = data(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{} title={property}::{}\n", level.word(), data(message))
}

/// An error for whatever fails the run, a warning for whatever must not be overlooked; at most ten of each.
pub fn annotations(judgement: &Judgement) -> String {
    let of_kind = |kind: FindingKind| judgement.findings.iter().filter(move |finding| finding.kind == kind);
    let told = |kind: FindingKind| of_kind(kind).map(|finding| (finding.subject.clone(), finding.message.clone()));
    let blocks: Vec<(String, String)> = told(FindingKind::Block).collect();
    let verdict = judgement.exit.word();
    // Blocks stand among the findings already.
    let new = |ground: &&Ground| !matches!(ground, Ground::Finding(finding) if finding.kind == FindingKind::Block);
    let reasons = judgement.grounds.iter().filter(new).map(|ground| (verdict.to_owned(), ground.to_string()));
    let errors: Vec<(String, String)> = blocks.iter().cloned().chain(reasons).collect();
    let missed = judgement.targets.iter().filter(|target| target.state == ClaimState::NotMet && !target.required);
    let missed = missed.map(|target| (format!("{} {}", target.metric, target.limit), target.message.clone()));
    let warnings: Vec<(String, String)> =
        told(FindingKind::Alert).chain(missed).chain(told(FindingKind::Inconclusive)).collect();
    limited(Level::Error, &errors) + &limited(Level::Warning, &warnings)
}

fn limited(level: Level, lines: &[(String, String)]) -> String {
    let mut text: String = lines.iter().take(SHOWN).map(|(title, message)| command(level, title, message)).collect();
    if let Some(more) = lines.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text.push_str(&command(level, "harness", &format!("and {more} more; see the summary")));
    }
    text
}

/// Appends Markdown to the summary of the step; what other steps or tools wrote stays.
///
/// # Errors
/// [`Error::Full`] where GitHub would drop the whole, [`Error::Unwritable`] where the file cannot be extended.
pub fn append_summary(path: &Path, markdown: &str) -> Result<(), Error> {
    let present = std::fs::metadata(path).map_or(0, |facts| facts.len());
    let bytes = present + markdown.len() as u64 + 1;
    if bytes > SUMMARY_LIMIT {
        return Err(Error::Full { path: path.to_owned(), bytes });
    }
    append(path, "GITHUB_STEP_SUMMARY", &format!("{markdown}\n"))
}

/// Appends `name=value` lines to the outputs of the step.
///
/// # Errors
/// [`Error::Unwritable`].
pub fn append_outputs(path: &Path, outputs: &[(&str, &str)]) -> Result<(), Error> {
    // A line break in a value would make an output of its own.
    let one = |(name, value): &(&str, &str)| format!("{name}={}\n", value.replace(['\r', '\n'], " "));
    append(path, "GITHUB_OUTPUT", &outputs.iter().map(one).collect::<String>())
}

fn append(path: &Path, variable: &'static str, text: &str) -> Result<(), Error> {
    let unwritable = |source| Error::Unwritable { path: path.to_owned(), variable, source };
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).map_err(unwritable)?;
    file.write_all(text.as_bytes()).map_err(unwritable)
}
