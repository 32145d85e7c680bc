//! Reads one table of a scenario.

use std::cell::{Cell, RefCell};

use super::tree::Node;
use super::value::Value;
use super::{Described, Document, Mistake};
use harness_base::words::nearest;

/// One table. Dropping it reports the keys that were not read.
#[derive(Debug)]
pub struct Section<'d> {
    document: &'d Document,
    path: String,
    node: Option<&'d Node>,
    /// Line of the section or, if it is not written, of the nearest one around it.
    line: Option<usize>,
    asked: RefCell<Vec<&'static str>>,
    refused: RefCell<Vec<&'static str>>,
    passed_over: Cell<bool>,
}

/// A key that was read; its absence is not handled yet.
#[derive(Debug)]
pub struct Field<'s, 'd, T> {
    section: &'s Section<'d>,
    key: &'static str,
    about: &'static str,
    found: Option<T>,
}

impl<'d> Section<'d> {
    pub(super) fn new(document: &'d Document, path: String, node: Option<&'d Node>, around: Option<usize>) -> Self {
        if let Some(node) = node {
            document.must_be_table(&path, node);
        }
        let line = node.map_or(around, |node| node.line);
        let (asked, refused) = (RefCell::default(), RefCell::default());
        Self { document, path, node, line, asked, refused, passed_over: Cell::new(false) }
    }

    /// Reads a value. `about` is its line in the documentation, with the unit.
    pub fn field<T: Value>(&self, key: &'static str, about: &'static str) -> Field<'_, 'd, T> {
        let found = self.child(key).and_then(|node| match T::read(node) {
            Ok(value) => Some(value),
            Err(message) => {
                self.mistake_at(key, Some(node), message, None);
                None
            }
        });
        Field { section: self, key, about, found }
    }

