//! The objects of the stand-in, and what happened to them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use harness_base::clock::{rfc3339, unix_seconds};

use super::request::Selector;

/// The kinds of objects that the stand-in keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Job,
    Pod,
    Secret,
}

impl Kind {
    /// Returns the kind of a resource; `None` for one that the stand-in does not keep.
    pub(super) fn of(group: &str, resource: &str) -> Option<Self> {
        match (group, resource) {
            ("batch", "jobs") => Some(Self::Job),
            ("", "pods") => Some(Self::Pod),
            ("", "secrets") => Some(Self::Secret),
            _ => None,
        }
    }

    pub(super) const fn resource(self) -> &'static str {
        match self {
            Self::Job => "jobs",
            Self::Pod => "pods",
            Self::Secret => "secrets",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Job => "Job",
            Self::Pod => "Pod",
            Self::Secret => "Secret",
        }
    }

    pub(super) const fn api_version(self) -> &'static str {
        match self {
            Self::Job => "batch/v1",
            Self::Pod | Self::Secret => "v1",
        }
    }
}

/// A change of an object, as a watch shows it.
#[derive(Debug, Clone)]
struct Event {
    version: u64,
    kind: Kind,
    word: &'static str,
    object: Value,
}

/// All objects of one namespace.
#[derive(Debug, Default)]
pub(super) struct Store {
    version: u64,
    objects: BTreeMap<(Kind, String), Value>,
    events: Vec<Event>,
}

impl Store {
    /// Returns the version of the newest change.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Adds an object with an identity of its own; `None` if there is one of this name.
    pub(super) fn create(&mut self, kind: Kind, mut object: Value) -> Option<Value> {
        let name = object["metadata"]["name"].as_str()?.to_owned();
        if self.objects.contains_key(&(kind, name.clone())) {
            return None;
        }
        object["metadata"]["uid"] = format!("00000000-0000-4000-8000-{:012x}", self.version + 1).into();
        object["metadata"]["creationTimestamp"] = rfc3339(unix_seconds()).into();
        object["kind"] = kind.name().into();
        object["apiVersion"] = kind.api_version().into();
        self.put(kind, &name, "ADDED", object)
    }

    /// Changes an object. Returns it, if it exists.
    pub(super) fn change(&mut self, kind: Kind, name: &str, change: impl FnOnce(&mut Value)) -> Option<Value> {
        let mut object = self.get(kind, name)?.clone();
        change(&mut object);
        self.put(kind, name, "MODIFIED", object)
    }

    /// Removes an object. Returns it, if it existed.
    pub(super) fn remove(&mut self, kind: Kind, name: &str) -> Option<Value> {
        let object = self.get(kind, name)?.clone();
        let object = self.put(kind, name, "DELETED", object);
        self.objects.remove(&(kind, name.to_owned()));
        object
    }

    fn put(&mut self, kind: Kind, name: &str, word: &'static str, mut object: Value) -> Option<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert((kind, name.to_owned()), object.clone());
        self.events.push(Event { version: self.version, kind, word, object: object.clone() });
        Some(object)
    }

    pub(super) fn get(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.objects.get(&(kind, name.to_owned()))
    }

    pub(super) fn list(&self, kind: Kind, selector: &Selector) -> Vec<Value> {
        let all = self.objects.iter().filter(|((of, _), object)| *of == kind && selector.selects(object));
        all.map(|(_, object)| object.clone()).collect()
    }

    /// Returns the objects whose owner has this identity.
    pub(super) fn owned_by(&self, uid: &str) -> Vec<(Kind, String)> {
        let is_owner = |owner: &Value| owner["uid"] == uid;
        let owned = self.objects.iter().filter(|(_, object)| {
            object["metadata"]["ownerReferences"].as_array().is_some_and(|owners| owners.iter().any(is_owner))
        });
        owned.map(|(key, _)| key.clone()).collect()
    }

    /// Returns all objects by resource and name.
    pub(super) fn names(&self) -> Vec<String> {
        self.objects.keys().map(|(kind, name)| format!("{}/{name}", kind.resource())).collect()
    }

    /// Returns the lines of a watch that has seen everything up to a version.
    pub(super) fn since(&self, version: u64, kind: Kind, selector: &Selector) -> Vec<Value> {
        let news = self.events.iter().filter(|event| event.version > version && event.kind == kind);
        let selected = news.filter(|event| selector.selects(&event.object));
        selected.map(|event| json!({ "type": event.word, "object": event.object })).collect()
    }
}
