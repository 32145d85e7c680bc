//! Constraints of placement, evaluated as a Swarm does, so that too few engines are reported before anything starts.

use std::collections::HashMap;

use bollard::models::{Node, NodeSpecRoleEnum};

/// Reads constraints. Also returns those that cannot be read.
pub(super) fn read(texts: &[String]) -> (Vec<Constraint>, Vec<String>) {
    let (mut constraints, mut unreadable) = (Vec::new(), Vec::new());
    for text in texts {
        match Constraint::parse(text) {
            Some(constraint) => constraints.push(constraint),
            None => unreadable.push(text.clone()),
        }
    }
    (constraints, unreadable)
}

/// A constraint, for example `node.labels.load==yes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constraint {
    pub(super) text: String,
    key: Key,
    is_equal: bool,
    value: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Id,
    Host,
    Role,
    NodeLabel(String),
    EngineLabel(String),
    /// Only the engine knows how it compares this one.
    Other,
}

impl Constraint {
    fn parse(text: &str) -> Option<Self> {
        let (key, is_equal, value) = match (text.split_once("=="), text.split_once("!=")) {
            (Some((key, value)), None) => (key, true, value),
            (None, Some((key, value))) => (key, false, value),
            _ => return None,
        };
        let (key, value) = (key.trim(), value.trim());
        let label = |prefix: &str| key.strip_prefix(prefix).filter(|name| !name.is_empty()).map(str::to_owned);
        let key = match key {
            "node.id" => Key::Id,
            "node.hostname" => Key::Host,
            "node.role" => Key::Role,
            "node.ip" | "node.platform.os" | "node.platform.arch" => Key::Other,
            _ => match (label("node.labels."), label("engine.labels.")) {
                (Some(name), _) => Key::NodeLabel(name),
                (None, Some(name)) => Key::EngineLabel(name),
                (None, None) => return None,
            },
        };
        (!value.is_empty()).then(|| Self { text: text.to_owned(), key, is_equal, value: value.to_owned() })
    }

    /// Returns whether a task with this constraint can be placed on this engine. A label that an engine does not have is empty.
    pub(super) fn admits(&self, node: &Node) -> bool {
        let spec = node.spec.as_ref();
        let found = match &self.key {
            Key::Other => return true,
            Key::Id => node.id.as_deref().unwrap_or_default(),
            Key::Host => host(node),
            Key::Role => match spec.and_then(|spec| spec.role) {
                Some(NodeSpecRoleEnum::MANAGER) => "manager",
                Some(NodeSpecRoleEnum::WORKER) => "worker",
                _ => "",
            },
            Key::NodeLabel(name) => label(spec.and_then(|spec| spec.labels.as_ref()), name),
            Key::EngineLabel(name) => {
                let engine = node.description.as_ref().and_then(|description| description.engine.as_ref());
                label(engine.and_then(|engine| engine.labels.as_ref()), name)
            }
        };
        found.eq_ignore_ascii_case(&self.value) == self.is_equal
    }
}

fn label<'a>(labels: Option<&'a HashMap<String, String>>, name: &str) -> &'a str {
    labels.and_then(|labels| labels.get(name)).map_or("", String::as_str)
}

/// Returns the host name of an engine.
pub(super) fn host(node: &Node) -> &str {
    let named = node.description.as_ref().and_then(|description| description.hostname.as_deref());
    named.or(node.id.as_deref()).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use bollard::models::{NodeDescription, NodeSpec};

    use super::*;

    fn constraint(text: &str) -> Constraint {
        Constraint::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn constraints_are_compared_as_the_engine_does() {
        let labels = HashMap::from([("load".to_owned(), "yes".to_owned())]);
        let worker = Some(NodeSpecRoleEnum::WORKER);
        let node = Node {
            id: Some("x1".to_owned()),
            spec: Some(NodeSpec { labels: Some(labels), role: worker, ..NodeSpec::default() }),
            description: Some(NodeDescription { hostname: Some("b".to_owned()), ..NodeDescription::default() }),
            ..Node::default()
        };
        let admitted = [
            "node.labels.load==yes",
            "node.labels.load == YES",
            "node.labels.none!=yes",
            "node.role!=manager",
            "node.hostname==b",
            "node.id==x1",
            "engine.labels.disk!=ssd",
            "node.platform.os==linux",
        ];
        for text in admitted {
            assert!(constraint(text).admits(&node), "{text}");
        }
        for text in ["node.labels.load!=yes", "node.labels.none==yes", "node.role==manager", "node.hostname!=b"] {
            assert!(!constraint(text).admits(&node), "{text}");
        }
    }

    #[test]
    fn what_is_no_constraint_is_reported() {
        let texts = ["node.role", "node.colour==red", "node.labels.==x", "node.id==", "node.id=x"].map(str::to_owned);
        let (read, unreadable) = read(&texts);
        assert_eq!((read.len(), unreadable.len()), (0, texts.len()));
    }
}
