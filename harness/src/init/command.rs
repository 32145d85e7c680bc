//! The command as typed, made independent of the current folder, and the configuration files that it names.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::address::{Mention, mentions};
use super::hint::{Hint, hint};

/// The largest configuration file, in bytes.
const LARGEST: u64 = 256 * 1024;
/// Extensions of files that are programs and not configurations.
const PROGRAMS: &[&str] =
    &["py", "js", "mjs", "cjs", "ts", "rb", "pl", "php", "lua", "sh", "jar", "class", "wasm", "so"];
/// Programs that run another one, which their arguments name.
const INTERPRETERS: &[&str] = &["python", "node", "ruby", "perl", "php", "java", "deno", "bun", "sh", "bash", "lua"];

/// A command whose paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) argv: Vec<String>,
    pub(super) files: Vec<ConfigFile>,
}

/// A configuration file that an argument names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigFile {
    /// Index of the argument.
    pub(super) argument: usize,
    /// Where its path stands in the argument.
    pub(super) place: Range<usize>,
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Where an address is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In the argument with this index.
    Argument(usize),
    /// In the file with this index.
    File(usize),
}

/// An address in the command or in one of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) place: Place,
    pub(super) mention: Mention,
    pub(super) hint: Hint,
}

impl Command {
    /// Reads a command that is typed in `folder`.
    pub(super) fn read(words: &[String], folder: &Path) -> Self {
        let mut command = Self { argv: words.iter().take(1).cloned().collect(), files: Vec::new() };
        for (index, word) in words.iter().enumerate().skip(1) {
            let is_value = word.contains('=') || words.get(index - 1).is_some_and(|before| before.starts_with('-'));
            let start = if word.starts_with('-') { word.find('=').map_or(word.len(), |at| at + 1) } else { 0 };
            let (flag, named) = word.split_at(start);
            let Some(path) = existing(named, folder, is_value) else {
                command.argv.push(word.clone());
                continue;
            };
            let shown = path.to_string_lossy().into_owned();
            let place = flag.len()..flag.len() + shown.len();
            command.argv.push(format!("{flag}{shown}"));
            if let Some(text) = configuration(&path) {
                command.files.push(ConfigFile { argument: index, place, path, text });
            }
        }
        command
    }

    /// Lists every number that may be a port.
    pub(super) fn written(&self) -> Vec<Written> {
        let mut all = Vec::new();
        for (index, word) in self.argv.iter().enumerate().skip(1) {
            let before = self.argv.get(index - 1).filter(|before| before.starts_with('-')).map_or("", String::as_str);
            all.extend(mentions(word).into_iter().map(|mention| {
                let front = word.get(..mention.whole.start).unwrap_or_default();
                let hint = hint(&format!("{before} {front}"));
                Written { place: Place::Argument(index), mention, hint }
            }));
        }
        for (index, file) in self.files.iter().enumerate() {
            all.extend(mentions(&file.text).into_iter().filter(|one| !is_comment(&file.text, one)).map(|mention| {
                let front = file.text.get(..mention.whole.start).unwrap_or_default();
                let line = front.rsplit('\n').next().unwrap_or_default();
                Written { place: Place::File(index), hint: hint(line), mention }
            }));
        }
        all
    }

    /// Proposes a name for the scenario: that of the program, or of what an interpreter runs.
    pub(super) fn name(&self) -> String {
        let stem = |text: &str| {
            let file = text.trim_start_matches("builtin:").rsplit('/').next().unwrap_or_default();
            file.rsplit_once('.').filter(|(_, end)| PROGRAMS.contains(end)).map_or(file, |(stem, _)| stem).to_owned()
        };
        let program = stem(self.argv.first().map_or("", String::as_str));
        let bare = program.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        let is_named = |word: &&String| !word.starts_with('-');
        let inner = self.argv.iter().skip(1).find(is_named).filter(|_| INTERPRETERS.contains(&bare));
        let name = inner.map_or(program, |inner| stem(inner));
        let letter = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
        let name: String = name.chars().map(letter).take(64).collect();
        if name.trim_matches('-').is_empty() { "my-program".to_owned() } else { name.trim_matches('-').to_owned() }
    }
}

