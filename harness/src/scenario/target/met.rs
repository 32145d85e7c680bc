//! Collects the placeholders of a target or an upstream while it is read, and checks them at the end.

use super::Around;
use crate::spec::Section;
use harness_base::words::nearest;
use harness_rig::target::template::{Piece, Template};

/// Placeholders, each with its key.
#[derive(Debug, Default)]
pub(super) struct Met {
    found: Vec<(String, Piece)>,
    /// Whether a text could not be read, so that it may contain a port.
    pub(super) broken: bool,
}

impl Met {
    /// Collects the placeholders of `text`, which is at `prefix.key` of the module and at `key` of `section`.
    pub(super) fn note(&mut self, section: &Section<'_>, prefix: &str, key: &str, text: &str) -> Option<Template> {
        match Template::parse(text) {
            Ok(template) => {
                let at = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
                self.add(&at, &template);
                Some(template)
            }
            Err(error) => {
                self.broken = true;
                section.mistake(key, error.to_string(), None);
                None
            }
        }
    }

    pub(super) fn add(&mut self, key: &str, template: &Template) {
        self.found.extend(template.pieces().iter().map(|piece| (key.to_owned(), piece.clone())));
    }

    pub(super) fn pieces(&self, wanted: fn(&Piece) -> bool) -> impl Iterator<Item = (&str, &Piece)> {
        self.found.iter().filter(move |(_, piece)| wanted(piece)).map(|(key, piece)| (key.as_str(), piece))
    }

    /// Lists the ports and sockets collected so far, as they are written.
    pub(super) fn places(&self) -> Vec<String> {
        self.pieces(is_place).map(|(_, piece)| piece.written()).collect()
    }

    /// Checks that every `{file.NAME}` is in `files`, and that there is an upstream for `{upstream.…}` and a foreign host for `{egress.…}`.
    pub(super) fn check_names(&self, section: &Section<'_>, files: &[&str], around: Around<'_>) {
        for (key, piece) in &self.found {
            match piece {
                Piece::File(name) if !files.contains(&name.as_str()) => {
                    let near = nearest(name, files.iter().copied());
                    let hint = near.map_or_else(
                        || format!("add \"{name}\" = \"conf/{name}\" to [target.files]"),
                        |near| format!("did you mean {{file.{near}}}?"),
                    );
                    section.mistake(key, format!("{{file.{name}}} is not in [target.files]"), Some(hint));
                }
                Piece::UpstreamUrl | Piece::UpstreamAddress | Piece::UpstreamPath if !around.has_upstream => {
                    let message = format!("{} has no meaning: the scenario has no [upstream]", piece.written());
                    section.mistake(key, message, Some("add [upstream.builtin]".to_owned()));
                }
                Piece::EgressProxy | Piece::EgressAuthority if !around.has_egress => {
                    let message = format!("{} has no meaning: the scenario has no [egress.NAME]", piece.written());
                    section.mistake(key, message, Some("add egress = \"builtin:slack\"".to_owned()));
                }
                _ => {}
            }
        }
    }

    /// Checks that every port and socket below the key `at` is passed to the program: that it is one of `passed_on`.
    pub(super) fn check_places(&self, section: &Section<'_>, passed_on: &[String], at: &str) {
        if self.broken {
            return;
        }
        for (key, piece) in self.found.iter().filter(|(key, _)| key.starts_with(at)) {
            let written = piece.written();
            if is_place(piece) && !passed_on.contains(&written) {
                let near = nearest(&written, passed_on.iter().map(String::as_str));
                let hint = near.map_or_else(
                    || format!("pass {written} to the program in its command, env or files"),
                    |near| format!("did you mean {near}?"),
                );
                section.mistake(
                    key,
                    format!("{written} is not passed to any program, so nothing listens there"),
                    Some(hint),
                );
            }
        }
    }

    /// Checks that only endpoints contain `{target.address}`, which is unknown until the target runs.
    pub(super) fn check_address(&self, section: &Section<'_>) {
        let early = self.pieces(|piece| matches!(piece, Piece::TargetAddress));
        for (key, _) in early.filter(|(key, _)| !key.starts_with("endpoints")) {
            let message = "{target.address} is known only once the target runs: it belongs to [target.endpoints]";
            section.mistake(key, message, Some("let the program listen on 0.0.0.0".to_owned()));
        }
    }

    /// Checks that only endpoints of a target in a pod contain `{pod}`, which is the address of that pod.
    pub(super) fn check_pod(&self, section: &Section<'_>, in_pod: bool) {
        for (key, _) in self.pieces(|piece| matches!(piece, Piece::Pod)) {
            let (message, hint) = match in_pod {
                true if key.starts_with("endpoints") => continue,
                true => (
                    "{pod} is known only once the pod runs: it belongs to [target.endpoints] and upstream.url",
                    "let the program listen on 0.0.0.0",
                ),
                false => ("{pod} has no value: the target is not in a pod", "write an address, or [target.pod]"),
            };
            section.mistake(key, message, Some(hint.to_owned()));
        }
    }

    /// Refuses placeholders that have no meaning for an upstream.
    pub(super) fn check_upstream(&self, section: &Section<'_>) {
        let foreign = |piece: &Piece| {
            matches!(
                piece,
                Piece::File(_) | Piece::TargetAddress | Piece::Pod | Piece::EgressProxy | Piece::EgressAuthority
            ) || is_upstream(piece)
        };
        for (key, piece) in self.pieces(foreign) {
            section.mistake(key, format!("{} belongs to the target, not to the upstream", piece.written()), None);
        }
    }
}

/// Returns whether it is a place where a program listens.
pub(super) const fn is_place(piece: &Piece) -> bool {
    matches!(piece, Piece::Port(_) | Piece::Socket(_))
}

/// Returns whether it names the upstream.
pub(super) const fn is_upstream(piece: &Piece) -> bool {
    matches!(piece, Piece::UpstreamUrl | Piece::UpstreamAddress | Piece::UpstreamPath)
}
