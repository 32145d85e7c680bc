//! Implements `--github`: annotations, step summary and step outputs.

use std::path::{Path, PathBuf};

use super::args::GithubArgs;
use super::error::{Error, print_commands};
use crate::publish::actions::{annotations, append_outputs, append_summary};
use crate::report::{self, Summary};

impl GithubArgs {
    /// Writes annotations to stderr, so that stdout stays machine-readable; the runner reads both. The files are
    /// written only if the runner names them, so the option is harmless in a terminal.
    pub(super) fn write(self, summary: &Summary<'_>, folder: &Path) -> Result<(), Error> {
        if !self.github {
            return Ok(());
        }
        print_commands(&annotations(summary.judgement));
        if let (Some(path), Some(format)) = (file("GITHUB_STEP_SUMMARY"), report::format("markdown")) {
            let markdown = format.render(summary).map_err(|error| Error::tooling(&error))?;
            append_summary(&path, &String::from_utf8_lossy(&markdown)).map_err(|error| Error::tooling(&error))?;
        }
        if let Some(path) = file("GITHUB_OUTPUT") {
            let exit = summary.judgement.exit;
            let (code, folder) = (exit.code().to_string(), folder.display().to_string());
            let outputs = [("verdict", exit.word()), ("exit-code", code.as_str()), ("result", folder.as_str())];
            append_outputs(&path, &outputs).map_err(|error| Error::tooling(&error))?;
        }
        Ok(())
    }
}

/// Returns the path of a file that the runner names.
pub(super) fn file(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
