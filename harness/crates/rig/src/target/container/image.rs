//! An image of the container engine.

use std::path::PathBuf;

/// An image that the engine has.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// As the scenario names it: an image, or a binary.
    pub(super) named: String,
    pub(super) id: String,
    /// What is executed, before the command; the image's own entrypoint where absent.
    pub(super) entrypoint: Option<Vec<String>>,
    /// The image's own entrypoint and command, for the record.
    pub(super) own: (Vec<String>, Vec<String>),
    /// The file of this host that it was made of.
    pub(super) binary: Option<PathBuf>,
    pub(super) builtin: bool,
}

impl Image {
    /// Program and arguments as they are executed with `command`.
    pub(super) fn program(&self, command: &[String]) -> Vec<String> {
        let entrypoint = self.entrypoint.as_ref().unwrap_or(&self.own.0);
        let command = if command.is_empty() && self.entrypoint.is_none() { &self.own.1 } else { command };
        entrypoint.iter().chain(command).cloned().collect()
    }
}