/// Returns the absolute path that `text` names in `folder`. A bare word is a path only if it is the value of a flag.
fn existing(text: &str, folder: &Path, is_value: bool) -> Option<PathBuf> {
    let is_bare = !text.contains(['/', '.']);
    if text.is_empty() || text.contains("://") || (is_bare && !is_value) {
        return None;
    }
    let path = std::path::absolute(folder.join(text)).ok()?;
    let about = fs::metadata(&path).ok()?;
    (!is_bare || about.is_file()).then_some(path).filter(|path| path.to_str().is_some())
}

/// Returns the text of a file that may be a configuration.
fn configuration(path: &Path) -> Option<String> {
    let about = fs::metadata(path).ok()?;
    let is_program = about.permissions().mode() & 0o111 != 0
        || path.extension().is_some_and(|end| PROGRAMS.contains(&end.to_string_lossy().as_ref()));
    if !about.is_file() || is_program || about.len() > LARGEST {
        return None;
    }
    fs::read_to_string(path).ok().filter(|text| !text.contains('\0') && !text.contains("-----BEGIN"))
}

/// Returns whether an address stands behind the sign of a comment on its line.
fn is_comment(text: &str, mention: &Mention) -> bool {
    let front = text.get(..mention.whole.start).unwrap_or_default();
    let line = front.rsplit('\n').next().unwrap_or_default().trim_start();
    line.starts_with(['#', ';']) || line.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(ToOwned::to_owned).collect()
    }

    fn named(text: &str) -> String {
        Command::read(&words(text), Path::new("/nonexistent")).name()
    }

    #[test]
    fn the_name_is_that_of_the_program() {
        assert_eq!(named("./my-proxy --listen 1"), "my-proxy");
        assert_eq!(named("/usr/sbin/nginx -c x"), "nginx");
        assert_eq!(named("builtin:sidecar --listen x"), "sidecar");
        assert_eq!(named("python3 -m http.server 8000"), "http-server");
        assert_eq!(named("python3.11 tools/echo.py"), "echo");
        assert_eq!(named("/"), "my-program");
    }

    #[test]
    fn files_are_found_whole_behind_a_flag_and_behind_an_equals_sign() {
        let folder = std::env::temp_dir().join(format!("harness-init-command-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("Caddyfile"), "# 127.0.0.1:1\n:9000 {\n reverse_proxy localhost:9001\n}\n").unwrap();
        fs::write(folder.join("tool.py"), "PORT = 9000").unwrap();
        let command =
            Command::read(&words("x run Caddyfile --config Caddyfile --c=./Caddyfile ./tool.py 9000"), &folder);
        fs::remove_dir_all(&folder).unwrap();
        let path = folder.join("Caddyfile").to_string_lossy().into_owned();
        assert_eq!(command.argv[2..5], ["Caddyfile".to_owned(), "--config".to_owned(), path.clone()]);
        let files: Vec<_> = command
            .files
            .iter()
            .map(|file| (file.argument, &command.argv[file.argument][file.place.clone()]))
            .collect();
        assert_eq!(files.len(), 2, "a program is not a configuration: {:?}", command.argv);
        assert_eq!(files[0], (4, path.as_str()));
        assert!(files[1].1.ends_with("/Caddyfile"), "{files:?}");
        let written = command.written();
        let seen: Vec<_> = written.iter().map(|one| (one.place, one.mention.port, one.hint)).collect();
        assert_eq!(seen[0], (Place::Argument(7), 9000, Hint::Absent));
        assert_eq!(seen[1..3], [(Place::File(0), 9000, Hint::Absent), (Place::File(0), 9001, Hint::Upstream)]);
    }
}
