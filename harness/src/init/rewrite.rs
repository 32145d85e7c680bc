//! Replaces addresses in a command and its files by placeholders.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;

use super::address::{Mention, Scheme};
use super::command::{Command, Place};

/// What becomes a placeholder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Slots {
    /// The names of the ports at which the program listens.
    pub(super) ports: BTreeMap<u16, String>,
    /// The address at which the program expects its upstream.
    pub(super) upstream: Option<SocketAddr>,
}

/// A command with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// Program and arguments, in the notation of a scenario.
    pub(super) argv: Vec<String>,
    /// Names and texts of the files that contain placeholders.
    pub(super) files: Vec<(String, String)>,
    /// The ports that became placeholders.
    pub(super) ports: BTreeSet<u16>,
    /// Whether every mention of the upstream became a placeholder.
    pub(super) is_upstream_free: bool,
}

type Replacement = (Range<usize>, String);

/// Replaces what `slots` names. A file without such an address keeps its path in the command.
pub(super) fn rewrite(command: &Command, slots: &Slots) -> Rewritten {
    let mut found: BTreeMap<Place, Vec<Replacement>> = BTreeMap::new();
    let mut ports = BTreeSet::new();
    let (mut replaced, mut fixed) = (0, 0);
    for written in command.written() {
        let mention = &written.mention;
        let replacement = if let Some(name) = slots.ports.get(&mention.port).filter(|_| is_local(mention)) {
            ports.insert(mention.port);
            Some((mention.digits.clone(), format!("{{port.{name}}}")))
        } else if slots.upstream.is_some_and(|upstream| upstream.port() == mention.port) {
            let placeholder = upstream(mention);
            *(if placeholder.is_some() { &mut replaced } else { &mut fixed }) += 1;
            placeholder
        } else {
            None
        };
        found.entry(written.place).or_default().extend(replacement);
    }
    let mut files: Vec<(String, String)> = Vec::new();
    for (index, file) in command.files.iter().enumerate() {
        let within = found.remove(&Place::File(index)).unwrap_or_default();
        if within.is_empty() {
            continue;
        }
        let base = file.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let name = file_name(&base, &files);
        let place = (file.place.clone(), format!("{{file.{name}}}"));
        found.entry(Place::Argument(file.argument)).or_default().push(place);
        files.push((name, replace(&file.text, within, &ToOwned::to_owned)));
    }
    let words = command.argv.iter().enumerate();
    let argv =
        words.map(|(index, word)| replace(word, found.remove(&Place::Argument(index)).unwrap_or_default(), &escaped));
    Rewritten { argv: argv.collect(), files, ports, is_upstream_free: replaced > 0 && fixed == 0 }
}

/// Returns whether a mention can be a port of this host.
const fn is_local(mention: &Mention) -> bool {
    !matches!(mention.host, super::address::Host::Other)
}

/// Returns the placeholder for an address of the upstream. A port without a host has none.
fn upstream(mention: &Mention) -> Option<Replacement> {
    mention.loopback()?;
    let placeholder = if mention.scheme == Scheme::Absent { "{upstream.address}" } else { "{upstream.url}" };
    Some((mention.whole.clone(), placeholder.to_owned()))
}

/// Returns a name for a file of a scenario that is not taken.
fn file_name(base: &str, taken: &[(String, String)]) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' };
    let name: String = base.chars().map(letter).collect();
    let is_taken = |name: &str| taken.iter().any(|(other, _)| other == name);
    let numbered = (2_u32..).map(|number| format!("{number}-{name}"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(name)
}

/// Replaces ranges of `text`, which do not overlap; `keep` converts what is between them.
fn replace(text: &str, mut replacements: Vec<Replacement>, keep: &dyn Fn(&str) -> String) -> String {
    replacements.sort_by_key(|(range, _)| range.start);
    let (mut written, mut from) = (String::new(), 0);
    for (range, placeholder) in replacements.into_iter().filter(|(range, _)| range.end <= text.len()) {
        written.push_str(&keep(text.get(from..range.start).unwrap_or_default()));
        written.push_str(&placeholder);
        from = range.end;
    }
    written.push_str(&keep(text.get(from..).unwrap_or_default()));
    written
}

/// Doubles braces, as the texts of a scenario need it.
fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::command::ConfigFile;
    use super::*;

    fn slots() -> Slots {
        let ports = [(9000, "proxy"), (9002, "admin")].map(|(port, name)| (port, name.to_owned()));
        Slots { ports: BTreeMap::from(ports), upstream: Some("127.0.0.1:9001".parse().unwrap()) }
    }

    fn command(argv: &[&str], files: Vec<ConfigFile>) -> Command {
        Command { argv: argv.iter().map(ToString::to_string).collect(), files }
    }

    #[test]
    fn addresses_in_arguments_become_placeholders() {
        let argv = [
            "p",
            "--listen=127.0.0.1:9000",
            "--admin",
            "9002",
            "--upstream",
            "http://localhost:9001/x",
            "--to",
            "127.0.0.1:9001",
            "{a}",
        ];
        let rewritten = rewrite(&command(&argv, Vec::new()), &slots());
        let expected = [
            "p",
            "--listen=127.0.0.1:{port.proxy}",
            "--admin",
            "{port.admin}",
            "--upstream",
            "{upstream.url}/x",
            "--to",
            "{upstream.address}",
            "{{a}}",
        ];
        assert_eq!(rewritten.argv, expected);
        assert!(rewritten.is_upstream_free && rewritten.ports.len() == 2);
    }

    #[test]
    fn a_port_of_the_upstream_without_a_host_stays() {
        let rewritten = rewrite(&command(&["p", "--upstream-port", "9001"], Vec::new()), &slots());
        assert_eq!(rewritten.argv, ["p", "--upstream-port", "9001"]);
        assert!(!rewritten.is_upstream_free);
    }

    #[test]
    fn a_file_with_addresses_becomes_a_template_and_another_keeps_its_path() {
        let file = |argument, path: &str, text: &str| ConfigFile {
            argument,
            place: 2..2 + path.len(),
            path: PathBuf::from(path),
            text: text.to_owned(),
        };
        let one = file(1, "/etc/a b.conf", "listen 9000; x { proxy_pass http://127.0.0.1:9001; } # example.com:9000");
        let files = vec![one, file(2, "/etc/other", "size 9")];
        let rewritten = rewrite(&command(&["p", "-c/etc/a b.conf", "-d/etc/other"], files), &slots());
        assert_eq!(rewritten.argv, ["p", "-c{file.a-b.conf}", "-d/etc/other"]);
        let text = "listen {port.proxy}; x { proxy_pass {upstream.url}; } # example.com:9000";
        assert_eq!(rewritten.files, [("a-b.conf".to_owned(), text.to_owned())]);
    }
}
