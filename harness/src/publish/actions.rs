//! Writes for GitHub Actions: workflow commands in the output, and files whose paths are in the environment.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::verdict::Judgement;
use crate::verdict::judgement::{ClaimState, FindingKind, Ground};
use harness_base::workflow::{Commands, Level};

/// Number of annotations before the last one. GitHub shows ten per level and step; the last one counts the rest.
const SHOWN: usize = 9;

/// Largest summary of a step that GitHub accepts, 1 MiB; it drops a larger one completely.
pub const SUMMARY_LIMIT: u64 = 1 << 20;

/// Errors of the files of the runner.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot append to {path}: {cause}; unset {variable} to run without this file")]
    Unwritable {
        path: PathBuf,
        /// The variable that names it.
        variable: &'static str,
        cause: std::io::Error,
    },
    /// The file would exceed the limit of GitHub.
    #[error(
        "{path} would have {bytes} bytes, and GitHub drops a summary of more than {SUMMARY_LIMIT}; print it in a \
         separate step"
    )]
    Full {
        path: PathBuf,
        /// Its size with the new text, in bytes.
        bytes: u64,
    },
}

/// Formats an error for every reason that fails the run, and a warning for every other relevant finding; at most ten of
/// each.
pub fn annotations(judgement: &Judgement) -> Commands {
    let of_kind = |kind: FindingKind| judgement.findings.iter().filter(move |finding| finding.kind == kind);
    let findings_of =
        |kind: FindingKind| of_kind(kind).map(|finding| (finding.subject.clone(), finding.message.clone()));
    let blocks: Vec<(String, String)> = findings_of(FindingKind::Block).collect();
    let verdict = judgement.exit.word();
    // Blocks are findings already.
    let new = |ground: &&Ground| !matches!(ground, Ground::Finding(finding) if finding.kind == FindingKind::Block);
    let reasons = judgement.grounds.iter().filter(new).map(|ground| (verdict.to_owned(), ground.to_string()));
    let errors: Vec<(String, String)> = blocks.iter().cloned().chain(reasons).collect();
    let missed = judgement.targets.iter().filter(|target| target.state == ClaimState::NotMet && !target.required);
    let missed = missed.map(|target| (format!("{} {}", target.metric, target.limit), target.message.clone()));
    let warnings: Vec<(String, String)> =
        findings_of(FindingKind::Alert).chain(missed).chain(findings_of(FindingKind::Inconclusive)).collect();
    let mut commands = Commands::default();
    annotate(&mut commands, Level::Error, &errors);
    annotate(&mut commands, Level::Warning, &warnings);
    commands
}

/// Adds annotations with these titles and messages, as many as GitHub shows.
fn annotate(commands: &mut Commands, level: Level, lines: &[(String, String)]) {
    lines.iter().take(SHOWN).for_each(|(title, message)| commands.annotate(level, title, message));
    if let Some(more) = lines.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        commands.annotate(level, "harness", &format!("and {more} more; see the summary"));
    }
}

/// Appends Markdown to the summary of the step; the text of other steps is kept.
///
/// # Errors
/// Returns [`Error::Full`] if GitHub would drop the whole summary, [`Error::Unwritable`] if the file cannot be written.
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
/// Returns [`Error::Unwritable`].
pub fn append_outputs(path: &Path, outputs: &[(&str, &str)]) -> Result<(), Error> {
    // A line break in a value would create another output.
    let one = |(name, value): &(&str, &str)| format!("{name}={}\n", value.replace(['\r', '\n'], " "));
    append(path, "GITHUB_OUTPUT", &outputs.iter().map(one).collect::<String>())
}

fn append(path: &Path, variable: &'static str, text: &str) -> Result<(), Error> {
    let unwritable = |cause| Error::Unwritable { path: path.to_owned(), variable, cause };
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).map_err(unwritable)?;
    file.write_all(text.as_bytes()).map_err(unwritable)
}
