//! Reads from a request to the API which verb it asks for, on which resource.

use std::collections::BTreeMap;

use super::rights::Right;

/// What a request asks for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) right: Right,
    /// Absent for resources of the whole cluster.
    pub(super) namespace: Option<String>,
    /// The object; absent for all of them.
    pub(super) name: Option<String>,
    pub(super) query: BTreeMap<String, String>,
}

/// The objects that a list or a watch is about.
#[derive(Debug, Clone)]
pub(super) struct Selector {
    /// Each label with its value, or without one if it only has to exist.
    labels: Vec<(String, Option<String>)>,
    name: Option<String>,
}

impl Asked {
    /// Reads a request; `None` if it is about no resource.
    pub(super) fn read(method: &str, path: &str, query: &str) -> Option<Self> {
        let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
        let (group, rest) = match words.as_slice() {
            ["api", "v1", rest @ ..] => ("", rest),
            ["apis", group, "v1", rest @ ..] => (*group, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let (resource, name) = match rest {
            [resource] => ((*resource).to_owned(), None),
            [resource, name] => ((*resource).to_owned(), Some((*name).to_owned())),
            [resource, name, below] => (format!("{resource}/{below}"), Some((*name).to_owned())),
            _ => return None,
        };
        let is_watch = query.get("watch").is_some_and(|value| value != "false" && value != "0");
        let verb = match (method, &name) {
            ("GET", _) if is_watch => "watch",
            ("GET", Some(_)) => "get",
            ("GET", None) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", Some(_)) => "delete",
            ("DELETE", None) => "deletecollection",
            _ => return None,
        };
        Some(Self { right: Right::new(verb, group, &resource), namespace, name, query })
    }

    /// Returns the rights that the request needs: from Kubernetes 1.35 on, whoever opens a stream to a pod needs `create` for it as well.
    pub(super) fn needs(&self) -> Vec<Right> {
        let mut rights = vec![self.right.clone()];
        if self.right.is(("get", "pods/portforward")) {
            rights.push(Right::new("create", "", "pods/portforward"));
        }
        rights
    }

    /// Returns the objects that are asked for; an error names a selector that the stand-in does not know.
    pub(super) fn selector(&self) -> Result<Selector, String> {
        let label = |pair: &str| {
            let (key, value) = pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value)));
            let plain = !pair.contains(['!', ' ', '(']);
            plain.then(|| (key.to_owned(), value.map(|value| value.trim_start_matches('=').to_owned())))
        };
        let asked = self.query.get("labelSelector").map_or("", String::as_str);
        let pairs = asked.split(',').filter(|pair| !pair.is_empty());
        let labels: Option<Vec<(String, Option<String>)>> = pairs.map(label).collect();
        let field = self.query.get("fieldSelector").filter(|field| !field.is_empty());
        let name = field.map(|field| field.strip_prefix("metadata.name=").map(|name| name.trim_start_matches('=')));
        match (labels, name) {
            (Some(labels), None) => Ok(Selector { labels, name: self.name.clone() }),
            (Some(labels), Some(Some(name))) => Ok(Selector { labels, name: Some(name.to_owned()) }),
            _ => Err(format!("the stand-in does not know the selectors of {:?}", self.query)),
        }
    }
}

impl Selector {
    pub(super) fn selects(&self, object: &serde_json::Value) -> bool {
        let metadata = &object["metadata"];
        self.name.as_ref().is_none_or(|name| metadata["name"] == **name)
            && self.labels.iter().all(|(key, value)| {
                let label = metadata["labels"][key].as_str();
                label.is_some_and(|label| value.as_deref().is_none_or(|value| value == label))
            })
    }
}
