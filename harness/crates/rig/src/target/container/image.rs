//! An image of the container engine.

use std::path::PathBuf;

/// An image that the engine has.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// The image or binary that the scenario names.
    pub(super) named: String,
    pub(super) id: String,
    /// The entrypoint, before the command; the image's own if absent.
    pub(super) entrypoint: Option<Vec<String>>,
    /// The image's own entrypoint and command, for the record.
    pub(super) own: (Vec<String>, Vec<String>),
    /// The file of this host from which it was built.
    pub(super) binary: Option<PathBuf>,
    pub(super) builtin: bool,
}

impl Image {
    /// Returns the program and arguments that are executed with `command`.
    pub(super) fn program(&self, command: &[String]) -> Vec<String> {
        let entrypoint = self.entrypoint.as_ref().unwrap_or(&self.own.0);
        let command = if command.is_empty() && self.entrypoint.is_none() { &self.own.1 } else { command };
        entrypoint.iter().chain(command).cloned().collect()
    }
}
