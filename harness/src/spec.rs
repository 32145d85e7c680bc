//! Reads parts of a scenario into typed values, and collects all mistakes instead of returning the first.
//!
//! A module's `Spec::read` reads each key of a [`Section`] with one call. The same calls also *describe* the module:
//! applied to a describing document, they yield the JSON Schema for editors, so that reading, checking and
//! documentation cannot diverge. A key that was not read is reported when its section is dropped.

mod schema;
mod section;
mod tree;
mod value;

use std::cell::RefCell;
use std::fmt;

pub use section::{Field, Section};
pub(crate) use tree::parse_value;
pub use tree::{Node, Tree};
pub use value::Value;

/// One mistake in a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Dotted path of the key.
    pub key: String,
    /// Line in the file, from 1, where a missing key belongs; absent for a key from the command line.
    pub line: Option<usize>,
    /// The mistake, with the present value.
    pub message: String,
    /// The advice.
    pub hint: Option<String>,
}

/// A key that a section can have, recorded while describing.
#[derive(Debug, Clone)]
struct Described {
    path: String,
    about: &'static str,
    schema: serde_json::Value,
    required: bool,
}

/// A scenario's text as a tree of nodes with lines, and the mistakes found in it so far.
#[derive(Debug, Default)]
pub struct Document {
    tree: Node,
    describing: bool,
    mistakes: RefCell<Vec<Mistake>>,
    described: RefCell<Vec<Described>>,
}

impl Document {
    /// Parses TOML. Syntax errors are mistakes like all others: reading continues with the valid part.
    pub fn parse(text: &str) -> Self {
        let (tree, mistakes) = tree::parse(text);
        Self { tree, mistakes: RefCell::new(mistakes), ..Self::default() }
    }

    /// Creates an empty document on which reading records the possible keys.
    pub fn describing() -> Self {
        Self { describing: true, ..Self::default() }
    }

    /// Sets the key at the dotted path to `value`, read as a TOML value and, failing that, as a string.
    pub fn set(&mut self, path: &str, value: &str) {
        let node = Node { tree: tree::parse_value(value), line: None };
        if let Err(message) = self.tree.put(path.trim(), node) {
            self.mistake(Mistake { key: path.to_owned(), line: None, message, hint: None });
        }
    }

    /// Returns a copy without some of the tables and without mistakes, in which other nodes are at the dotted paths; a node that cannot be
    /// there is a mistake of the copy.
    fn variant(&self, nodes: &[(String, Node)], without: &[&str]) -> Self {
        let mut copy = Self { tree: self.tree.clone(), ..Self::default() };
        without.iter().for_each(|key| copy.tree.remove(key));
        for (path, node) in nodes {
            if let Err(message) = copy.tree.put(path, node.clone()) {
                copy.mistake(Mistake { key: path.clone(), line: node.line, message, hint: None });
            }
        }
        copy
    }

    /// Returns the section of the whole document.
    pub fn root(&self) -> Section<'_> {
        Section::new(self, String::new(), Some(&self.tree), None)
    }

    pub fn mistake(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    fn must_be_table(&self, path: &str, node: &Node) {
        if !node.is_table() {
            let message = format!("must be a table, is {}", node.tree.kind());
            self.mistake(Mistake { key: path.to_owned(), line: node.line, message, hint: None });
        }
    }

    /// Returns all mistakes in the order of their lines, followed by those of the command line. Must be called after
    /// reading. Values that were guessed for a line with a syntax error are not reported.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.borrow().clone();
        let syntax = |mistake: &&Mistake| mistake.key == tree::SYNTAX;
        let unread: Vec<Option<usize>> = mistakes.iter().filter(syntax).map(|mistake| mistake.line).collect();
        mistakes.retain(|mistake| mistake.key == tree::SYNTAX || !unread.contains(&mistake.line));
        mistakes.sort_by_key(|mistake| mistake.line.unwrap_or(usize::MAX));
        mistakes.dedup();
        mistakes
    }

    /// Returns the JSON Schema (draft 2020-12) of the keys that were read while describing.
    pub fn schema(&self, title: &str) -> serde_json::Value {
        schema::build(title, &self.described.borrow())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "line {line}: ")?,
            None => write!(out, "--set: ")?,
        }
        write!(out, "{}: {}", self.key, self.message)?;
        match &self.hint {
            Some(hint) => write!(out, " ({hint})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::units::{Nanos, Rate};

    fn read(document: &Document) -> (Nanos, Rate, Vec<String>) {
        let root = document.root();
        let stage = root.table("stage", "the stages");
        let window = stage.field("window", "measured part").default(Nanos::from_secs(3));
        let rate = stage.field("rate", "arrival rate").required();
        let names = root.named("request", "requests").into_iter().map(|(name, _)| name).collect();
        (window, rate, names)
    }

    #[test]
    fn all_mistakes_at_once_with_line_and_hint() {
        let document = Document::parse("[stage]\nwindow = \"3 parsecs\"\nrat = \"5/s\"\n[request.a]\n");
        let (window, _, names) = read(&document);
        assert_eq!(window, Nanos::from_secs(3));
        assert_eq!(names, ["a"]);
        let found: Vec<String> = document.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].starts_with("line 1: stage.rate: is missing"), "{found:#?}");
        assert!(found[1].starts_with("line 2: stage.window: \"3 parsecs\" is not a duration"), "{found:#?}");
        assert!(found[2].starts_with("line 3: stage.rat: unknown key (did you mean rate?)"), "{found:#?}");
    }

    #[test]
    fn a_syntax_error_does_not_hide_the_other_mistakes() {
        let document = Document::parse("[stage]\nrate = \nwindow = 3\n");
        read(&document);
        assert!(document.mistakes().len() >= 2, "{:#?}", document.mistakes());
    }

    #[test]
    fn the_command_line_overrides_the_file() {
        let mut document = Document::parse("[stage]\nrate = \"1/s\"\n");
        document.set("stage.rate", "7/s");
        document.set("stage.window", "\"2s\"");
        let (window, rate, _) = read(&document);
        assert_eq!((window, rate), (Nanos::from_secs(2), Rate(7.0)));
        assert_eq!(document.mistakes(), []);
    }

    #[test]
    fn reading_describes_itself() {
        let document = Document::describing();
        read(&document);
        let schema = document.schema("test");
        assert_eq!(schema["properties"]["stage"]["properties"]["window"]["default"], "3s");
        assert_eq!(schema["properties"]["stage"]["required"][0], "rate");
        assert_eq!(schema["properties"]["request"]["additionalProperties"]["type"], "object");
    }
}
