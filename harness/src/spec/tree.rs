//! Parses TOML into an owned tree in which every node knows its line.

use toml::de::{DeTable, DeValue};

use super::Mistake;

/// Replaces the key in mistakes that do not concern a key.
pub(super) const SYNTAX: &str = "TOML syntax";

/// A value and the line it was written on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    pub tree: Tree,
    /// From 1; absent if it was not written in the file.
    pub line: Option<usize>,
}

/// A TOML value. Tables keep the order in which they were written.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    Text(String),
    Whole(i64),
    /// A number with a fraction.
    Real(f64),
    Flag(bool),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
    /// A type that no scenario uses (a date), as text.
    Other(String),
}

impl Default for Tree {
    fn default() -> Self {
        Self::Table(Vec::new())
    }
}

impl Tree {
    /// Names the type of this value for messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Whole(_) => "a whole number",
            Self::Real(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
            Self::Other(_) => "a date",
        }
    }
}

impl Node {
    /// Returns the child of that name.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// Returns whether this is a table.
    pub const fn is_table(&self) -> bool {
        matches!(self.tree, Tree::Table(_))
    }

    /// Returns the node at the dotted `path` below this one, or the deepest existing one on the way; `None` if not even
    /// its first part exists. Names may contain dots; items of an array are counted from 0.
    pub(super) fn deepest(&self, path: &str) -> Option<&Self> {
        if let Some(child) = self.step(path) {
            return Some(child);
        }
        let (head, rest) = path.split_once('.')?;
        let child = self.step(head)?;
        Some(child.deepest(rest).unwrap_or(child))
    }

    fn step(&self, name: &str) -> Option<&Self> {
        match &self.tree {
            Tree::List(items) => items.get(name.parse::<usize>().ok()?),
            _ => self.get(name),
        }
    }

    /// Returns the entries of a table; empty for any other value.
    pub fn entries(&self) -> &[(String, Self)] {
        match &self.tree {
            Tree::Table(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the node at the dotted `path` below this one.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        let (head, rest) = first_key(path);
        let child = self.get(head)?;
        rest.map_or(Some(child), |rest| child.at(rest))
    }

    /// Removes an entry of a table.
    pub(super) fn remove(&mut self, key: &str) {
        if let Tree::Table(entries) = &mut self.tree {
            entries.retain(|(name, _)| name != key);
        }
    }

    /// Puts `node` at the dotted `path`, creating the tables on the way.
    pub(super) fn put(&mut self, path: &str, node: Self) -> Result<(), String> {
        let Tree::Table(entries) = &mut self.tree else {
            return Err(format!("cannot set {path:?} inside {}", self.tree.kind()));
        };
        let (head, rest) = first_key(path);
        if head.is_empty() {
            return Err("the key is empty; write KEY=VALUE with a dotted key such as stage.overhead.rate".to_owned());
        }
        let place = entries.iter().position(|(name, _)| name == head).unwrap_or_else(|| {
            entries.push((head.to_owned(), Self { line: node.line, ..Self::default() }));
            entries.len() - 1
        });
        let child = &mut entries[place].1;
        match rest {
            Some(rest) => child.put(rest, node),
            None => {
                *child = node;
                Ok(())
            }
        }
    }
}

/// Splits a dotted path into its first name and the rest. A name that contains dots is quoted.
fn first_key(path: &str) -> (&str, Option<&str>) {
    let quoted = path.strip_prefix('"').and_then(|inside| inside.split_once('"'));
    match quoted {
        Some((name, "")) => (name, None),
        Some((name, rest)) if rest.starts_with('.') => (name, Some(&rest[1..])),
        _ => path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest))),
    }
}

/// Parses a document into its tree and its syntax errors.
pub(super) fn parse(text: &str) -> (Node, Vec<Mistake>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::new(text);
    let mistakes = errors
        .iter()
        .map(|error| Mistake {
            key: SYNTAX.to_owned(),
            line: error.span().map(|span| lines.of(span.start)),
            message: error.message().to_owned(),
            hint: None,
        })
        .collect();
    let root = Node { tree: table_tree(table.get_ref(), &lines), line: Some(1) };
    (root, mistakes)
}

/// Parses a value from the command line: as TOML if possible, else as text.
pub(crate) fn parse_value(text: &str) -> Tree {
    match DeValue::parse(text) {
        Ok(value) => value_tree(value.get_ref(), &Lines::new(text)),
        Err(_) => Tree::Text(text.to_owned()),
    }
}

/// Byte offsets at which lines start.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(breaks).collect())
    }

    fn of(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

fn table_tree(table: &DeTable<'_>, lines: &Lines) -> Tree {
    let entries = table.iter().map(|(key, value)| {
        let line = Some(lines.of(key.span().start));
        (key.get_ref().to_string(), Node { tree: value_tree(value.get_ref(), lines), line })
    });
    Tree::Table(entries.collect())
}

fn value_tree(value: &DeValue<'_>, lines: &Lines) -> Tree {
    match value {
        DeValue::String(text) => Tree::Text(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix()).map_or(Tree::Other(digits), Tree::Whole)
        }
        DeValue::Float(number) => {
            let digits = number.as_str().replace('_', "");
            digits.parse().map_or(Tree::Other(digits), Tree::Real)
        }
        DeValue::Boolean(flag) => Tree::Flag(*flag),
        DeValue::Datetime(date) => Tree::Other(date.to_string()),
        DeValue::Array(items) => Tree::List(
            items
                .iter()
                .map(|item| Node { tree: value_tree(item.get_ref(), lines), line: Some(lines.of(item.span().start)) })
                .collect(),
        ),
        DeValue::Table(table) => table_tree(table, lines),
    }
}
