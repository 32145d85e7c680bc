//! Reads one key of `[matrix]` with its values.

use super::{refusal, slug};
use crate::spec::{Node, Section, Tree};

/// A key with its values, or a name with values of several keys that vary together.
pub(super) struct Axis {
    /// As written below `[matrix]`.
    pub(super) key: String,
    /// What is written there.
    pub(super) node: Node,
    pub(super) choices: Vec<Choice>,
}

/// One of the values.
pub(super) struct Choice {
    /// As a scenario writes it, without quotes.
    pub(super) text: String,
    /// Its part of the name of a cell.
    pub(super) slug: String,
    /// What is put into the scenario, by dotted paths.
    pub(super) nodes: Vec<(String, Node)>,
}

impl Axis {
    /// Returns its path in the scenario.
    pub(super) fn path(&self) -> String {
        format!("matrix.{}", self.key)
    }

    /// Iterates over the stages whose own keys it sets.
    pub(super) fn stages(&self) -> impl Iterator<Item = &str> {
        self.paths().filter_map(|path| path.strip_prefix("stage.")?.split('.').next())
    }

    /// Returns whether it sets exactly this key.
    pub(super) fn sets(&self, key: &str) -> bool {
        self.paths().any(|path| path == key)
    }

    /// Returns whether it sets a key with this beginning.
    pub(super) fn sets_below(&self, beginning: &str) -> bool {
        self.paths().any(|path| path.starts_with(beginning))
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        self.choices.iter().flat_map(|choice| &choice.nodes).map(|(path, _)| path.as_str())
    }
}

/// Reads what is written at `key`: a list, or tables whose names continue the dotted key.
pub(super) fn read(section: &Section<'_>, key: &str, node: &Node) -> Vec<Axis> {
    match &node.tree {
        Tree::List(items) => vec![one(section, key, node, items)],
        Tree::Table(entries) if !entries.is_empty() => {
            entries.iter().flat_map(|(name, node)| read(section, &format!("{key}.{name}"), node)).collect()
        }
        other => {
            let hint = format!("write {key:?} = [VALUE, VALUE]");
            section.mistake_on(key, node, format!("must be a list of values, is {}", other.kind()), Some(hint));
            vec![Axis { key: key.to_owned(), node: node.clone(), choices: Vec::new() }]
        }
    }
}

fn one(section: &Section<'_>, key: &str, node: &Node, items: &[Node]) -> Axis {
    let together = items.iter().all(Node::is_table) && !items.is_empty() && refusal::is_name(key);
    if items.is_empty() {
        section.mistake_on(key, node, "has no value", Some("write at least two".to_owned()));
    }
    if !together && let Some((message, hint)) = refusal::of_key(key) {
        section.mistake_on(key, node, message, Some(hint));
        return Axis { key: key.to_owned(), node: node.clone(), choices: Vec::new() };
    }
    let choice = |item: &Node| if together { linked(section, key, item) } else { plain(key, item) };
    let mut choices: Vec<Choice> = items.iter().map(choice).collect();
    for (index, item) in items.iter().enumerate() {
        let text = &choices[index].text;
        if choices[..index].iter().any(|known| known.text == *text) {
            section.mistake_on(key, item, format!("has the value {text} twice"), Some("remove one of them".to_owned()));
        }
    }
    let slugs = slug::all(key, &choices.iter().map(|choice| choice.text.as_str()).collect::<Vec<_>>());
    choices.iter_mut().zip(slugs).for_each(|(choice, slug)| choice.slug = slug);
    Axis { key: key.to_owned(), node: node.clone(), choices }
}

/// Returns the key of the scenario: `wire` stands for that of the generator.
fn place(key: &str) -> String {
    if key == "wire" { "generator.wire".to_owned() } else { key.to_owned() }
}

fn plain(key: &str, item: &Node) -> Choice {
    Choice { text: text(&item.tree), slug: String::new(), nodes: vec![(place(key), item.clone())] }
}

/// Reads values of several keys that vary together. They are called by the key `name`, or by the first of them.
fn linked(section: &Section<'_>, key: &str, item: &Node) -> Choice {
    let mut nodes = leaves("", item);
    let name = nodes.iter().position(|(path, _)| path == "name").map(|place| nodes.remove(place).1);
    for (path, node) in &nodes {
        if let Some((message, hint)) = refusal::of_key(path) {
            section.mistake_on(&format!("{key}.{path}"), node, message, Some(hint));
        }
    }
    let called = name.as_ref().or(nodes.first().map(|(_, node)| node));
    let text = called.map_or_else(String::new, |node| text(&node.tree));
    let nodes = nodes.into_iter().map(|(path, node)| (place(&path), node)).collect();
    Choice { text, slug: String::new(), nodes }
}

/// Returns the values of a table with their dotted paths.
fn leaves(path: &str, node: &Node) -> Vec<(String, Node)> {
    let entries = node.entries();
    if entries.is_empty() {
        return vec![(path.to_owned(), node.clone())];
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    entries.iter().flat_map(|(name, node)| leaves(&below(name), node)).collect()
}

/// Writes a value without quotes.
fn text(tree: &Tree) -> String {
    match tree {
        Tree::Text(text) | Tree::Other(text) => text.clone(),
        Tree::Whole(number) => number.to_string(),
        Tree::Real(number) => number.to_string(),
        Tree::Flag(flag) => flag.to_string(),
        Tree::List(items) => items.iter().map(text_of).collect::<Vec<_>>().join(" "),
        Tree::Table(entries) => {
            entries.iter().map(|(name, node)| format!("{name} {}", text_of(node))).collect::<Vec<_>>().join(", ")
        }
    }
}

fn text_of(node: &Node) -> String {
    text(&node.tree)
}