    /// Returns the table of that name, empty if it is not written.
    pub fn table(&self, key: &'static str, about: &'static str) -> Section<'d> {
        self.describe(key, about, serde_json::json!({ "type": "object" }), false);
        Section::new(self.document, self.join(key), self.child(key), self.line)
    }

    /// Returns the table of that name if it is written (always while describing).
    pub fn optional_table(&self, key: &'static str, about: &'static str) -> Option<Section<'d>> {
        let written = self.child(key).is_some() || self.document.describing;
        written.then(|| self.table(key, about))
    }

    /// Returns the tables below `key` with their names, in the order written.
    pub fn named(&self, key: &'static str, about: &'static str) -> Vec<(String, Section<'d>)> {
        self.describe(key, about, serde_json::json!({ "type": "object" }), false);
        if self.document.describing {
            let path = format!("{}.*", self.join(key));
            self.describe(&format!("{key}.*"), about, serde_json::json!({ "type": "object" }), false);
            return vec![("*".to_owned(), Section::new(self.document, path, None, None))];
        }
        let Some(node) = self.child(key) else {
            return Vec::new();
        };
        let path = self.join(key);
        self.document.must_be_table(&path, node);
        node.entries()
            .iter()
            .map(|(name, node)| (name.clone(), Section::new(self.document, format!("{path}.{name}"), Some(node), None)))
            .collect()
    }

    /// Returns the tables of this section that were not read yet, with their names, in the order written; any other key
    /// that was not read is a mistake.
    pub fn others(&self, about: &'static str) -> Vec<(String, Section<'d>)> {
        if self.document.describing {
            self.describe("*", about, serde_json::json!({ "type": "object" }), false);
            return vec![("*".to_owned(), Section::new(self.document, self.join("*"), None, None))];
        }
        let entries = self.node.map_or(&[][..], Node::entries).iter();
        let others: Vec<_> = entries.filter(|(name, _)| !self.knows(name)).collect();
        let (tables, strays): (Vec<_>, Vec<_>) = others.into_iter().partition(|(_, node)| node.is_table());
        strays.iter().for_each(|(name, node)| self.no_such_key(name, node));
        self.pass_over();
        let section = |name: &String, node| Section::new(self.document, self.join(name), Some(node), None);
        tables.into_iter().map(|(name, node)| (name.clone(), section(name, node))).collect()
    }

    /// Reports a mistake if `key` is written, with a message of its own, for example for a key that belongs elsewhere.
    pub fn refuse(&self, key: &'static str, message: &str, hint: &str) {
        self.refused.borrow_mut().push(key);
        if self.has(key) {
            self.mistake(key, message, Some(hint.to_owned()));
        }
    }

    /// Reads the key `cpuset`: numbers of the CPUs that a process may use.
    pub fn cpuset(&self) -> Option<Vec<u64>> {
        self.field("cpuset", "CPUs it may run on, for example [0, 1]; default: all")
            .check(|cpus: &Vec<u64>| match cpus.iter().find(|cpu| **cpu >= 1024) {
                _ if cpus.is_empty() => Err("must name at least one CPU; leave the key out to allow all".to_owned()),
                Some(cpu) => Err(format!("{cpu} is not a CPU number")),
                None => Ok(()),
            })
            .optional()
    }

    /// Returns whether the key is written.
    pub fn has(&self, key: &str) -> bool {
        self.node.is_some_and(|node| node.get(key).is_some())
    }

    /// Returns whether the key was set on the command line, which overrides the keys next to it.
    pub fn is_overridden(&self, key: &str) -> bool {
        let node = self.node.and_then(|node| node.get(key));
        node.is_some_and(|node| node.line.is_none())
    }

    /// Returns the table of that name, if it is written, without reading it: unknown keys in it are not reported.
    pub fn peek(&self, key: &'static str) -> Option<Section<'d>> {
        let node = self.node.and_then(|node| node.get(key)).filter(|node| node.is_table())?;
        let section = Section::new(self.document, self.join(key), Some(node), self.line);
        section.pass_over();
        Some(section)
    }

    /// Returns the keys of this section with their values, and abandons it.
    pub fn entries(&self) -> &'d [(String, Node)] {
        self.pass_over();
        self.node.map_or(&[][..], Node::entries)
    }

    /// Returns whether something is written at the dotted `path` below this section.
    pub fn writes(&self, path: &str) -> bool {
        self.node.is_some_and(|node| node.at(path).is_some())
    }

    /// Returns a copy of the document in which other nodes are at these dotted paths, without some tables of the root.
    pub fn variant(&self, nodes: &[(String, Node)], without: &[&str]) -> Document {
        self.document.variant(nodes, without)
    }

    /// Adds the mistakes of a variant of the document that it does not have yet.
    pub fn adopt(&self, variant: &Document) {
        for mistake in variant.mistakes() {
            if !self.document.mistakes.borrow().contains(&mistake) {
                self.document.mistake(mistake);
            }
        }
    }

    /// Abandons this section: keys that were not read are not reported.
    pub fn pass_over(&self) {
        self.passed_over.set(true);
    }

    /// Returns whether the key is written and contains a table.
    pub fn has_table(&self, key: &str) -> bool {
        let node = self.node.and_then(|node| node.get(key));
        node.is_some_and(Node::is_table)
    }

    /// Returns whether any key of this section is written.
    pub fn is_written(&self) -> bool {
        self.node.is_some()
    }

    /// Lists the names of all keys written in this section.
    pub fn keys(&self) -> Vec<String> {
        self.node.map_or_else(Vec::new, |node| node.entries().iter().map(|(name, _)| name.clone()).collect())
    }

    /// Returns the dotted path of this section.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns whether this document only records the possible keys.
    pub fn describing(&self) -> bool {
        self.document.describing
    }

    /// Reports a mistake at `key` of this section: a name, or a dotted path as deep as the reader knows it.
    pub fn mistake(&self, key: &str, message: impl Into<String>, hint: Option<String>) {
        if !self.document.describing {
            let node = self.node.and_then(|node| node.deepest(key));
            self.mistake_at(key, node, message.into(), hint);
        }
    }

    /// Reports a mistake at the line of `node`.
    pub fn mistake_on(&self, key: &str, node: &Node, message: impl Into<String>, hint: Option<String>) {
        self.mistake_at(key, Some(node), message.into(), hint);
    }

    /// Requires exactly one of `keys`, and returns it.
    pub fn exactly_one(&self, keys: &[&'static str]) -> Option<&'static str> {
        let written: Vec<&'static str> = keys.iter().copied().filter(|key| self.has(key)).collect();
        match written.as_slice() {
            [one] => Some(one),
            [] => {
                self.mistake("", format!("needs one of {}", keys.join(", ")), None);
                None
            }
            [_, second, ..] => {
                self.mistake(second, format!("only one of {} can be given", written.join(", ")), None);
                None
            }
        }
    }

    fn child(&self, key: &'static str) -> Option<&'d Node> {
        self.asked.borrow_mut().push(key);
        self.node.and_then(|node| node.get(key))
    }

    fn knows(&self, name: &str) -> bool {
        self.asked.borrow().contains(&name) || self.refused.borrow().contains(&name)
    }

    fn no_such_key(&self, name: &str, node: &Node) {
        let asked = self.asked.borrow();
        let hint = nearest(name, asked.iter().copied()).map(|near| format!("did you mean {near}?"));
        let hint = hint.or_else(|| Some(format!("known keys: {}", asked.join(", "))));
        self.mistake_at(name, Some(node), "unknown key".to_owned(), hint);
    }

    fn join(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    fn mistake_at(&self, key: &str, node: Option<&Node>, message: String, hint: Option<String>) {
        let line = node.map_or(self.line, |node| node.line);
        self.document.mistake(Mistake { key: self.join(key), line, message, hint });
    }

    fn describe(&self, key: &str, about: &'static str, schema: serde_json::Value, required: bool) {
        if self.document.describing {
            let path = self.join(key);
            self.document.described.borrow_mut().push(Described { path, about, schema, required });
        }
    }
}

impl<T: Value> Field<'_, '_, T> {
    /// Refuses values for which `check` returns a sentence.
    #[must_use]
    pub fn check(mut self, check: impl FnOnce(&T) -> Result<(), String>) -> Self {
        if let Some(Err(message)) = self.found.as_ref().map(check) {
            self.section.mistake(self.key, message, None);
            self.found = None;
        }
        self
    }

    /// Returns the value, or `default` if the key is absent.
    pub fn default(self, default: T) -> T {
        let mut schema = T::schema();
        schema["default"] = default.written();
        self.section.describe(self.key, self.about, schema, false);
        self.found.unwrap_or(default)
    }

    /// Returns the value; its absence is a mistake.
    pub fn required(self) -> T {
        self.section.describe(self.key, self.about, T::schema(), true);
        self.found.unwrap_or_else(|| {
            if !self.section.has(self.key) && self.section.node.is_none_or(Node::is_table) {
                self.section.mistake(self.key, "is missing", Some(self.about.to_owned()));
            }
            T::placeholder()
        })
    }

    pub fn optional(self) -> Option<T> {
        self.section.describe(self.key, self.about, T::schema(), false);
        self.found
    }
}

impl Field<'_, '_, String> {
    /// Refuses any text that is not one of `words`.
    #[must_use]
    pub fn one_of(self, words: &[&str]) -> Self {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        self.check(|text| {
            let refused = || format!("must be one of {}, is {text:?}", words.join(", "));
            words.contains(text).then_some(()).ok_or_else(refused)
        })
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        if self.passed_over.get() {
            return;
        }
        let entries = self.node.map_or(&[][..], Node::entries).iter();
        entries.filter(|(name, _)| !self.knows(name)).for_each(|(name, node)| self.no_such_key(name, node));
    }
}
